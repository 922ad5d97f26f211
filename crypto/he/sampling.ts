/**
 * Random polynomials, from bytes that the caller draws from a cryptographic generator. Which bytes are thrown away
 * depends on these alone, and what is kept takes the same time whatever it is.
 */

/** So many new random bytes. */
export type RandomBytes = (bytes: number) => Uint8Array;

/** Each coefficient uniform in -1, 0, 1. */
export function ternary(random: RandomBytes, target: Int8Array): void {
  for (let at = 0; at < target.length; ) {
    for (const byte of random(target.length - at + 64)) {
      // 255 would make zero more likely than the others.
      if (byte === 255) continue;
      target[at] = (byte % 3) - 1;
      at += 1;
      if (at === target.length) break;
    }
  }
}

const BITS_21 = 2 ** 21 - 1;

/**
 * Each coefficient the difference of the weights of 21 bits and of 21 others: centred binomial, variance 10.5, which is the
 * standard's error of 3.2 as SEAL draws it (util/clipnormal.h, SEAL_USE_GAUSSIAN_NOISE off). An even number of coefficients.
 */
export function binomial(random: RandomBytes, target: Int8Array): void {
  const bits = wordsOf(random, (target.length / 2) * 3);
  for (let at = 0, from = 0; at < target.length; at += 2, from += 3) {
    const a = bits[from]!;
    const b = bits[from + 1]!;
    const rest = (a >>> 21) | ((b >>> 22) << 11);
    target[at] = weight(a & BITS_21) - weight(b & BITS_21);
    target[at + 1] = weight(bits[from + 2]! & BITS_21) - weight(rest);
  }
}

/** Each coefficient uniform from 0 to p - 1. */
export function uniform(random: RandomBytes, target: Uint32Array, prime: number): void {
  const mask = 2 ** Math.ceil(Math.log2(prime)) - 1;
  for (let at = 0; at < target.length; ) {
    for (const word of wordsOf(random, target.length - at + 64)) {
      const value = (word & mask) >>> 0;
      if (value >= prime) continue;
      target[at] = value;
      at += 1;
      if (at === target.length) break;
    }
  }
}

/** Number of ones among 32 bits (Warren, Hacker's Delight, section 5-1). */
function weight(bits: number): number {
  const pairs = bits - ((bits >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

function wordsOf(random: RandomBytes, count: number): Uint32Array {
  const bytes = random(4 * count);
  return bytes.byteOffset % 4 === 0
    ? new Uint32Array(bytes.buffer, bytes.byteOffset, count)
    : new Uint32Array(Uint8Array.from(bytes).buffer);
}
