/**
 * The sum of phase 2 as R redoes it, chunk by chunk: the contributions of one chunk are added, then every mask comes off
 * it. A plan holds mask keys: it stays in memory.
 *
 *   for each chunk: sum = emptyChunk(plan, index); addChunk for every contribution; takeMasksOffChunk
 */
import { assertChunk, type Cut, chunkAt } from "./chunks.ts";
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

export const emptyChunk = (plan: SumPlan, index: number): BigUint64Array =>
  new BigUint64Array(chunkAt(plan, index).words);

/** Throws ERR_SECAGG_AUTHENTICITY where the bytes are not this chunk of this contribution. */
export function addChunk(
  plan: SumPlan,
  sum: BigUint64Array,
  index: number,
  { member, chunks }: SumPlan["contributions"][number],
  bytes: Uint8Array,
): void {
  assertChunk(member, chunks, plan, index, bytes);
  plan.arithmetic.add(sum, wordsIn(bytes, `chunk ${index} of ${member}`, sum.length));
}

export function takeMasksOffChunk(plan: SumPlan, sum: BigUint64Array, index: number): void {
  const { start } = chunkAt(plan, index);
  for (const { key, direction } of plan.masks) applyMask(sum, key, direction, plan.arithmetic, start);
}
