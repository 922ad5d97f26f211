/** The ciphertexts of one chunk of a vector, one after another. */
import { HeError } from "./errors.ts";
import { assertCiphertext, newPairs, pairBytes, residuesOf } from "./pairs.ts";
import { ciphertextsFor, type ParameterSet, wordsPerCiphertext } from "./parameters.ts";

/** Of one chunk: just under 2 MiB. */
const MOST_CIPHERTEXTS = 15;

export const mostSealedWords = (set: ParameterSet): number => MOST_CIPHERTEXTS * wordsPerCiphertext(set);

/** Of a chunk of so many words; none for none. */
export const sealedBytes = (set: ParameterSet, words: number): number =>
  words === 0 ? 0 : ciphertextsFor(set, words) * pairBytes(set);

/** Views of the same memory. */
export const ciphertextsIn = (set: ParameterSet, chunk: Uint8Array): Uint8Array[] =>
  Array.from({ length: chunk.length / pairBytes(set) }, (_, at) =>
    chunk.subarray(at * pairBytes(set), (at + 1) * pairBytes(set)),
  );

/** Throws ERR_HE_BLOB for the first that is none, and where the bytes are no whole number of them. */
export function assertCiphertexts(set: ParameterSet, chunk: Uint8Array): void {
  if (chunk.length === 0 || chunk.length % pairBytes(set) !== 0) {
    throw new HeError("ERR_HE_BLOB", `ciphertexts: wanted a multiple of ${pairBytes(set)} bytes, got ${chunk.length}`);
  }
  for (const one of ciphertextsIn(set, chunk)) assertCiphertext(set, one);
}

export interface SumOfChunks {
  /** A chunk whose form is right. Throws ERR_HE_VECTOR where its length is another one. */
  add(chunk: Uint8Array): void;
  /** Is this chunk, whose form is right, the sum of those added? */
  isSum(chunk: Uint8Array): boolean;
  /** The sum as it stands: of nothing else once it has been asked for. */
  chunk(): Uint8Array;
}

/**
 * Adding ciphertexts is adding their residues: it needs no key, and whoever has the signed ones can tell whether a sum is
 * theirs. `bytes`: of a chunk.
 */
export function createSumOfChunks(set: ParameterSet, bytes: number): SumOfChunks {
  const whole = newPairs(set, "ciphertext", bytes / pairBytes(set));
  const sums = ciphertextsIn(set, whole).map(residuesOf);
  const residuesIn = (chunk: Uint8Array) => ciphertextsIn(set, chunk).map(residuesOf);
  return {
    add(chunk: Uint8Array) {
      if (chunk.length !== bytes) {
        throw new HeError("ERR_HE_VECTOR", `ciphertexts: wanted ${bytes} bytes, got ${chunk.length}`);
      }
      for (const [place, residues] of residuesIn(chunk).entries()) addTo(set, sums[place]!, residues);
    },
    isSum: (chunk: Uint8Array) =>
      chunk.length === bytes && residuesIn(chunk).every((residues, place) => isSame(sums[place]!, residues)),
    chunk: () => whole,
  };
}

/** sum = sum + other, both from 0 to p - 1. */
function addTo({ degree, primes }: ParameterSet, sum: Uint32Array, other: Uint32Array): void {
  for (let at = 0, part = 0; at < sum.length; part++) {
    const prime = primes[part % primes.length]!;
    for (const end = at + degree; at < end; at++) {
      const total = (sum[at]! + other[at]! - prime) | 0;
      sum[at] = total + ((total >> 31) & prime);
    }
  }
}

function isSame(some: Uint32Array, other: Uint32Array): boolean {
  let wrong = 0;
  for (let at = 0; at < some.length; at++) wrong |= some[at]! ^ other[at]!;
  return wrong === 0;
}
