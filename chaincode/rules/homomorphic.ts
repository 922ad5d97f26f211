/** Parameter sets of the homomorphic envelope that a computation may name (docs/decisions/113); SEAL's form of them. */

export interface HomomorphicSet {
  /** Words of 64 bits are cut into limbs; a coefficient holds the sum of one limb over the cohort. */
  readonly limbBits: number;
  /** The plain modulus is 2^plainBits. */
  readonly plainBits: number;
  readonly wordsPerCiphertext: number;
  readonly ciphertextBytes: number;
}

const SETS: Readonly<Record<string, HomomorphicSet>> = Object.freeze({
  "bfv-4096-60-36": { limbBits: 32, plainBits: 36, wordsPerCiphertext: 2048, ciphertextBytes: 65_649 },
  "bfv-4096-60-26": { limbBits: 16, plainBits: 26, wordsPerCiphertext: 1024, ciphertextBytes: 65_649 },
});

/** Undefined for what is not on the list. */
export const homomorphicSet = (id: string): HomomorphicSet | undefined =>
  Object.hasOwn(SETS, id) ? SETS[id] : undefined;

/** n times the largest limb stays below the plain modulus. */
export const sumsFit = ({ limbBits, plainBits }: HomomorphicSet, members: number): boolean =>
  members * (2 ** limbBits - 1) < 2 ** plainBits;

/** Ciphertexts of one chunk: just under 2 MiB. */
const CHUNK_CIPHERTEXTS = 31;

/** Of a vector of whole atoms, chunk by chunk. */
export function sealedVectorBytes(set: HomomorphicSet, words: number, wordsPerAtom: number): number {
  const most = CHUNK_CIPHERTEXTS * set.wordsPerCiphertext;
  const chunk = Math.max(1, Math.floor(most / wordsPerAtom)) * wordsPerAtom;
  const ciphertexts = (count: number) => Math.ceil(count / set.wordsPerCiphertext);
  const whole = Math.floor(words / chunk);
  return (whole * ciphertexts(chunk) + ciphertexts(words - whole * chunk)) * set.ciphertextBytes;
}
