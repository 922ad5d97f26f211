/**
 * Fingerprints of phase-1 vectors (specification §6): F(r, y) = Σ r^j·y_j mod 2^127 − 1, words y_j of 64 bits, j from 0.
 * C commits to the sum S = Σᵢ yᵢ (integers: word s_j and carry c_j, S_j = s_j + 2^64·c_j) before r is known; then
 * Σᵢ F(r, yᵢ) = F(r, S) holds for another S with probability at most L / 2^127. The argument: docs/decisions/105.
 */
import { canonicalJson, digestOf, sha256 } from "../suites/digest.ts";
import { fromBase64url, toBase64url, utf8 } from "../suites/encoding.ts";
import { SecaggError } from "./errors.ts";
import type { View } from "./messages.ts";
import { bytesOfWords, wordsOfText } from "./words.ts";

export const FINGERPRINT_PRIME = 2n ** 127n - 1n;
const LABEL = "sealane/secagg/fingerprint/v1";

/** Digest of the views that a member was shown; what it signs names them, so that all fingerprints are at one point. */
export const viewsDigest = (views: readonly View[]): string => digestOf({ label: LABEL, views });

/** r = H(close-1, q views): nobody knows it before q members have signed one closing set, which fixes vectors and sum. */
export function fingerprintPoint(closing: string, views: string): bigint {
  const bytes = sha256(utf8(canonicalJson({ label: LABEL, closing, views })));
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`) % FINGERPRINT_PRIME;
}

/** 16 bytes, big-endian. */
export const textOfFingerprint = (value: bigint): string =>
  toBase64url(new Uint8Array(Buffer.from(value.toString(16).padStart(32, "0"), "hex")));

/** Throws ERR_SECAGG_MESSAGE for a number that is not reduced: every fingerprint has one text. */
export function fingerprintOfText(text: string): bigint {
  const value = BigInt(`0x${Buffer.from(fromBase64url(text, "fingerprint", 16)).toString("hex")}`);
  if (value >= FINGERPRINT_PRIME) throw new SecaggError("ERR_SECAGG_MESSAGE", "fingerprint: not reduced");
  return value;
}

// ---- evaluation

/** Powers of r in a table, one row of six 22-bit limbs each; longer vectors go block by block (Horner over blocks). */
const BLOCK_WORDS = 1024;
const LIMBS = 6;
const LIMB = 2 ** 22;
/** A diagonal gets at most three products below 2^44 per word: 128 words stay below 2^53, then carries move on. */
const CARRY_EVERY = 128;

export interface Fingerprinter {
  /** F(r, words): `halves` are the 32-bit halves of the words, low first. */
  evaluate(halves: Uint32Array): bigint;
}

/** Doubles over limbs: 12 ns per word, where one BigInt product per word takes 300. */
export function fingerprinter(point: bigint): Fingerprinter {
  const powers = new Float64Array(BLOCK_WORDS * LIMBS);
  let power = 1n;
  for (let j = 0; j < BLOCK_WORDS; j++) {
    for (let k = 0; k < LIMBS; k++) powers[j * LIMBS + k] = Number((power >> BigInt(22 * k)) & 0x3fffffn);
    power = (power * point) % FINGERPRINT_PRIME;
  }
  const step = power;
  return Object.freeze({
    evaluate(halves: Uint32Array): bigint {
      const words = halves.length / 2;
      let value = 0n;
      for (let end = words; end > 0; ) {
        const start = Math.floor((end - 1) / BLOCK_WORDS) * BLOCK_WORDS;
        value = (value * step + blockSum(halves, start, end, powers)) % FINGERPRINT_PRIME;
        end = start;
      }
      return value;
    },
  });
}

/** Σ r^(j − start)·y_j over start ≤ j < end, not reduced. */
function blockSum(halves: Uint32Array, start: number, end: number, powers: Float64Array): bigint {
  let d0 = 0;
  let d1 = 0;
  let d2 = 0;
  let d3 = 0;
  let d4 = 0;
  let d5 = 0;
  let d6 = 0;
  let d7 = 0;
  for (let at = start; at < end; ) {
    const stop = Math.min(end, at + CARRY_EVERY);
    for (; at < stop; at++) {
      const low = halves[2 * at]!;
      const high = halves[2 * at + 1]!;
      const y0 = low & 0x3fffff;
      const y1 = (low >>> 22) | ((high & 0xfff) << 10);
      const y2 = high >>> 12;
      const row = (at - start) * LIMBS;
      const p0 = powers[row]!;
      const p1 = powers[row + 1]!;
      const p2 = powers[row + 2]!;
      const p3 = powers[row + 3]!;
      const p4 = powers[row + 4]!;
      const p5 = powers[row + 5]!;
      d0 += p0 * y0;
      d1 += p1 * y0 + p0 * y1;
      d2 += p2 * y0 + p1 * y1 + p0 * y2;
      d3 += p3 * y0 + p2 * y1 + p1 * y2;
      d4 += p4 * y0 + p3 * y1 + p2 * y2;
      d5 += p5 * y0 + p4 * y1 + p3 * y2;
      d6 += p5 * y1 + p4 * y2;
      d7 += p5 * y2;
    }
    const carry = (value: number) => Math.floor(value / LIMB);
    let over = carry(d0);
    d0 -= over * LIMB;
    d1 += over;
    over = carry(d1);
    d1 -= over * LIMB;
    d2 += over;
    over = carry(d2);
    d2 -= over * LIMB;
    d3 += over;
    over = carry(d3);
    d3 -= over * LIMB;
    d4 += over;
    over = carry(d4);
    d4 -= over * LIMB;
    d5 += over;
    over = carry(d5);
    d5 -= over * LIMB;
    d6 += over;
    over = carry(d6);
    d6 -= over * LIMB;
    d7 += over;
  }
  const diagonals = [d0, d1, d2, d3, d4, d5, d6, d7];
  return diagonals.reduceRight((sum, digit) => (sum << 22n) + BigInt(digit), 0n);
}

// ---- sums with carries

/** Σ of masked vectors as integers: `words` modulo 2^64 and, per word, how often they wrapped. */
export interface FoldedSum {
  readonly words: BigUint64Array;
  readonly carries: Uint16Array;
}

const halvesOf = (words: BigUint64Array): Uint32Array =>
  new Uint32Array(words.buffer, words.byteOffset, 2 * words.length);

const FOLD_WORDS = 4096;

/** Adds vectors chunk by chunk; halves are summed as doubles, which hold 2^21 of them exactly. */
export function foldContributions(vectors: readonly BigUint64Array[], words: number): FoldedSum {
  const sum = new BigUint64Array(words);
  const carries = new Uint16Array(words);
  const totals = new Float64Array(2 * FOLD_WORDS);
  const out = halvesOf(sum);
  const halves = vectors.map(halvesOf);
  for (let start = 0; start < words; start += FOLD_WORDS) {
    const length = 2 * Math.min(FOLD_WORDS, words - start);
    totals.fill(0);
    for (const vector of halves) {
      for (let i = 0, at = 2 * start; i < length; i++, at++) totals[i] = totals[i]! + vector[at]!;
    }
    for (let i = 0; i < length; i += 2) {
      const high = totals[i + 1]! + Math.floor(totals[i]! / 2 ** 32);
      out[2 * start + i] = totals[i]!;
      out[2 * start + i + 1] = high;
      carries[start + i / 2] = Math.floor(high / 2 ** 32);
    }
  }
  return { words: sum, carries };
}

/** F(r, S) = F(r, s) + 2^64·F(r, c). */
export function fingerprintOfSum(at: Fingerprinter, { words, carries }: FoldedSum): bigint {
  const wide = new Uint32Array(2 * carries.length);
  for (let j = 0; j < carries.length; j++) wide[2 * j] = carries[j]!;
  return (at.evaluate(halvesOf(words)) + (at.evaluate(wide) << 64n)) % FINGERPRINT_PRIME;
}

export const fingerprintOfWords = (at: Fingerprinter, words: BigUint64Array): bigint => at.evaluate(halvesOf(words));

const bytesOfCarries = (carries: Uint16Array): Uint8Array =>
  new Uint8Array(carries.buffer, carries.byteOffset, carries.byteLength);

/** What close-1 commits C to. */
export const foldedDigest = ({ words, carries }: FoldedSum): string =>
  toBase64url(sha256(utf8(`${LABEL} sum\0`), bytesOfWords(words), bytesOfCarries(carries)));

export interface FoldedText {
  /** Words, little-endian, and carries, two bytes each, little-endian; base64url. */
  readonly sum: string;
  readonly carries: string;
}

export const textOfFolded = ({ words, carries }: FoldedSum): FoldedText => ({
  sum: toBase64url(bytesOfWords(words)),
  carries: toBase64url(bytesOfCarries(carries)),
});

export function foldedOfText({ sum, carries }: FoldedText, words: number): FoldedSum {
  const bytes = fromBase64url(carries, "carries");
  if (bytes.length !== 2 * words) {
    throw new SecaggError("ERR_SECAGG_MESSAGE", `carries: expected ${2 * words} bytes, got ${bytes.length}`);
  }
  return { words: wordsOfText(sum, "sum", words), carries: new Uint16Array(Uint8Array.from(bytes).buffer) };
}
