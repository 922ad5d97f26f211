/**
 * The words of a contribution are cut into chunks of whole atoms; a small one is one chunk. Chunks are what travels, what
 * is kept and what a header commits to: its digest is the RFC 6962 root whose leaves are the chunks' bytes
 * (docs/decisions/107).
 */
import { toBase64url } from "../suites/encoding.ts";
import { hashLeaf } from "../suites/merkle.ts";
import { refuseAuthenticity } from "./closing.ts";
import { rootOfHashes } from "./merkle.ts";
import type { Header } from "./opened.ts";

/** A vector as far as cutting it goes; `chunkWords` is a whole number of atoms. */
export interface Cut {
  readonly words: number;
  readonly chunkWords: number;
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

export const chunksOf = (vector: BigUint64Array, cut: Cut): BigUint64Array[] =>
  Array.from({ length: chunkCount(cut) }, (_, index) => {
    const { start, words } = chunkAt(cut, index);
    return vector.subarray(start, start + words);
  });

/** Leaf hash of RFC 6962 section 2.1, base64url. */
export const chunkHash = (bytes: Uint8Array): string => toBase64url(hashLeaf(bytes));

/** What a header signs, from the hashes of its chunks in order. */
export const chunksRoot = (hashes: readonly string[]): string => rootOfHashes(hashes);

/** As many hashes as the vector has chunks, and those that the header signs. */
export function assertChunks(header: Header, hashes: readonly string[], cut: Cut): void {
  const wanted = chunkCount(cut);
  if (hashes.length !== wanted) {
    refuseAuthenticity(`contribution of ${header.signer}: wanted ${wanted} chunks, got ${hashes.length}`);
  }
  if (chunksRoot(hashes) !== header.statement.digest) {
    refuseAuthenticity(`contribution of ${header.signer}: differs from its signed header`);
  }
}

/** Exactly the bytes of this place of this member's contribution: nothing cut off, altered or from another place. */
export function assertChunk(
  member: string,
  hashes: readonly string[],
  cut: Cut,
  index: number,
  bytes: Uint8Array,
): void {
  const wanted = chunkAt(cut, index).words * 8;
  if (bytes.length !== wanted || wanted === 0) {
    refuseAuthenticity(`chunk ${index} of ${member}: wanted ${wanted} bytes, got ${bytes.length}`);
  }
  if (chunkHash(bytes) !== hashes[index]) {
    refuseAuthenticity(`chunk ${index} of ${member}: differs from its signed header`);
  }
}
