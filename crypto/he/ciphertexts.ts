/** The ciphertexts of one chunk of a vector: whole blobs, one after another. */
import { assertCiphertext, blobBytes, coefficientHalves } from "./blobs.ts";
import { ciphertextsFor, type ParameterSet, wordsPerCiphertext } from "./parameters.ts";

/** Of one chunk: just under 2 MiB. */
const MOST_CIPHERTEXTS = 31;

export const mostSealedWords = (set: ParameterSet): number => MOST_CIPHERTEXTS * wordsPerCiphertext(set);

/** Of a chunk of so many words; none for none. */
export const sealedBytes = (set: ParameterSet, words: number): number =>
  words === 0 ? 0 : ciphertextsFor(set, words) * blobBytes(set);

/** Views of the same memory. */
export const ciphertextsIn = (set: ParameterSet, chunk: Uint8Array): Uint8Array[] =>
  Array.from({ length: chunk.length / blobBytes(set) }, (_, at) =>
    chunk.subarray(at * blobBytes(set), (at + 1) * blobBytes(set)),
  );

/** Throws ERR_HE_BLOB naming the place of the first that is none. */
export function assertCiphertexts(set: ParameterSet, chunk: Uint8Array): void {
  for (const one of ciphertextsIn(set, chunk)) assertCiphertext(set, one);
}

export interface SumCheck {
  /** A chunk whose form is right. */
  add(chunk: Uint8Array): void;
  /** Is this chunk, whose form is right, the sum of those added? */
  isSum(chunk: Uint8Array): boolean;
}

/**
 * Adding ciphertexts is adding their coefficients modulo q, so whoever has the signed ones can tell whether a sum is theirs
 * without the library, and gives it one ciphertext instead of all. At most 1,000 are added: halves stay exact.
 */
export function createSumCheck(set: ParameterSet, bytes: number): SumCheck {
  const count = (bytes / blobBytes(set)) * 2 * set.degree;
  const lows = new Float64Array(count);
  const highs = new Float64Array(count);
  const modulusLow = Number(set.modulus & 0xffffffffn);
  const modulusHigh = Number(set.modulus >> 32n);
  const modulus = Number(set.modulus);
  // Loops without calls in them: there are thousands of coefficients in every ciphertext.
  const addOne = (halves: Uint32Array, start: number): void => {
    for (let i = 0, at = start; i < halves.length; i += 2, at++) {
      lows[at] = lows[at]! + halves[i]!;
      highs[at] = highs[at]! + halves[i + 1]!;
    }
  };
  const isOne = (halves: Uint32Array, start: number): boolean => {
    let wrong = 0;
    for (let i = 0, at = start; i < halves.length; i += 2, at++) {
      const low = lows[at]! - halves[i]!;
      const high = highs[at]! - halves[i + 1]!;
      // The total is the sum and some multiple of q, which is far larger than what rounding hides of it.
      const times = Math.round((high * 2 ** 32 + low) / modulus);
      wrong |= (high - times * modulusHigh) * 2 ** 32 + (low - times * modulusLow) === 0 ? 0 : 1;
    }
    return wrong === 0;
  };
  const perCiphertext = 2 * set.degree;
  return {
    add(chunk: Uint8Array) {
      for (const [place, one] of ciphertextsIn(set, chunk).entries()) {
        addOne(coefficientHalves(one), place * perCiphertext);
      }
    },
    isSum: (chunk: Uint8Array) =>
      chunk.length === bytes &&
      ciphertextsIn(set, chunk).every((one, place) => isOne(coefficientHalves(one), place * perCiphertext)),
  };
}
