/**
 * SM2 key agreement (GB/T 32918.3-2016) between two parties that made both of their key pairs for this one use: what
 * the standard calls the static and the ephemeral one. A public key is both points, 66 bytes, published under a
 * signature; so no further message is needed, and the initiator is whoever has the smaller public key.
 */
import { concat } from "./encoding.ts";
import {
  coordinatesOf,
  DEFAULT_ID,
  identityHash,
  POINT_BYTES,
  type Point,
  pointOf,
  publicPoint,
  Sm2,
  scalarOf,
} from "./sm2-curve.ts";
import { kdfSm3 } from "./sm3.ts";

export const AGREEMENT_BYTES = 2 * POINT_BYTES;
const SECRET_BYTES = 32;
// Section 6.1: w = ⌈⌈log2 n⌉ / 2⌉ − 1.
const W = 1n << 127n;

export interface Scalars {
  readonly fixed: bigint;
  readonly fresh: bigint;
}
export interface Points {
  readonly fixed: Point;
  readonly fresh: Point;
}

const reduced = (point: Point): bigint => W + (point.toAffine().x & (W - 1n));
/** What the other side multiplies by its own scalar. */
const joined = ({ fixed, fresh }: Points): Point => fixed.add(fresh.multiplyUnsafe(reduced(fresh)));

/** Steps A4 to A8, which are B3 to B7 of the other side; cofactor 1. Throws where the parties agree on no point. */
export function agreeSm2(
  own: Scalars & { readonly isInitiator: boolean; readonly points: Points; readonly id?: Uint8Array },
  other: Points & { readonly id?: Uint8Array },
  length: number = SECRET_BYTES,
): Uint8Array {
  const t = Sm2.Fn.create(own.fixed + reduced(own.points.fresh) * own.fresh);
  if (t === 0n) throw new RangeError("key agreement: unusable keys");
  const sum = joined(other);
  // The order is prime and t is not 0: a point that is not at infinity stays so.
  if (sum.is0()) throw new RangeError("key agreement: unusable keys");
  const shared = sum.multiply(t);
  const { x, y } = coordinatesOf(shared);
  const mine = identityHash(own.points.fixed, own.id ?? DEFAULT_ID);
  const theirs = identityHash(other.fixed, other.id ?? DEFAULT_ID);
  return kdfSm3(concat(x, y, ...(own.isInitiator ? [mine, theirs] : [theirs, mine])), length);
}

const scalarsOf = (seed: Uint8Array): Scalars => ({
  fixed: scalarOf(seed, "sealane/sm2-agreement/fixed/v1"),
  fresh: scalarOf(seed, "sealane/sm2-agreement/fresh/v1"),
});

const pointsOf = ({ fixed, fresh }: Scalars): Points => ({ fixed: publicPoint(fixed), fresh: publicPoint(fresh) });
const bytesOf = ({ fixed, fresh }: Points): Uint8Array => concat(fixed.toBytes(true), fresh.toBytes(true));

/** Throws RangeError for another length; an Error for what is no point of the curve. */
function readPoints(publicKey: Uint8Array): Points {
  if (publicKey.length !== AGREEMENT_BYTES) {
    throw new RangeError(`public key: expected ${AGREEMENT_BYTES} bytes, got ${publicKey.length}`);
  }
  return { fixed: pointOf(publicKey.subarray(0, POINT_BYTES)), fresh: pointOf(publicKey.subarray(POINT_BYTES)) };
}

export const sm2Agreement = Object.freeze({
  publicKeyBytes: AGREEMENT_BYTES,
  publicKeyOf: (seed: Uint8Array): Uint8Array => bytesOf(pointsOf(scalarsOf(seed))),
  /** Shared secrets (32 bytes) with many public keys; `seed` is read once. */
  agreeing(seed: Uint8Array): (publicKey: Uint8Array) => Uint8Array {
    const scalars = scalarsOf(seed);
    const points = pointsOf(scalars);
    const mine = bytesOf(points);
    return (publicKey) => {
      const isInitiator = Buffer.compare(mine, publicKey) < 0;
      return agreeSm2({ ...scalars, points, isInitiator }, readPoints(publicKey));
    };
  },
  assertUsable(publicKey: Uint8Array): void {
    const points = readPoints(publicKey);
    if (points.fixed.equals(points.fresh)) throw new RangeError("public key: both points are the same");
    if (joined(points).is0()) throw new RangeError("public key: agrees with nobody");
  },
});
