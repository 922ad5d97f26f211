/** C's part of a sum under a homomorphic envelope: chunk by chunk, when R asks for it, from what it has kept. */
import { setImmediate as breathe } from "node:timers/promises";
import { readComputationStep } from "../../chaincode/rules/keys.ts";
import type { ComputationOpened } from "../../chaincode/rules/records.ts";
import { assertCiphertexts, createSumOfChunks, type SumOfChunks } from "../../crypto/he/ciphertexts.ts";
import { parametersNamed } from "../../crypto/he/parameters.ts";
import { ComputationError } from "../../exchange/computations/errors.ts";
import type { Context } from "./context.ts";
import type { KeptChunks } from "./kept-chunks.ts";
import { createKeyedLock } from "./keyed-lock.ts";
import { createSharedWork } from "./shared-work.ts";

export interface SealedSums {
  /** Throws ERR_COMPUTATION_UNKNOWN before the second set is closed, and where the vector has no such chunk. */
  of(index: number): Promise<Uint8Array>;
  close(): void;
}

export function createSealedSums(
  { services }: Pick<Context, "services">,
  { computation, envelope }: ComputationOpened["body"],
  kept: Pick<KeptChunks, "read" | "held">,
): SealedSums {
  const shared = createSharedWork();
  const inTurn = createKeyedLock();
  /** R asks again for what got lost on the way. */
  let last: { readonly index: number; readonly sum: Uint8Array } | undefined;
  const unknown = (detail: string) =>
    new ComputationError("ERR_COMPUTATION_UNKNOWN", `computation ${computation}: ${detail}`);
  async function summed(index: number): Promise<Uint8Array> {
    if (envelope === undefined) throw unknown("no sums of ciphertexts");
    if (last?.index === index) return last.sum;
    const closed = await readComputationStep(services.ledger, computation, "close-2");
    if (closed === undefined) throw unknown("its second set is open");
    const { members } = closed;
    if (members.some((member) => index >= kept.held(2, member))) throw unknown(`no chunk ${index} of every member`);
    const set = parametersNamed(envelope.parameters);
    let sum: SumOfChunks | undefined;
    // Of a thousand members not all are in memory, and others have a turn between them.
    for (const member of members) {
      const chunk = kept.read({ phase: 2, member, index });
      assertCiphertexts(set, chunk);
      sum ??= createSumOfChunks(set, chunk.length);
      sum.add(chunk);
      await breathe();
    }
    last = { index, sum: sum!.chunk() };
    return last.sum;
  }

  return Object.freeze({
    // However many ask at once: one sum of one chunk is made at a time, and a chunk's callers share it.
    of: (index: number) => shared(`${index}`, () => inTurn("", () => summed(index))),
    close() {
      last = undefined;
    },
  });
}
