/** Where the chunks of a vector begin and end, and how many bytes they have on their way. */
import { sealedBytes } from "../he/ciphertexts.ts";
import { parametersNamed } from "../he/parameters.ts";

/** A vector as far as cutting it goes; `chunkWords` is a whole number of atoms. */
export interface Cut {
  readonly words: number;
  readonly chunkWords: number;
  /** Id of the parameter set (crypto/he/parameters.ts), where chunks travel as ciphertexts. */
  readonly set?: string;
}

/** At most `limit` words in whole atoms, and one atom at least. */
export const wholeAtoms = (limit: number, wordsPerAtom: number): number =>
  Math.max(1, Math.floor(limit / wordsPerAtom)) * wordsPerAtom;

export const chunkCount = ({ words, chunkWords }: Cut): number => Math.max(1, Math.ceil(words / chunkWords));

/** Where a chunk begins in the vector, and how many words it has; none beyond the last chunk. */
export function chunkAt({ words, chunkWords }: Cut, index: number): { readonly start: number; readonly words: number } {
  const start = index * chunkWords;
  return { start, words: Math.max(0, Math.min(chunkWords, words - start)) };
}

/** Of a chunk as it travels; none beyond the last one. */
export function chunkBytes(cut: Cut, index: number): number {
  const { words } = chunkAt(cut, index);
  return cut.set === undefined ? words * 8 : sealedBytes(parametersNamed(cut.set), words);
}

/** Of all chunks together, as a header names them. */
export const vectorBytes = (cut: Cut): number => {
  if (cut.set === undefined) return cut.words * 8;
  const last = chunkCount(cut) - 1;
  return last * chunkBytes(cut, 0) + chunkBytes(cut, last);
};

export const chunksOf = (vector: BigUint64Array, cut: Cut): BigUint64Array[] =>
  Array.from({ length: chunkCount(cut) }, (_, index) => {
    const { start, words } = chunkAt(cut, index);
    return vector.subarray(start, start + words);
  });
