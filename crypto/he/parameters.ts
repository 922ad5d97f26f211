/**
 * The BFV parameter sets there are (docs/decisions/113). A plaintext coefficient holds the sum of one word of 64 bits over
 * all members, which therefore must stay below the plain modulus. Coefficients are not batched: sums need no slots, and
 * the plain modulus may be a power of two.
 *
 * Security: tables of the homomorphic encryption standard (Albrecht et al. 2018) allow 109 bits of modulus for degree
 * 4096 with a ternary secret at 128 bits; this has 104.
 */
import { HeError } from "./errors.ts";

export interface ParameterSet {
  readonly id: string;
  readonly degree: number;
  /** Their product is q. Each is 1 modulo 2N and below 2^26, so that products of residues are exact in a double. */
  readonly primes: readonly number[];
  /** t is 2^plainBits. */
  readonly plainBits: number;
  readonly maximumMembers: number;
}

const PARAMETER_SETS: readonly ParameterSet[] = [
  {
    id: "bfv-4096-104-75",
    degree: 4096,
    primes: [67_084_289, 67_043_329, 66_994_177, 66_969_601],
    plainBits: 75,
    maximumMembers: 1000,
  },
];

/** Throws ERR_HE_PARAMETERS. */
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

/** q */
export const modulusOf = ({ primes }: Pick<ParameterSet, "primes">): bigint =>
  primes.reduce((product, prime) => product * BigInt(prime), 1n);

/** Before anything is encrypted: n times the largest word is below t, and honest ciphertexts decrypt, always. */
export function assertSumsFit(set: ParameterSet, members: number): void {
  const plainModulus = 1n << BigInt(set.plainBits);
  if (BigInt(members) * (2n ** 64n - 1n) >= plainModulus) {
    throw new HeError("ERR_HE_PARAMETERS", `${set.id}: sums over ${members} members do not fit its plain modulus`);
  }
  if (2n * plainModulus * largestNoise(set, members) >= modulusOf(set)) {
    throw new HeError("ERR_HE_PARAMETERS", `${set.id}: the noise of ${members} ciphertexts could spoil their sum`);
  }
}

/** Errors are centred binomial from 2·21 bits (sampling.ts): none exceeds 21. */
const LARGEST_ERROR = 21n;

/**
 * Not likely, but possible at all: a fresh ciphertext is off by e·u + e1 + e2·s with u and s ternary (Fan and Vercauteren
 * 2012, section 4), so by at most 21·(2N + 1) in each coefficient, and by less than one where q·m/t is rounded down.
 * A sum decrypts where it is off by less than q/(2t).
 */
export const largestNoise = ({ degree }: ParameterSet, members: number): bigint =>
  BigInt(members) * (LARGEST_ERROR * (2n * BigInt(degree) + 1n) + 1n);

/** One coefficient for each. */
export const wordsPerCiphertext = ({ degree }: ParameterSet): number => degree;
export const ciphertextsFor = (set: ParameterSet, words: number): number =>
  Math.max(1, Math.ceil(words / wordsPerCiphertext(set)));
