/** X25519 (RFC 7748) over raw 32-byte keys, native; keys that contribute nothing to the secret are refused. */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import { fromBase64url, toBase64url } from "../suites/encoding.ts";
import { SecaggError } from "./errors.ts";

// RFC 8410 section 7: fixed PKCS#8 prefix of X25519 keys.
const PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");
const FIELD = 2n ** 255n - 19n;

const privateKeyObject = (raw: Uint8Array): KeyObject => {
  if (raw.length !== 32) throw new RangeError(`X25519 private key: expected 32 bytes, got ${raw.length}`);
  return createPrivateKey({ key: Buffer.concat([PKCS8, raw]), format: "der", type: "pkcs8" });
};
// RFC 8037: quicker than through SubjectPublicKeyInfo.
const publicKeyObject = (publicKey: string): KeyObject =>
  createPublicKey({ key: { kty: "OKP", crv: "X25519", x: publicKey }, format: "jwk" });

/** base64url in, base64url out. */
export function publicKeyOf(privateKey: string): string {
  const jwk = createPublicKey(privateKeyObject(fromBase64url(privateKey, "private key", 32))).export({ format: "jwk" });
  return toBase64url(new Uint8Array(Buffer.from(jwk.x ?? "", "base64url")));
}

/** RFC 7748 section 6.1 refuses an all-zero secret; OpenSSL does so itself, the check is for other builds. */
function agree(mine: KeyObject, publicKey: string): Uint8Array {
  fromBase64url(publicKey, "public key", 32);
  const theirs = publicKeyObject(publicKey);
  let secret: Uint8Array;
  try {
    secret = new Uint8Array(diffieHellman({ privateKey: mine, publicKey: theirs }));
  } catch (cause) {
    throw new SecaggError("ERR_SECAGG_AUTHENTICITY", "public key: low order", { cause });
  }
  if (secret.every((byte) => byte === 0)) throw new SecaggError("ERR_SECAGG_AUTHENTICITY", "public key: low order");
  return secret;
}

/** Shared secrets (32 bytes) with many public keys; the private key is read once. Throws for low-order keys. */
export function keyAgreement(privateKey: string): (publicKey: string) => Uint8Array {
  const mine = privateKeyObject(fromBase64url(privateKey, "private key", 32));
  return (publicKey) => agree(mine, publicKey);
}

interface Agreed {
  readonly agree: (publicKey: string) => Uint8Array;
  readonly secrets: Map<string, Uint8Array>;
}
const KEPT_KEYS = 64;
const agreed = new Map<string, Agreed>();

/**
 * A pair agrees once: its secret is wanted for the box that is dealt, the one that comes back, and every chunk of a mask.
 * Kept in this process alone, until `forgetSecrets`. The bytes are shared: never write to them.
 */
export function sharedSecret(privateKey: string, publicKey: string): Uint8Array {
  const { agree, secrets } = agreedWith(privateKey);
  let secret = secrets.get(publicKey);
  if (secret === undefined) {
    secret = agree(publicKey);
    secrets.set(publicKey, secret);
  }
  return secret;
}

function agreedWith(privateKey: string): Agreed {
  const known = agreed.get(privateKey);
  if (known !== undefined) return known;
  if (agreed.size >= KEPT_KEYS) agreed.delete(agreed.keys().next().value!);
  const fresh: Agreed = { agree: keyAgreement(privateKey), secrets: new Map() };
  agreed.set(privateKey, fresh);
  return fresh;
}

/** What was agreed with these private keys is overwritten: their computation is over. */
export function forgetSecrets(privateKeys: readonly string[]): void {
  for (const privateKey of privateKeys) {
    for (const secret of agreed.get(privateKey)?.secrets.values() ?? []) secret.fill(0);
    agreed.delete(privateKey);
  }
}

/** Canonical encodings of the points of order 1, 2, 4 and 8 on Curve25519 and its twist (RFC 7748 section 7). */
const LOW_ORDER: ReadonlySet<string> = new Set(
  [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  ].map((hex) => toBase64url(new Uint8Array(Buffer.from(hex, "hex")))),
);

/** Refuses low-order points, and second encodings of a point, which would pass a duplicate check. */
export function assertUsablePublicKey(publicKey: string, label: string): void {
  const raw = fromBase64url(publicKey, label, 32);
  const value = BigInt(`0x${Buffer.from(raw).reverse().toString("hex")}`);
  if (value >= FIELD) throw new SecaggError("ERR_SECAGG_AUTHENTICITY", `${label}: not a canonical X25519 key`);
  if (LOW_ORDER.has(publicKey)) throw new SecaggError("ERR_SECAGG_AUTHENTICITY", `${label}: low order`);
}
