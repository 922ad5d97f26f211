/** X25519 (RFC 7748) over raw 32-byte keys, native; keys that contribute nothing to the secret are refused. */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import { toBase64url } from "./encoding.ts";

const FIELD = 2n ** 255n - 19n;
const KEY_BYTES = 32;

// RFC 8410 section 7 as RFC 7468 texts: fixed prefixes of X25519 keys. Node reads a text in a third of the time that an
// object takes, of which it must find out first that it is no key already.
function pem(label: string, prefix: string, raw: Uint8Array): string {
  if (raw.length !== KEY_BYTES) throw new RangeError(`${label}: expected ${KEY_BYTES} bytes, got ${raw.length}`);
  const text = Buffer.concat([Buffer.from(prefix, "hex"), raw]).toString("base64");
  return `-----BEGIN ${label}-----\n${text}\n-----END ${label}-----`;
}

const privateKeyObject = (raw: Uint8Array): KeyObject =>
  createPrivateKey(pem("PRIVATE KEY", "302e020100300506032b656e04220420", raw));
const publicKeyObject = (raw: Uint8Array): KeyObject =>
  createPublicKey(pem("PUBLIC KEY", "302a300506032b656e032100", raw));

/** RFC 7748 section 6.1 refuses an all-zero secret; OpenSSL does so itself, the check is for other builds. */
function agree(mine: KeyObject, publicKey: Uint8Array): Uint8Array {
  const theirs = publicKeyObject(publicKey);
  let secret: Uint8Array;
  try {
    secret = new Uint8Array(diffieHellman({ privateKey: mine, publicKey: theirs }));
  } catch (cause) {
    throw new RangeError("public key: low order", { cause });
  }
  if (secret.every((byte) => byte === 0)) throw new RangeError("public key: low order");
  return secret;
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

export const x25519 = Object.freeze({
  publicKeyBytes: KEY_BYTES,
  publicKeyOf(privateKey: Uint8Array): Uint8Array {
    const jwk = createPublicKey(privateKeyObject(privateKey)).export({ format: "jwk" });
    return new Uint8Array(Buffer.from(jwk.x ?? "", "base64url"));
  },
  agreeing(privateKey: Uint8Array): (publicKey: Uint8Array) => Uint8Array {
    const mine = privateKeyObject(privateKey);
    return (publicKey) => agree(mine, publicKey);
  },
  /** Refuses low-order points, and second encodings of a point, which would pass a duplicate check. */
  assertUsable(publicKey: Uint8Array): void {
    if (publicKey.length !== KEY_BYTES) {
      throw new RangeError(`expected ${KEY_BYTES} bytes, got ${publicKey.length}`);
    }
    const value = BigInt(`0x${Buffer.from(publicKey).reverse().toString("hex")}`);
    if (value >= FIELD) throw new RangeError("not a canonical X25519 key");
    if (LOW_ORDER.has(toBase64url(publicKey))) throw new RangeError("low order");
  },
});
