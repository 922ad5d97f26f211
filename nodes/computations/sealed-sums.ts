/** C's part of a sum under a homomorphic envelope: chunk by chunk, when R asks for it, from what it has kept. */
import { readComputationStep } from "../../chaincode/rules/keys.ts";
import type { ComputationOpened } from "../../chaincode/rules/records.ts";
import { HeError } from "../../crypto/he/errors.ts";
import { parametersNamed } from "../../crypto/he/parameters.ts";
import { ComputationError } from "../../exchange/computations/errors.ts";
import { type EnvelopeAdder, openEnvelopeAdder } from "../he/envelope.ts";
import type { Context } from "./context.ts";
import type { KeptChunks } from "./kept-chunks.ts";
import { createKeyedLock } from "./keyed-lock.ts";
import { createSharedWork } from "./shared-work.ts";

export interface SealedSums {
  /** Throws ERR_COMPUTATION_UNKNOWN before the second set is closed, and where the vector has no such chunk. */
  of(index: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Chunks that are added at once: of a thousand members not all are in memory. */
const ADDED = 16;

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
  const open = envelope === undefined ? undefined : () => openEnvelopeAdder(parametersNamed(envelope.parameters));
  // At once: a worker takes a moment to start, and the rounds before take longer.
  let opening = open?.();
  opening?.catch(() => undefined);

  async function adder(): Promise<EnvelopeAdder> {
    if (open === undefined) throw unknown("no sums of ciphertexts");
    opening ??= open();
    return await opening;
  }

  async function close(): Promise<void> {
    const ended = opening;
    opening = undefined;
    last = undefined;
    await (await ended?.catch(() => undefined))?.[Symbol.asyncDispose]();
  }

  async function summed(index: number): Promise<Uint8Array> {
    if (last?.index === index) return last.sum;
    const closed = await readComputationStep(services.ledger, computation, "close-2");
    if (closed === undefined) throw unknown("its second set is open");
    const { members } = closed;
    if (members.some((member) => index >= kept.held(2, member))) throw unknown(`no chunk ${index} of every member`);
    const { add } = await adder();
    try {
      let sum: Uint8Array | undefined;
      for (let at = 0; at < members.length; at += ADDED) {
        const chunks = members.slice(at, at + ADDED).map((member) => kept.read({ phase: 2, member, index }));
        sum = await add(sum === undefined ? chunks : [sum, ...chunks]);
      }
      last = { index, sum: sum! };
      return sum!;
    } catch (error) {
      // Its workers may have ended; the next call begins with new ones.
      if (error instanceof HeError) await close();
      throw error;
    }
  }

  return Object.freeze({
    // However many ask at once: one sum of one chunk is made at a time, and a chunk's callers share it.
    of: (index: number) => shared(`${index}`, () => inTurn("", () => summed(index))),
    close,
  });
}
