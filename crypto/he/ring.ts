/**
 * Polynomials of degree below N over Z_p, modulo X^N + 1, in doubles: with p below 2^26 and residues within p/2 of zero
 * products are exact, and x - round(x/p)·p takes a few additions and multiplications, no branch and no division, so time
 * tells nothing of values. Transforms are those of Harvey 2014 and Longa and Naehrig 2016 (powers of the least
 * primitive 2N-th root in bit-reversed order, which is also SEAL's), two layers in one pass.
 */

/** Adding it and taking it away again rounds a double below 2^51 to the nearest integer. */
export const ROUNDING = 3 * 2 ** 51;

/** Of a whole number within 2^53 - p of zero: within p/2 of zero, up to two. `perPrime`: 1/p. */
export const reduce = (value: number, p: number, perPrime: number): number =>
  value - (value * perPrime + ROUNDING - ROUNDING) * p;

/** The same from 0 to p - 1. */
export function lifted(value: number, p: number, perPrime: number): number {
  const residue = reduce(value, p, perPrime) | 0;
  return residue + ((residue >> 31) & p);
}

export interface Ring {
  readonly degree: number;
  readonly prime: number;
  /** 1/p */
  readonly perPrime: number;
  /**
   * In place: coefficients within p/2 of zero become values at the 2N-th roots, within 4p of zero.
   * `inverse` wants values within p of zero and gives N times the coefficients, within p of zero.
   */
  forward(polynomial: Float64Array): void;
  inverse(polynomial: Float64Array): void;
  /** Of a whole number, for products: within p/2 of zero. */
  constant(value: bigint): number;
}

/** `prime`: 1 modulo 2N, below 2^26. `degree`: a power of four. */
export function ringOf(degree: number, prime: number): Ring {
  const { roots, inverses } = rootsOf(degree, prime);
  const p = prime;
  const perPrime = 1 / prime;
  return Object.freeze({
    degree,
    prime,
    perPrime,
    constant: (value: bigint) => centred(modulo(value, BigInt(prime)), prime),

    forward(x: Float64Array) {
      for (let blocks = 1, t = degree >> 2; blocks < degree; blocks <<= 2, t >>= 2) {
        // Every layer adds p/2 at most: after six of them sums would leave what a product may be made of.
        const isWide = blocks === 64;
        for (let block = 0, start = 0; block < blocks; block++, start += 4 * t) {
          const w = roots[blocks + block]!;
          const wEven = roots[2 * (blocks + block)]!;
          const wOdd = roots[2 * (blocks + block) + 1]!;
          for (let i = start, end = start + t; i < end; i++) {
            let a = x[i]!;
            let b = x[i + t]!;
            if (isWide) {
              a = a - (a * perPrime + ROUNDING - ROUNDING) * p;
              b = b - (b * perPrime + ROUNDING - ROUNDING) * p;
            }
            const wc = x[i + 2 * t]! * w;
            const wd = x[i + 3 * t]! * w;
            const c = wc - (wc * perPrime + ROUNDING - ROUNDING) * p;
            const d = wd - (wd * perPrime + ROUNDING - ROUNDING) * p;
            const even = (b + d) * wEven;
            const odd = (b - d) * wOdd;
            const f = even - (even * perPrime + ROUNDING - ROUNDING) * p;
            const g = odd - (odd * perPrime + ROUNDING - ROUNDING) * p;
            x[i] = a + c + f;
            x[i + t] = a + c - f;
            x[i + 2 * t] = a - c + g;
            x[i + 3 * t] = a - c - g;
          }
        }
      }
    },

    inverse(x: Float64Array) {
      for (let blocks = degree >> 2, t = 1; blocks >= 1; blocks >>= 2, t <<= 2) {
        for (let block = 0, start = 0; block < blocks; block++, start += 4 * t) {
          const w = inverses[blocks + block]!;
          const wEven = inverses[2 * (blocks + block)]!;
          const wOdd = inverses[2 * (blocks + block) + 1]!;
          for (let i = start, end = start + t; i < end; i++) {
            const a = x[i]! + x[i + t]!;
            const c = x[i + 2 * t]! + x[i + 3 * t]!;
            const even = (x[i]! - x[i + t]!) * wEven;
            const odd = (x[i + 2 * t]! - x[i + 3 * t]!) * wOdd;
            const b = even - (even * perPrime + ROUNDING - ROUNDING) * p;
            const d = odd - (odd * perPrime + ROUNDING - ROUNDING) * p;
            const high = (a - c) * w;
            const higher = (b - d) * w;
            const sum = a + c;
            x[i] = sum - (sum * perPrime + ROUNDING - ROUNDING) * p;
            x[i + t] = b + d;
            x[i + 2 * t] = high - (high * perPrime + ROUNDING - ROUNDING) * p;
            x[i + 3 * t] = higher - (higher * perPrime + ROUNDING - ROUNDING) * p;
          }
        }
      }
    },
  });
}

const modulo = (value: bigint, modulus: bigint): bigint => ((value % modulus) + modulus) % modulus;

/** Of a residue from 0 to p - 1. */
function centred(value: bigint, prime: number): number {
  const residue = Number(value);
  return residue > prime / 2 ? residue - prime : residue;
}

/** Powers of the least primitive 2N-th root of one and of its inverse, in bit-reversed order. */
function rootsOf(degree: number, prime: number) {
  const p = BigInt(prime);
  const least = leastRoot(degree, p);
  const opposite = power(least, p - 2n, p);
  const roots = new Float64Array(degree);
  const inverses = new Float64Array(degree);
  const bits = Math.log2(degree);
  for (let i = 0, root = 1n, inverse = 1n; i < degree; i++) {
    const at = reversed(i, bits);
    roots[at] = centred(root, prime);
    inverses[at] = centred(inverse, prime);
    root = (root * least) % p;
    inverse = (inverse * opposite) % p;
  }
  return { roots, inverses };
}

function leastRoot(degree: number, p: bigint): bigint {
  const order = 2n * BigInt(degree);
  let some = 0n;
  for (let base = 2n; power(some, order / 2n, p) !== p - 1n; base++) some = power(base, (p - 1n) / order, p);
  const square = (some * some) % p;
  let least = some;
  // The primitive ones are its odd powers.
  for (let i = 0, root = some; i < degree; i++, root = (root * square) % p) {
    if (root < least) least = root;
  }
  return least;
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n, square = (square * square) % modulus) {
    if ((rest & 1n) === 1n) result = (result * square) % modulus;
  }
  return result;
}

function reversed(value: number, bits: number): number {
  let result = 0;
  for (let bit = 0; bit < bits; bit++) result |= ((value >> bit) & 1) << (bits - 1 - bit);
  return result;
}
