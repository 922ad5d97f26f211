/**
 * The function that both parties apply: item -> hash to the curve -> times a secret of this run (Meadows 1986; Huberman,
 * Franklin and Hogg 1999; semi-honest under DDH with a random oracle, De Cristofaro, Gasti and Tsudik 2012). A point travels as
 * its x-coordinate, 32 bytes: x(kP) = x(k(-P)), so the sign that is lost is never needed, and two items have one x only
 * where their hashes collide. The curve has prime order and no other points than those of the group, so being on it is
 * all there is to check (SP 800-56A rev. 3 section 5.6.2.3.4); OpenSSL does that as it decompresses.
 */
import { utf8 } from "../suites/encoding.ts";
import { PsiError } from "./errors.ts";
import { hashToCurve, hexOf } from "./hash-to-curve.ts";
import type { P256 } from "./openssl-p256.ts";

export const POINT_BYTES = 32;
export const RUN_BYTES = 16;
const MAXIMUM_ITEM_BYTES = 256;
/** RFC 9380 section 3.1: names the application and the suite. */
const DST = utf8("Sealane-PSI-V01-with-P256_XMD:SHA-256_SSWU_RO_");
// SP 800-186 section 3.2.1.3.
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

export interface Masking {
  /** x(k·H(run, item)) of each item in order, 32 bytes each. Throws ERR_PSI_INPUT. */
  maskItems(items: readonly string[]): Uint8Array;
  /** x(k·P) of each x(P) in order. Throws ERR_PSI_POINT. */
  remask(points: Uint8Array): Uint8Array;
}

/** Key of one party for one run, from 48 secret random bytes (as many as keep its bias below 2^-128). */
export function psiKey(random: Uint8Array): Uint8Array {
  if (random.length !== 48) throw new RangeError(`random: expected 48 bytes, got ${random.length}`);
  const scalar = (BigInt(`0x${Buffer.from(random).toString("hex")}`) % (ORDER - 1n)) + 1n;
  return new Uint8Array(Buffer.from(hexOf(scalar), "hex"));
}

/** `run`: 16 bytes that both parties use for this run and for no other. */
export function maskingOf(key: Uint8Array, run: Uint8Array, curve: P256): Masking {
  if (run.length !== RUN_BYTES) throw new RangeError(`run: expected ${RUN_BYTES} bytes, got ${run.length}`);
  return Object.freeze({
    maskItems(items: readonly string[]) {
      const messages = items.map((item) => Buffer.concat([run, itemBytes(item)]));
      return multiples(hashToCurve(messages, DST, curve));
    },
    remask(points: Uint8Array) {
      const compressed = Array.from({ length: pointsIn(points) }, (_, i) => {
        const point = new Uint8Array(1 + POINT_BYTES).fill(2, 0, 1);
        point.set(points.subarray(POINT_BYTES * i, POINT_BYTES * (i + 1)), 1);
        return point;
      });
      return multiples(compressed);
    },
  });

  function multiples(points: readonly Uint8Array[]): Uint8Array {
    const masked = new Uint8Array(POINT_BYTES * points.length);
    for (const [i, point] of curve.multiples(key, points).entries()) {
      if (point === undefined) throw new PsiError("ERR_PSI_POINT", "points: one is not on the curve");
      masked.set(point, POINT_BYTES * i);
    }
    return masked;
  }
}

function itemBytes(item: string): Uint8Array {
  const bytes = utf8(item);
  if (bytes.length === 0 || bytes.length > MAXIMUM_ITEM_BYTES || !item.isWellFormed()) {
    throw new PsiError("ERR_PSI_INPUT", `items: wanted texts of 1 to ${MAXIMUM_ITEM_BYTES} bytes of UTF-8`);
  }
  return bytes;
}

/** Throws ERR_PSI_MESSAGE where the bytes are no whole number of points. */
export function pointsIn(bytes: Uint8Array): number {
  if (bytes.length % POINT_BYTES !== 0) {
    throw new PsiError("ERR_PSI_MESSAGE", `points: wanted a multiple of ${POINT_BYTES} bytes, got ${bytes.length}`);
  }
  return bytes.length / POINT_BYTES;
}
