/**
 * The sum of phase 2 as R redoes it, chunk by chunk: the contributions of one chunk are added, then every mask comes off
 * it. A plan holds mask keys: it stays in memory.
 *
 *   for each chunk: sum = emptyChunk(plan, index); addChunk for every contribution; takeMasksOffChunk
 *
 * Under a homomorphic envelope C has added the ciphertexts; R looks whether it has, before it decrypts what C gives it:
 *
 *   for each chunk: sealed = sealedChunk(plan, index); sealed.take every contribution; sealed.assertSum; decrypt it;
 *   takeMasksOffChunk
 */
import { createSumOfChunks } from "../he/ciphertexts.ts";
import { parametersNamed } from "../he/parameters.ts";
import { assertChunk, assertSealed } from "./chunks.ts";
import { refuseAuthenticity } from "./closing.ts";
import { type Cut, chunkAt, chunkBytes } from "./cut.ts";
import { applyMask } from "./masks.ts";
import type { SumMask } from "./sum.ts";
import { type Arithmetic, wordsIn } from "./words.ts";

export interface SumPlan extends Cut {
  readonly arithmetic: Arithmetic;
  readonly contributions: readonly {
    readonly member: string;
    /** Hashes of all its chunks, checked against its signed header. */
    readonly chunks: readonly string[];
    /** The first chunk, where it came with the transcript. */
    readonly first?: Uint8Array;
  }[];
  readonly masks: readonly SumMask[];
}
type Contribution = SumPlan["contributions"][number];

export const emptyChunk = (plan: SumPlan, index: number): BigUint64Array =>
  new BigUint64Array(chunkAt(plan, index).words);

/** Throws ERR_SECAGG_AUTHENTICITY where the bytes are not this chunk of this contribution. */
export function addChunk(
  plan: SumPlan,
  sum: BigUint64Array,
  index: number,
  { member, chunks }: Contribution,
  bytes: Uint8Array,
): void {
  assertChunk(member, chunks, plan, index, bytes);
  plan.arithmetic.add(sum, wordsIn(bytes, `chunk ${index} of ${member}`, sum.length));
}

export interface SealedChunk {
  /** Throws ERR_SECAGG_AUTHENTICITY where the bytes are not this chunk of this contribution. */
  take(contribution: Contribution, bytes: Uint8Array): void;
  /** Throws ERR_SECAGG_AUTHENTICITY where this is not the sum of what was taken. */
  assertSum(bytes: Uint8Array): void;
}

export function sealedChunk(plan: SumPlan & { readonly set: string }, index: number): SealedChunk {
  const size = chunkBytes(plan, index);
  const sum = createSumOfChunks(parametersNamed(plan.set), size);
  return {
    take({ member, chunks }: Contribution, bytes: Uint8Array) {
      assertChunk(member, chunks, plan, index, bytes);
      sum.add(bytes);
    },
    assertSum(bytes: Uint8Array) {
      const label = `sum of chunk ${index}`;
      if (bytes.length !== size) refuseAuthenticity(`${label}: wanted ${size} bytes, got ${bytes.length}`);
      assertSealed(label, plan.set, bytes);
      if (!sum.isSum(bytes)) refuseAuthenticity(`${label}: not that of the signed ciphertexts`);
    },
  };
}

export function takeMasksOffChunk(plan: SumPlan, sum: BigUint64Array, index: number): void {
  const { start } = chunkAt(plan, index);
  for (const { key, direction } of plan.masks) applyMask(sum, key, direction, plan.arithmetic, start);
}
