/** Words of 64 bits as plaintext coefficients of one limb each, lowest first, and sums of limbs as words again. */
import { HeError } from "./errors.ts";
import { limbsPerWord, type ParameterSet, wordsPerCiphertext } from "./parameters.ts";

/** Every coefficient of one plaintext; those beyond the last limb are zero. At most `wordsPerCiphertext` words. */
export function coefficientsOf(set: ParameterSet, words: BigUint64Array): BigUint64Array {
  if (words.length > wordsPerCiphertext(set)) {
    throw new HeError(
      "ERR_HE_VECTOR",
      `words: at most ${wordsPerCiphertext(set)} for a ciphertext, got ${words.length}`,
    );
  }
  const coefficients = new BigUint64Array(set.degree);
  const low = new Uint32Array(coefficients.buffer);
  const { buffer, byteOffset, byteLength } = words;
  const limbs =
    set.limbBits === 32
      ? new Uint32Array(buffer, byteOffset, byteLength / 4)
      : new Uint16Array(buffer, byteOffset, byteLength / 2);
  for (let i = 0; i < limbs.length; i++) low[2 * i] = limbs[i]!;
  return coefficients;
}

/** Sums of words modulo 2^64, and how often each one wrapped. */
export interface SummedWords {
  readonly words: BigUint64Array;
  readonly carries: Uint16Array;
}

/** `sums` are coefficients; the limbs of `count` words are read from them. */
export function summedWords(set: ParameterSet, sums: BigUint64Array, count: number): SummedWords {
  const words = new BigUint64Array(count);
  const carries = new Uint16Array(count);
  const halves = new Uint32Array(sums.buffer, sums.byteOffset, 2 * sums.length);
  const limbs = set.limbBits === 32 ? new Uint32Array(words.buffer) : new Uint16Array(words.buffer);
  const perWord = limbsPerWord(set);
  const base = 2 ** set.limbBits;
  for (let word = 0, at = 0; word < count; word++) {
    let carry = 0;
    for (let limb = 0; limb < perWord; limb++, at++) {
      // Below 2^43: exact.
      const total = halves[2 * at]! + halves[2 * at + 1]! * 2 ** 32 + carry;
      carry = Math.floor(total / base);
      limbs[at] = total - carry * base;
    }
    carries[word] = carry;
  }
  return { words, carries };
}

/**
 * In place: what low words of two-word elements wrapped goes to their high words; what elements wrap is gone, as in the
 * ring they belong to. `pattern` is the words of each element, repeated over the vector.
 */
export function settleCarries({ words, carries }: SummedWords, pattern: readonly (1 | 2)[]): BigUint64Array {
  // Halves: a big integer for every word would hold the event loop up.
  const halves = new Uint32Array(words.buffer, words.byteOffset, 2 * words.length);
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
