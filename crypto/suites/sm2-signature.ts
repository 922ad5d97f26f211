/**
 * SM2 signatures (GB/T 32918.2-2016) with SM3 and the default id; r ‖ s, 64 bytes. Not node:crypto's: a key pair made
 * there signs plain ECDSA on this curve, one read from PEM signs with an empty id, and neither takes another.
 */
import { createHmac } from "node:crypto";
import { createHmacDrbg } from "@noble/curves/utils.js";
import { concat } from "./encoding.ts";
import { bytesOf, identityHash, numberOf, ORDER, type Point, pointOf, publicPoint, Sm2 } from "./sm2-curve.ts";
import { sm3 } from "./sm3.ts";

const { Fn } = Sm2;

/** e of GB/T 32918.2 section 6.1, steps A1 and A2. */
const messageNumber = (identity: Uint8Array, message: Uint8Array): bigint => numberOf(sm3(identity, message));

/** Steps A3 to A7; undefined where the nonce is one of the few that section 6.1 has drawn again. */
export function signWith(scalar: bigint, e: bigint, nonce: bigint): Uint8Array | undefined {
  if (nonce <= 0n || nonce >= ORDER) return undefined;
  const r = Fn.create(e + publicPoint(nonce).toAffine().x);
  if (r === 0n || r + nonce === ORDER) return undefined;
  const s = Fn.mul(Fn.inv(Fn.create(1n + scalar)), Fn.create(nonce - r * scalar));
  return s === 0n ? undefined : concat(bytesOf(r), bytesOf(s));
}

// RFC 6979 section 3.2, with HMAC-SM3 and e for the message: no randomness that could fail, and the same statement
// has one signature, as with Ed25519.
const nonces = createHmacDrbg<Uint8Array>(
  32,
  32,
  (key: Uint8Array, message: Uint8Array) => new Uint8Array(createHmac("sm3", key).update(message).digest()),
);

export function signSm2(scalar: bigint, identity: Uint8Array, message: Uint8Array): Uint8Array {
  const e = messageNumber(identity, message);
  return nonces(concat(bytesOf(scalar), bytesOf(Fn.create(e))), (nonce) => signWith(scalar, e, numberOf(nonce)));
}

/** A key that is met again gets a table of its multiples: 10 ms once, then a third of the time. */
const TABLE_AFTER = 8;
const MAX_KEYS = 4096;
/** Some 200 KB each. */
const MAX_TABLES = 64;

interface VerifyingKey {
  readonly point: Point;
  readonly identity: Uint8Array;
  uses: number;
}
const keys = new Map<string, VerifyingKey>();
let tables = 0;

function verifyingKey(publicKey: Uint8Array): VerifyingKey {
  const name = Buffer.from(publicKey).toString("latin1");
  let key = keys.get(name);
  if (key === undefined) {
    // A point of its own: tables hang on it.
    const point = Sm2.fromAffine(pointOf(publicKey).toAffine());
    key = { point, identity: identityHash(point), uses: 0 };
    if (keys.size >= MAX_KEYS) {
      keys.clear();
      tables = 0;
    }
    keys.set(name, key);
  }
  key.uses += 1;
  if (key.uses === TABLE_AFTER && tables < MAX_TABLES) {
    key.point.precompute(4, false);
    tables += 1;
  }
  return key;
}

/** GB/T 32918.2 section 7.1. Throws for a malformed key. */
export function verifySm2(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false;
  const r = numberOf(signature.subarray(0, 32));
  const s = numberOf(signature.subarray(32));
  if (r === 0n || r >= ORDER || s === 0n || s >= ORDER) return false;
  const t = Fn.create(r + s);
  if (t === 0n) return false;
  const { point, identity, uses } = verifyingKey(publicKey);
  const ofKey = uses >= TABLE_AFTER ? point.multiply(t) : point.multiplyUnsafe(t);
  const sum = Sm2.BASE.multiply(s).add(ofKey);
  return !sum.is0() && Fn.create(messageNumber(identity, message) + sum.toAffine().x) === r;
}
