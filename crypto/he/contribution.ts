/**
 * What a member signs about its ciphertexts. They are malleable: anyone can add to one, so only signed ones are summed,
 * for exactly this computation and these masks.
 */
import { chunkHash, chunksRoot } from "../secagg/chunks.ts";
import { type Signed, type SigningIdentity, signStatement, verifySigned } from "../suites/signed.ts";
import { HeError } from "./errors.ts";
import { assertSumsFit, ciphertextsFor, type ParameterSet } from "./parameters.ts";

interface ContributionStatement {
  readonly type: "he-contribution";
  readonly computation: string;
  /** Digest of everything the masks are bound to (crypto/secagg/context.ts). */
  readonly context: string;
  /** Id of the parameter set. */
  readonly set: string;
  readonly words: number;
  /** RFC 6962 root whose leaves are the ciphertexts, in order. */
  readonly digest: string;
}

/** What every contribution to one sum has in common. */
export interface SumOf {
  readonly computation: string;
  readonly context: string;
  readonly set: ParameterSet;
  readonly words: number;
}

/** A ciphertext with its leaf hash (RFC 6962 section 2.1), base64url. */
export interface HashedCiphertext {
  readonly bytes: Uint8Array;
  readonly hash: string;
}

export interface Contribution {
  readonly header: Signed<ContributionStatement>;
  readonly ciphertexts: readonly HashedCiphertext[];
}

const statementOf = ({ computation, context, set, words }: SumOf, ciphertexts: readonly HashedCiphertext[]) => ({
  type: "he-contribution" as const,
  computation,
  context,
  set: set.id,
  words,
  digest: chunksRoot(ciphertexts.map(({ hash }) => hash)),
});

export const signContribution = (
  identity: SigningIdentity,
  sum: SumOf,
  ciphertexts: readonly HashedCiphertext[],
): Contribution => ({
  header: signStatement(identity, "secagg-message", statementOf(sum, ciphertexts)),
  ciphertexts,
});

/** Throws ERR_HE_AUTHENTICITY where the bytes are not those whose hash was signed. */
export function assertHashed({ bytes, hash }: HashedCiphertext): void {
  if (chunkHash(bytes) !== hash) throw new HeError("ERR_HE_AUTHENTICITY", "ciphertext: differs from its signed hash");
}

/**
 * The ciphertexts that may be added, by place, once `assertHashed` holds for each. `publicKeys`: identity key of each
 * member that contributes. Throws ERR_HE_PARAMETERS for too many, ERR_HE_VECTOR and ERR_HE_AUTHENTICITY.
 */
export function ciphertextsToAdd(
  sum: SumOf,
  publicKeys: ReadonlyMap<string, Uint8Array>,
  contributions: readonly Contribution[],
): readonly (readonly HashedCiphertext[])[] {
  assertSumsFit(sum.set, contributions.length);
  const wanted = ciphertextsFor(sum.set, sum.words);
  const signers = contributions.map(({ header }) => header.signer);
  if (new Set(signers).size !== signers.length || signers.length !== publicKeys.size) {
    throw new HeError("ERR_HE_AUTHENTICITY", "contributions: one from each member that was named is wanted");
  }
  for (const { header, ciphertexts } of contributions) {
    const { signer, statement } = header;
    if (ciphertexts.length !== wanted) {
      throw new HeError("ERR_HE_VECTOR", `contribution of ${signer}: wanted ${wanted}, got ${ciphertexts.length}`);
    }
    const same = statementOf(sum, ciphertexts);
    const names = Object.keys(same) as (keyof ContributionStatement)[];
    const other = names.find((name) => statement[name] !== same[name]);
    const key = publicKeys.get(signer);
    if (other !== undefined || key === undefined || !verifySigned(key, "secagg-message", header)) {
      throw new HeError("ERR_HE_AUTHENTICITY", `contribution of ${signer}: ${other ?? "signature"} does not fit`);
    }
  }
  return Array.from({ length: wanted }, (_, place) => contributions.map(({ ciphertexts }) => ciphertexts[place]!));
}
