/**
 * The BFV parameter sets there are (docs/decisions/113). A word of 64 bits is cut into limbs; a plaintext coefficient
 * holds the sum of one limb over all members, which therefore must stay below the plain modulus. Coefficients are not
 * batched: sums need no slots, and the plain modulus may be a power of two.
 *
 * Security: tables of the homomorphic encryption standard (Albrecht et al. 2018) allow 109 bits of modulus for degree
 * 4096 with a ternary secret at 128 bits; these have 60.
 */
import { HeError } from "./errors.ts";

export interface ParameterSet {
  readonly id: string;
  readonly degree: number;
  /** q: one prime, so there is no other prime that encryption would divide by. */
  readonly modulus: bigint;
  readonly modulusBits: number;
  /** t */
  readonly plainModulus: bigint;
  readonly limbBits: 16 | 32;
  readonly maximumMembers: number;
  /** SEAL's id of exactly these parameters: a hash over scheme, degree and moduli, hex as it stands in a blob. */
  readonly parmsId: string;
}

const RING = { degree: 4096, modulus: 0xfffffffffffc001n, modulusBits: 60 } as const;

const PARAMETER_SETS: readonly ParameterSet[] = [
  {
    ...RING,
    id: "bfv-4096-60-36",
    plainModulus: 1n << 36n,
    limbBits: 32,
    maximumMembers: 16,
    parmsId: "3debe74cc46e98943c128a2b93b6d63880d5c6d9f9fd851e4ac1780bce1a3dbb",
  },
  {
    ...RING,
    id: "bfv-4096-60-26",
    plainModulus: 1n << 26n,
    limbBits: 16,
    maximumMembers: 1000,
    parmsId: "2976c8d2f6aa743a0d34f10974121dd9b58f09fc495cc7c49bef21b928c7e821",
  },
];

/** The one with the shortest ciphertexts. Throws ERR_HE_PARAMETERS. */
export function parametersFor(members: number): ParameterSet {
  const set = PARAMETER_SETS.find(({ maximumMembers }) => members <= maximumMembers);
  if (set === undefined || members < 1) {
    throw new HeError("ERR_HE_PARAMETERS", `members: no parameter set for ${members}; at least 1, at most 1000`);
  }
  assertSumsFit(set, members);
  return set;
}

/** Throws ERR_HE_PARAMETERS for everything that is not on the list. */
export function parametersNamed(id: string): ParameterSet {
  const set = PARAMETER_SETS.find((one) => one.id === id);
  if (set === undefined) {
    const known = PARAMETER_SETS.map((one) => one.id).join(", ");
    throw new HeError("ERR_HE_PARAMETERS", `parameter set: wanted one of ${known}, got ${id}`);
  }
  return set;
}

/** Before anything is encrypted: n times the largest limb is below t, and honest ciphertexts decrypt, always. */
export function assertSumsFit(set: ParameterSet, members: number): void {
  if (BigInt(members) * ((1n << BigInt(set.limbBits)) - 1n) >= set.plainModulus) {
    throw new HeError("ERR_HE_PARAMETERS", `${set.id}: sums over ${members} members do not fit its plain modulus`);
  }
  if (2n * set.plainModulus * largestNoise(set, members) >= set.modulus) {
    throw new HeError("ERR_HE_PARAMETERS", `${set.id}: the noise of ${members} ciphertexts could spoil their sum`);
  }
}

/** Errors are centred binomial from 42 bits in SEAL (util/clipnormal.h, SEAL_USE_GAUSSIAN_NOISE off): none exceeds 21. */
const LARGEST_ERROR = 21n;

/**
 * Not likely, but possible at all: a fresh ciphertext is off by e·u + e1 + e2·s with u and s ternary (Fan and Vercauteren
 * 2012, section 4), so by at most 21·(2N + 1) in each coefficient, and by a half where q·m/t is rounded.
 * A sum decrypts where it is off by less than q/(2t).
 */
export const largestNoise = ({ degree }: ParameterSet, members: number): bigint =>
  BigInt(members) * (LARGEST_ERROR * (2n * BigInt(degree) + 1n) + 1n);

export const limbsPerWord = ({ limbBits }: ParameterSet): number => 64 / limbBits;
export const wordsPerCiphertext = (set: ParameterSet): number => set.degree / limbsPerWord(set);
export const ciphertextsFor = (set: ParameterSet, words: number): number =>
  Math.max(1, Math.ceil(words / wordsPerCiphertext(set)));
