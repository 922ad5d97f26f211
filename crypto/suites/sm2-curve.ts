/**
 * The curve of GB/T 32918.5-2017 (sm2p256v1, RFC 8998 section 3.2.1) and its keys. Points travel compressed
 * (GB/T 32918.1 section 4.2.9): 33 bytes.
 */
import { createHash } from "node:crypto";
import { type WeierstrassPoint, weierstrass } from "@noble/curves/abstract/weierstrass.js";
import { concat, toBase64url, utf8 } from "./encoding.ts";
import { hkdfSm3 } from "./sm3.ts";

export type Point = WeierstrassPoint<bigint>;

export const Sm2 = weierstrass({
  p: 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn,
  a: 0xfffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffcn,
  b: 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n,
  n: 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n,
  h: 1n,
  Gx: 0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7n,
  Gy: 0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0n,
});
export const ORDER = Sm2.Fn.ORDER;
export const POINT_BYTES = 33;

/** What GB/T 32918 calls the distinguishing identifier, where the parties agreed on none (GM/T 0009-2012 section 10). */
export const DEFAULT_ID = utf8("1234567812345678");

export const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
export const bytesOf = (value: bigint): Uint8Array =>
  new Uint8Array(Buffer.from(value.toString(16).padStart(64, "0"), "hex"));

/** Private key in [1, n − 2] (GB/T 32918.2 section 6.1) from 32 secret bytes: 48 derived ones, so that the bias is below 2^-127. */
export const scalarOf = (seed: Uint8Array, label: string): bigint =>
  (numberOf(hkdfSm3(seed, utf8(label), 48)) % (ORDER - 2n)) + 1n;

export const publicPoint = (scalar: bigint): Point => Sm2.BASE.multiply(scalar);

const KNOWN_POINTS = 4096;
const points = new Map<string, Point>();

/** Throws for what is no point of the curve in its one compressed form. Reading one takes a square root: kept. */
export function pointOf(compressed: Uint8Array): Point {
  const name = toBase64url(compressed);
  let point = points.get(name);
  if (point === undefined) {
    if (compressed.length !== POINT_BYTES) {
      throw new RangeError(`point: expected ${POINT_BYTES} bytes, got ${compressed.length}`);
    }
    point = Sm2.fromBytes(compressed);
    point.assertValidity();
    if (points.size >= KNOWN_POINTS) points.clear();
    points.set(name, point);
  }
  return point;
}

export function coordinatesOf(point: Point): { readonly x: Uint8Array; readonly y: Uint8Array } {
  const { x, y } = point.toAffine();
  return { x: bytesOf(x), y: bytesOf(y) };
}

const CURVE = concat(...[Sm2.CURVE().a, Sm2.CURVE().b, Sm2.CURVE().Gx, Sm2.CURVE().Gy].map(bytesOf));

/** Z of GB/T 32918.2 section 5.5: who signs or agrees, on which curve, with which key. */
export function identityHash(point: Point, id: Uint8Array = DEFAULT_ID): Uint8Array {
  const { x, y } = coordinatesOf(point);
  const bits = id.length * 8;
  const hash = createHash("sm3")
    .update(Uint8Array.of(bits >> 8, bits & 0xff))
    .update(id);
  return new Uint8Array(hash.update(CURVE).update(x).update(y).digest());
}
