/**
 * Words as plaintext coefficients modulo t = 2^75, scaled to q and back, in digits of 25 bits: products of a digit and a
 * residue are exact in a double.
 *
 * Up: floor(q·m/t) = (q·m - (q·m mod t))/t, and q is zero modulo each of its primes: what is left is -(q·m mod t)/t.
 * Down: the coefficient modulo q is Σ y_i·(q/p_i), so t/q of it is Σ y_i·t/p_i; long division by each prime gives its digits.
 */
import { modulusOf, type ParameterSet } from "./parameters.ts";
import { type Ring, ROUNDING } from "./ring.ts";

const DIGIT_BITS = 25;
const BASE = 2 ** DIGIT_BITS;
const MASK = BASE - 1;

/** Sums of words modulo 2^64, and how often each one wrapped. */
export interface SummedWords {
  readonly words: BigUint64Array;
  readonly carries: Uint16Array;
}

const halvesOf = (words: BigUint64Array): Uint32Array =>
  new Uint32Array(words.buffer, words.byteOffset, 2 * words.length);

export function createEncoder(set: ParameterSet, rings: readonly Ring[]) {
  const q = modulusOf(set);
  const digit = (at: number) => Number((q >> BigInt(DIGIT_BITS * at)) & BigInt(MASK));
  const [q0, q1, q2] = [digit(0), digit(1), digit(2)];
  const rests = [0, 1, 2].map(() => new Float64Array(set.degree));
  const [r0, r1, r2] = rests as [Float64Array, Float64Array, Float64Array];
  /** -2^(25j)/2^75 modulo each prime. */
  const weights = rings.map((ring) => [0, 1, 2].map((at) => ring.constant(-inverseOfPower(75 - 25 * at, ring.prime))));
  let used = 0;
  return {
    /** What q·m leaves modulo t, for each word. */
    take(words: BigUint64Array): void {
      used = words.length;
      const halves = halvesOf(words);
      for (let i = 0; i < used; i++) {
        const low = halves[2 * i]!;
        const high = halves[2 * i + 1]!;
        const m0 = low & MASK;
        const m1 = ((low >>> 25) | (high << 7)) & MASK;
        const m2 = high >>> 18;
        const first = m0 * q0;
        const carry = Math.floor(first / BASE);
        const second = m0 * q1 + m1 * q0 + carry;
        const next = Math.floor(second / BASE);
        const third = m0 * q2 + m1 * q1 + m2 * q0 + next;
        r0[i] = first - carry * BASE;
        r1[i] = second - next * BASE;
        r2[i] = third - Math.floor(third / BASE) * BASE;
      }
    },
    /** Adds it, scaled, to coefficients modulo the prime of this place. */
    addTo(target: Float64Array, at: number): void {
      const { prime, perPrime } = rings[at]!;
      const [w0, w1, w2] = weights[at] as [number, number, number];
      for (let i = 0; i < used; i++) {
        const total = r0[i]! * w0 + r1[i]! * w1 + r2[i]! * w2 + target[i]!;
        target[i] = total - (total * perPrime + ROUNDING - ROUNDING) * prime;
      }
    },
  };
}

const inverseOfPower = (bits: number, prime: number): bigint => {
  // p is odd, so (p + 1)/2 is one half.
  const p = BigInt(prime);
  let inverse = 1n;
  for (let bit = 0; bit < bits; bit++) inverse = (inverse * ((p + 1n) / 2n)) % p;
  return inverse;
};

export function createDecoder(set: ParameterSet, rings: readonly Ring[]) {
  const { degree } = set;
  const q = modulusOf(set);
  /** For N times a coefficient (ring.ts): 1/N and the inverse of the other primes. */
  const scales = rings.map((ring) => {
    const p = BigInt(ring.prime);
    let inverse = 1n;
    for (let rest = p - 2n, square = (BigInt(degree) * (q / p)) % p; rest > 0n; rest >>= 1n) {
      if ((rest & 1n) === 1n) inverse = (inverse * square) % p;
      square = (square * square) % p;
    }
    return ring.constant(inverse);
  });
  const [d0, d1, d2] = [0, 1, 2].map(() => new Int32Array(degree)) as [Int32Array, Int32Array, Int32Array];
  const fractions = new Float64Array(degree);
  return {
    begin(): void {
      for (const digits of [d0, d1, d2, fractions]) digits.fill(0);
    },
    /** N times the coefficients modulo the prime of this place, within p of zero. */
    take(coefficients: Float64Array, at: number): void {
      const { prime: p, perPrime } = rings[at]!;
      const scale = scales[at]!;
      for (let i = 0; i < degree; i++) {
        const y = coefficients[i]! * scale;
        const x2 = (y - (y * perPrime + ROUNDING - ROUNDING) * p) * BASE;
        const high = x2 * perPrime + ROUNDING - ROUNDING;
        const x1 = (x2 - high * p) * BASE;
        const middle = x1 * perPrime + ROUNDING - ROUNDING;
        const x0 = (x1 - middle * p) * BASE;
        const low = x0 * perPrime + ROUNDING - ROUNDING;
        d2[i] = d2[i]! + high;
        d1[i] = d1[i]! + middle;
        d0[i] = d0[i]! + low;
        fractions[i] = fractions[i]! + (x0 - low * p) * perPrime;
      }
    },
    /** The first ones, as many as there is room for. */
    words({ words, carries }: SummedWords): void {
      const halves = halvesOf(words);
      for (let i = 0; i < words.length; i++) {
        const low = d0[i]! + (fractions[i]! + ROUNDING - ROUNDING);
        const middle = d1[i]! + (low >> DIGIT_BITS);
        const high = (d2[i]! + (middle >> DIGIT_BITS)) & MASK;
        halves[2 * i] = (low & MASK) | (middle << 25);
        halves[2 * i + 1] = ((middle & MASK) >>> 7) | (high << 18);
        carries[i] = high >>> 14;
      }
    },
  };
}

/**
 * In place: what low words of two-word elements wrapped goes to their high words; what elements wrap is gone, as in the
 * ring they belong to. `pattern` is the words of each element, repeated over the vector.
 */
export function settleCarries({ words, carries }: SummedWords, pattern: readonly (1 | 2)[]): BigUint64Array {
  // Halves: a big integer for every word would hold the event loop up.
  const halves = halvesOf(words);
  for (let at = 0, element = 0; pattern.includes(2) && at < words.length; element++) {
    const size = pattern[element % pattern.length]!;
    if (size === 2) {
      const low = halves[2 * at + 2]! + carries[at]!;
      halves[2 * at + 2] = low;
      if (low >= 2 ** 32) halves[2 * at + 3] = halves[2 * at + 3]! + 1;
    }
    at += size;
  }
  return words;
}
