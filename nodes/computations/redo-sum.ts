/** R's part of the sum at the edge: fetches what did not come with the transcript, one chunk at a time. */
import { setImmediate as breathe } from "node:timers/promises";
import { addChunk, emptyChunk, type SumPlan, sealedChunk, takeMasksOffChunk } from "../../crypto/secagg/chunk-sum.ts";
import { chunkAt, chunkCount } from "../../crypto/secagg/cut.ts";

type FetchChunk = (member: string, index: number) => Promise<Uint8Array>;

/** Under a homomorphic envelope: C's sum of one chunk, and the words under it. */
export interface SealedSum {
  fetch(index: number): Promise<Uint8Array>;
  read(index: number, chunk: Uint8Array, words: number): Promise<BigUint64Array>;
}

/** Holds the sum and two chunks. Throws SecaggError where a chunk is not the one that was signed, or a sum not theirs. */
export async function redoSum(plan: SumPlan, fetchChunk: FetchChunk, sealed?: SealedSum): Promise<BigUint64Array> {
  const words = new BigUint64Array(plan.words);
  const { set } = plan;
  const summed = (index: number) =>
    set === undefined || sealed === undefined
      ? addedUp(plan, index, fetchChunk)
      : opened({ ...plan, set }, index, fetchChunk, sealed);
  for (let index = 0; index < chunkCount(plan); index++) {
    const sum = await summed(index);
    takeMasksOffChunk(plan, sum, index);
    words.set(sum, chunkAt(plan, index).start);
    // Masks of many members are long work: others have a turn between chunks.
    if (index + 1 < chunkCount(plan)) await breathe();
  }
  return words;
}

async function addedUp(plan: SumPlan, index: number, fetchChunk: FetchChunk): Promise<BigUint64Array> {
  const sum = emptyChunk(plan, index);
  for (const one of plan.contributions) addChunk(plan, sum, index, one, await bytesOf(one, index, fetchChunk));
  return sum;
}

/** C has added; R looks at every signed ciphertext, and decrypts nothing but their sum. */
async function opened(
  plan: SumPlan & { readonly set: string },
  index: number,
  fetchChunk: FetchChunk,
  sealed: SealedSum,
): Promise<BigUint64Array> {
  const fetching = sealed.fetch(index);
  // It is waited for below, whatever else fails before.
  fetching.catch(() => undefined);
  const chunk = sealedChunk(plan, index);
  for (const one of plan.contributions) {
    chunk.take(one, await bytesOf(one, index, fetchChunk));
    // Each is some thousands of coefficients for every ciphertext.
    await breathe();
  }
  const sum = await fetching;
  chunk.assertSum(sum);
  return await sealed.read(index, sum, chunkAt(plan, index).words);
}

const bytesOf = async (one: SumPlan["contributions"][number], index: number, fetchChunk: FetchChunk) =>
  (index === 0 ? one.first : undefined) ?? (await fetchChunk(one.member, index));
