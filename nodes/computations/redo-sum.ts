/** R's part of the sum at the edge: fetches what did not come with the transcript, one chunk at a time. */
import { setImmediate as breathe } from "node:timers/promises";
import { addChunk, emptyChunk, type SumPlan, takeMasksOffChunk } from "../../crypto/secagg/chunk-sum.ts";
import { chunkAt, chunkCount } from "../../crypto/secagg/chunks.ts";

type FetchChunk = (member: string, index: number) => Promise<Uint8Array>;

/** Holds the sum and two chunks. Throws SecaggError where a chunk is not the one that was signed. */
export async function redoSum(plan: SumPlan, fetchChunk: FetchChunk): Promise<BigUint64Array> {
  const words = new BigUint64Array(plan.words);
  for (let index = 0; index < chunkCount(plan); index++) {
    const sum = emptyChunk(plan, index);
    for (const one of plan.contributions) {
      const rode = index === 0 ? one.first : undefined;
      addChunk(plan, sum, index, one, rode ?? (await fetchChunk(one.member, index)));
    }
    takeMasksOffChunk(plan, sum, index);
    words.set(sum, chunkAt(plan, index).start);
    // Masks of many members are long work: others have a turn between chunks.
    if (index + 1 < chunkCount(plan)) await breathe();
  }
  return words;
}
