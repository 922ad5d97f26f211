/**
 * The result on its way to the requester, to a key the requester makes for one fetch. The signed peer request binds that
 * key to the requester. In suite `intl` a compact JWE (RFC 7516) with ECDH-ES over X25519 (RFC 8037) and A256GCM; JOSE has
 * no names for SM2 and SM4, so in suite `gm` it is "sm2.<public key of a fresh key>.<box>", both base64url; nor for X-Wing,
 * so in `intl-pq` it is "xwing.<ciphertext>.<box>".
 */
import { CompactEncrypt, compactDecrypt, exportJWK, generateKeyPair, importJWK } from "jose";
import { NONCE_BYTES } from "../../crypto/suites/boxes.ts";
import { sha256 } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url, utf8 } from "../../crypto/suites/encoding.ts";
import { gm } from "../../crypto/suites/gm.ts";
import { intlPq } from "../../crypto/suites/intl-pq.ts";
import type { SuiteId } from "../../crypto/suites/suite.ts";

type Random = (bytes: number) => Uint8Array;

export interface SealingKey {
  readonly suite: SuiteId;
  /** base64url. */
  readonly publicKey: string;
  open(sealed: string): Promise<unknown>;
}

interface Sealing {
  createKey(random: Random): Promise<Omit<SealingKey, "suite">>;
  seal(publicKey: string, plain: Uint8Array, random: Random): Promise<string>;
}

const ALGORITHM = "ECDH-ES";
const ENCRYPTION = "A256GCM";

const parsed = (plain: Uint8Array): unknown => JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plain));

const jwe: Sealing = {
  async createKey() {
    const { publicKey, privateKey } = await generateKeyPair(ALGORITHM, { crv: "X25519" });
    const { x } = await exportJWK(publicKey);
    return {
      publicKey: x ?? "",
      async open(sealed) {
        const { plaintext } = await compactDecrypt(sealed, privateKey, {
          keyManagementAlgorithms: [ALGORITHM],
          contentEncryptionAlgorithms: [ENCRYPTION],
        });
        return parsed(plaintext);
      },
    };
  },
  async seal(publicKey, plain) {
    const key = await importJWK({ kty: "OKP", crv: "X25519", x: publicKey }, ALGORITHM);
    return await new CompactEncrypt(plain).setProtectedHeader({ alg: ALGORITHM, enc: ENCRYPTION }).encrypt(key);
  },
};

const infoOf = (sender: string, recipient: string): Uint8Array =>
  utf8(`sealane/sealed-result/sm2/v1\n${sender}\n${recipient}`);

const sm2: Sealing = {
  async createKey(random) {
    const seed = random(32);
    const publicKey = toBase64url(gm.agreement.publicKeyOf(seed));
    return {
      publicKey,
      async open(sealed) {
        const [kind, sender = "", box = "", ...more] = sealed.split(".");
        if (kind !== "sm2" || more.length > 0) throw new RangeError("sealed result: not sealed under suite gm");
        const secret = gm.agreement.agreeing(seed)(fromBase64url(sender, "key", gm.agreement.publicKeyBytes));
        return parsed(gm.boxes.open(secret, infoOf(sender, publicKey), fromBase64url(box, "box")));
      },
    };
  },
  async seal(publicKey, plain, random) {
    const recipient = fromBase64url(publicKey, "publicKey", gm.agreement.publicKeyBytes);
    gm.agreement.assertUsable(recipient);
    const seed = random(32);
    const sender = toBase64url(gm.agreement.publicKeyOf(seed));
    const secret = gm.agreement.agreeing(seed)(recipient);
    const box = gm.boxes.seal(secret, infoOf(sender, publicKey), plain, random(NONCE_BYTES));
    return `sm2.${sender}.${toBase64url(box)}`;
  },
};

/** A hash: HKDF takes no more than 1,024 bytes. */
const hybridInfo = (ciphertext: string, recipient: string): Uint8Array =>
  sha256(utf8(`sealane/sealed-result/xwing/v1\n${ciphertext}\n${recipient}`));

const hybrid: Sealing = {
  async createKey(random) {
    const seed = random(32);
    const publicKey = toBase64url(intlPq.agreement.publicKeyOf(seed));
    return {
      publicKey,
      async open(sealed) {
        const [kind, ciphertext = "", box = "", ...more] = sealed.split(".");
        if (kind !== "xwing" || more.length > 0) throw new RangeError("sealed result: not sealed under suite intl-pq");
        const { ciphertextBytes, decapsulating } = intlPq.encapsulation;
        const secret = decapsulating(seed)(fromBase64url(ciphertext, "ciphertext", ciphertextBytes));
        return parsed(intlPq.boxes.open(secret, hybridInfo(ciphertext, publicKey), fromBase64url(box, "box")));
      },
    };
  },
  async seal(publicKey, plain, random) {
    const recipient = fromBase64url(publicKey, "publicKey", intlPq.agreement.publicKeyBytes);
    intlPq.agreement.assertUsable(recipient);
    const { secret, ciphertext } = intlPq.encapsulation.encapsulate(recipient);
    const text = toBase64url(ciphertext);
    const box = intlPq.boxes.seal(secret, hybridInfo(text, publicKey), plain, random(NONCE_BYTES));
    return `xwing.${text}.${toBase64url(box)}`;
  },
};

const SEALINGS: Readonly<Record<SuiteId, Sealing>> = { intl: jwe, gm: sm2, "intl-pq": hybrid };

export async function createSealingKey(suite: SuiteId, random: Random): Promise<SealingKey> {
  return Object.freeze({ suite, ...(await SEALINGS[suite].createKey(random)) });
}

/** Throws for a key that is none of its suite. */
export const sealTo = (
  to: { readonly suite?: SuiteId; readonly publicKey: string },
  value: unknown,
  random: Random,
): Promise<string> => SEALINGS[to.suite ?? "intl"].seal(to.publicKey, utf8(JSON.stringify(value)), random);
