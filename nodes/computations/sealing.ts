/**
 * The result on its way to the requester: a compact JWE (RFC 7516) with ECDH-ES over X25519 (RFC 8037) and A256GCM, to
 * a key the requester makes for one fetch. The signed peer request binds that key to the requester.
 */
import { CompactEncrypt, compactDecrypt, exportJWK, generateKeyPair, importJWK } from "jose";
import { utf8 } from "../../crypto/suites/encoding.ts";

const ALGORITHM = "ECDH-ES";
const ENCRYPTION = "A256GCM";

export interface SealingKey {
  /** X25519, base64url. */
  readonly publicKey: string;
  open(sealed: string): Promise<unknown>;
}

export async function createSealingKey(): Promise<SealingKey> {
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM, { crv: "X25519" });
  const { x } = await exportJWK(publicKey);
  return Object.freeze({
    publicKey: x ?? "",
    async open(sealed: string) {
      const { plaintext } = await compactDecrypt(sealed, privateKey, {
        keyManagementAlgorithms: [ALGORITHM],
        contentEncryptionAlgorithms: [ENCRYPTION],
      });
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plaintext)) as unknown;
    },
  });
}

export async function sealTo(publicKey: string, value: unknown): Promise<string> {
  const key = await importJWK({ kty: "OKP", crv: "X25519", x: publicKey }, ALGORITHM);
  return await new CompactEncrypt(utf8(JSON.stringify(value)))
    .setProtectedHeader({ alg: ALGORITHM, enc: ENCRYPTION })
    .encrypt(key);
}
