/**
 * Signed statements: the one envelope in which members say anything that others keep (transactions, messages,
 * requests, receipts). The signature covers the domain, the statement, the signer, the key id and the suite.
 */
import { canonicalJson, sha256 } from "./digest.ts";
import { concat, fromBase64url, toBase64url, utf8 } from "./encoding.ts";
import { type SuiteId, suiteOf } from "./suite.ts";

/** Domains keep a signature made for one purpose from being shown for another. */
export type SigningDomain =
  | "transaction"
  | "data-request"
  | "negotiation"
  | "secagg-message"
  | "receiver-key"
  | "receipt"
  | "view"
  | "catalogue"
  | "application"
  | "result"
  | "trust";

export interface Signed<S> {
  readonly statement: S;
  /** Member id of the signer. */
  readonly signer: string;
  /** Key id: see `keyIdOf`. */
  readonly key: string;
  readonly suite: SuiteId;
  /** base64url. */
  readonly signature: string;
}

export interface SigningIdentity {
  readonly member: string;
  readonly key: string;
  readonly suite: SuiteId;
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

const KEY_ID_CACHE_SIZE = 4096;
const keyIds = new Map<string, string>();

/** First 16 bytes of SHA-256(suite ‖ 0 ‖ public key), base64url (22 characters). */
export function keyIdOf(suite: SuiteId, publicKey: Uint8Array): string {
  const name = `${suite} ${toBase64url(publicKey)}`;
  let id = keyIds.get(name);
  if (id === undefined) {
    id = toBase64url(sha256(utf8(`${suite}\0`), publicKey).subarray(0, 16));
    if (keyIds.size >= KEY_ID_CACHE_SIZE) keyIds.clear();
    keyIds.set(name, id);
  }
  return id;
}

export function signingIdentity(member: string, suite: SuiteId, seed: Uint8Array): SigningIdentity {
  const { publicKey, privateKey } = suiteOf(suite).keyPair(seed);
  return { member, suite, key: keyIdOf(suite, publicKey), publicKey, privateKey };
}

/** The exact bytes under the signature: "sealane/<domain>/v1\n" ‖ JCS of the envelope without its signature. */
export const signingBytes = (domain: SigningDomain, unsigned: Omit<Signed<unknown>, "signature">): Uint8Array =>
  concat(
    utf8(`sealane/${domain}/v1\n`),
    utf8(
      // In the order of the canonical text, which is quicker.
      canonicalJson({
        key: unsigned.key,
        signer: unsigned.signer,
        statement: unsigned.statement,
        suite: unsigned.suite,
      }),
    ),
  );

export function signStatement<S>(identity: SigningIdentity, domain: SigningDomain, statement: S): Signed<S> {
  const unsigned = { statement, signer: identity.member, key: identity.key, suite: identity.suite };
  const signature = suiteOf(identity.suite).sign(identity.privateKey, signingBytes(domain, unsigned));
  return { ...unsigned, signature: toBase64url(signature) };
}

/** True when `signed` was made under `publicKey` for `domain`. Malformed input is false, never an exception. */
export function verifySigned(publicKey: Uint8Array, domain: SigningDomain, signed: Signed<unknown>): boolean {
  try {
    const { suite, message, signature } = claimOf(publicKey, domain, signed);
    return suite.verify(publicKey, message, signature);
  } catch {
    return false;
  }
}

/** The same answer from another thread, so that many are checked at once. */
export async function verifySignedAhead(
  publicKey: Uint8Array,
  domain: SigningDomain,
  signed: Signed<unknown>,
): Promise<boolean> {
  try {
    const { suite, message, signature } = claimOf(publicKey, domain, signed);
    return await suite.verifyAhead(publicKey, message, signature);
  } catch {
    return false;
  }
}

/** What the signature claims. Throws on anything malformed and on another key than the one named. */
function claimOf(publicKey: Uint8Array, domain: SigningDomain, signed: Signed<unknown>) {
  if (keyIdOf(signed.suite, publicKey) !== signed.key) throw new RangeError("key: another one than the public key's");
  const signature = fromBase64url(signed.signature, "signature", 64);
  return { suite: suiteOf(signed.suite), message: signingBytes(domain, signed), signature };
}
