/**
 * Exact Poisson numbers: inversion of the distribution function with lower and upper bounds in integers. A draw that the
 * bounds cannot place takes more random bits and a table of twice the precision, so that what comes out has exactly the
 * distribution, without floating point, in time that does not depend on what it is added to. (Knuth and Yao 1976 on
 * lazily refined uniform numbers; Mironov 2012 and arXiv 2207.13793 on what floating point gives away.)
 */

export type Random = (bytes: number) => Uint8Array;

/** A table has about 27 × √mean entries. */
export const LARGEST_MEAN = 2 ** 22;

const FIRST_BITS = 128;

interface Table {
  readonly bits: number;
  /** The number that entry 0 is about. */
  readonly first: number;
  /** Unnormalised P(X < first + i) is at most `upper[i]`, P(X ≤ first + i) at least `lower[i]`. */
  readonly upper: readonly bigint[];
  readonly lower: readonly bigint[];
  readonly totalLow: bigint;
  readonly totalHigh: bigint;
}

/** `mean`: whole, from 1 to LARGEST_MEAN. `firstBits` is for tests, which want draws that are refined. */
export function poissonSampler(mean: number, firstBits = FIRST_BITS): (random: Random) => number {
  if (!Number.isInteger(mean) || mean < 1 || mean > LARGEST_MEAN) {
    throw new RangeError(`mean: expected a whole number from 1 to ${LARGEST_MEAN}, got ${mean}`);
  }
  const tables = [tableOf(mean, firstBits)];
  return (random) => {
    let uniform = bitsFrom(random, firstBits);
    for (let at = 0; ; at++) {
      const table = tables[at] ?? tableOf(mean, firstBits * 2 ** at);
      tables[at] = table;
      if (at > 0) uniform = (uniform << BigInt(table.bits / 2)) | bitsFrom(random, table.bits / 2);
      const found = place(table, uniform);
      if (found !== undefined) return found;
    }
  };
}

/** Weights relative to the one of the mode, from there outwards until they vanish; what is cut off is bounded. */
function tableOf(mean: number, bits: number): Table {
  const lambda = BigInt(mean);
  const top = 1n << BigInt(bits);
  const below: Weight[] = [];
  let weight: Weight = { low: top, high: top };
  let first = mean;
  for (; first > 0 && weight.low > 0n; first--) {
    weight = scaled(weight, BigInt(first), lambda);
    below.push(weight);
  }
  // Geometric: each further weight down is at most first/mean of the one before.
  const tailBelow = first === 0 ? 0n : ceiling(weight.high * BigInt(first), lambda - BigInt(first));
  const above: Weight[] = [];
  let last = mean;
  for (weight = { low: top, high: top }; weight.low > 0n; ) {
    last += 1;
    weight = scaled(weight, lambda, BigInt(last));
    above.push(weight);
  }
  const tailAbove = ceiling(weight.high * lambda, BigInt(last + 1) - lambda);
  const upper: bigint[] = [];
  const lower: bigint[] = [];
  let [low, high] = [0n, tailBelow];
  for (const one of [...below.reverse(), { low: top, high: top }, ...above]) {
    upper.push(high);
    low += one.low;
    high += one.high;
    lower.push(low);
  }
  return { bits, first, upper, lower, totalLow: low, totalHigh: high + tailAbove };
}

interface Weight {
  readonly low: bigint;
  readonly high: bigint;
}

const ceiling = (value: bigint, divisor: bigint): bigint => (value + divisor - 1n) / divisor;

const scaled = ({ low, high }: Weight, by: bigint, over: bigint): Weight => ({
  low: (low * by) / over,
  high: ceiling(high * by, over),
});

/** Undefined where it lies too near a step, or in a tail. */
function place({ bits, first, upper, lower, totalLow, totalHigh }: Table, uniform: bigint): number | undefined {
  const shift = BigInt(bits);
  const least = (uniform * totalLow) >> shift;
  const most = (((uniform + 1n) * totalHigh) >> shift) + 1n;
  if (least < upper[0]!) return undefined;
  let [from, to] = [0, upper.length - 1];
  while (from < to) {
    const middle = (from + to + 1) >> 1;
    if (upper[middle]! <= least) from = middle;
    else to = middle - 1;
  }
  return most <= lower[from]! ? first + from : undefined;
}

function bitsFrom(random: Random, bits: number): bigint {
  const bytes = random(bits / 8);
  return BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}`);
}
