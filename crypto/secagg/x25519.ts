/** X25519 (RFC 7748) over raw 32-byte keys, native; keys that contribute nothing to the secret are refused. */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import { fromBase64url, toBase64url } from "../suites/encoding.ts";
import { SecaggError } from "./errors.ts";

// RFC 8410 section 7: fixed PKCS#8 and SubjectPublicKeyInfo prefixes of X25519 keys.
const PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");
const SPKI = Buffer.from("302a300506032b656e032100", "hex");
const FIELD = 2n ** 255n - 19n;

const privateKeyObject = (raw: Uint8Array): KeyObject => {
  if (raw.length !== 32) throw new RangeError(`X25519 private key: expected 32 bytes, got ${raw.length}`);
  return createPrivateKey({ key: Buffer.concat([PKCS8, raw]), format: "der", type: "pkcs8" });
};
const publicKeyObject = (raw: Uint8Array): KeyObject => {
  if (raw.length !== 32) throw new RangeError(`X25519 public key: expected 32 bytes, got ${raw.length}`);
  return createPublicKey({ key: Buffer.concat([SPKI, raw]), format: "der", type: "spki" });
};

/** base64url in, base64url out. */
export function publicKeyOf(privateKey: string): string {
  const jwk = createPublicKey(privateKeyObject(fromBase64url(privateKey, "private key", 32))).export({ format: "jwk" });
  return toBase64url(new Uint8Array(Buffer.from(jwk.x ?? "", "base64url")));
}

/** Shared secret, 32 bytes. Throws ERR_SECAGG_AUTHENTICITY where it would be all zero (RFC 7748 section 6.1). */
export function sharedSecret(privateKey: string, publicKey: string): Uint8Array {
  const mine = privateKeyObject(fromBase64url(privateKey, "private key", 32));
  const theirs = publicKeyObject(fromBase64url(publicKey, "public key", 32));
  let secret: Uint8Array;
  try {
    secret = new Uint8Array(diffieHellman({ privateKey: mine, publicKey: theirs }));
  } catch (cause) {
    throw new SecaggError("ERR_SECAGG_AUTHENTICITY", "public key: low order", { cause });
  }
  if (secret.every((byte) => byte === 0)) throw new SecaggError("ERR_SECAGG_AUTHENTICITY", "public key: low order");
  return secret;
}

const PROBE = toBase64url(new Uint8Array(32).fill(0x5a));

/** Refuses low-order points and second encodings of a point, which would pass a duplicate check. */
export function assertUsablePublicKey(publicKey: string, label: string): void {
  const raw = fromBase64url(publicKey, label, 32);
  const value = raw.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  if (value >= FIELD) throw new SecaggError("ERR_SECAGG_AUTHENTICITY", `${label}: not a canonical X25519 key`);
  sharedSecret(PROBE, publicKey);
}
