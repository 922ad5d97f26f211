/** Parameter sets of the homomorphic envelope that a computation may name (docs/decisions/113). */

export interface HomomorphicSet {
  /** The plain modulus is 2^plainBits; a coefficient holds the sum of one word of 64 bits over the cohort. */
  readonly plainBits: number;
  /** As many as the noise allows. */
  readonly maximumMembers: number;
  readonly wordsPerCiphertext: number;
  readonly ciphertextBytes: number;
}

const SETS: Readonly<Record<string, HomomorphicSet>> = Object.freeze({
  "bfv-4096-104-75": { plainBits: 75, maximumMembers: 1000, wordsPerCiphertext: 4096, ciphertextBytes: 131_104 },
});

/** Undefined for what is not on the list. */
export const homomorphicSet = (id: string): HomomorphicSet | undefined =>
  Object.hasOwn(SETS, id) ? SETS[id] : undefined;

/** n times the largest word stays below the plain modulus, and the noise of n ciphertexts below what spoils a sum. */
export const sumsFit = ({ plainBits, maximumMembers }: HomomorphicSet, members: number): boolean =>
  members <= maximumMembers && BigInt(members) * (2n ** 64n - 1n) < 1n << BigInt(plainBits);

/** Ciphertexts of one chunk: just under 2 MiB. */
const CHUNK_CIPHERTEXTS = 15;

/** Of a vector of whole atoms, chunk by chunk. */
export function sealedVectorBytes(set: HomomorphicSet, words: number, wordsPerAtom: number): number {
  const most = CHUNK_CIPHERTEXTS * set.wordsPerCiphertext;
  const chunk = Math.max(1, Math.floor(most / wordsPerAtom)) * wordsPerAtom;
  const ciphertexts = (count: number) => Math.ceil(count / set.wordsPerCiphertext);
  const whole = Math.floor(words / chunk);
  return (whole * ciphertexts(chunk) + ciphertexts(words - whole * chunk)) * set.ciphertextBytes;
}
