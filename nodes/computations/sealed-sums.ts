/** C's part of a sum under a homomorphic envelope: chunk by chunk, when R asks for it, from what it has kept. */
import { readComputationStep } from "../../chaincode/rules/keys.ts";
import type { ComputationOpened } from "../../chaincode/rules/records.ts";
import { parametersNamed } from "../../crypto/he/parameters.ts";
import { ComputationError } from "../../exchange/computations/errors.ts";
import { type EnvelopeAdder, openEnvelopeAdder } from "../he/envelope.ts";
import type { Context } from "./context.ts";
import type { KeptChunks } from "./kept-chunks.ts";

export interface SealedSums {
  of(index: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Chunks that are added at once: of a thousand members not all are in memory. */
const ADDED = 16;

export function createSealedSums(
  { services }: Pick<Context, "services">,
  { computation, envelope }: ComputationOpened["body"],
  kept: Pick<KeptChunks, "read">,
): SealedSums {
  const open = envelope === undefined ? undefined : () => openEnvelopeAdder(parametersNamed(envelope.parameters));
  // At once: a worker takes a moment to start, and the rounds before take longer.
  let opening = open?.();
  opening?.catch(() => undefined);

  async function adder(): Promise<EnvelopeAdder> {
    if (open === undefined) {
      throw new ComputationError("ERR_COMPUTATION_UNKNOWN", `computation ${computation}: no sums of ciphertexts`);
    }
    opening ??= open();
    return await opening;
  }

  async function close(): Promise<void> {
    const last = opening;
    opening = undefined;
    await (await last?.catch(() => undefined))?.[Symbol.asyncDispose]();
  }

  return Object.freeze({
    async of(index: number) {
      const closed = await readComputationStep(services.ledger, computation, "close-2");
      if (closed === undefined) {
        throw new ComputationError("ERR_COMPUTATION_UNKNOWN", `computation ${computation}: its second set is open`);
      }
      const { add } = await adder();
      try {
        let sum: Uint8Array | undefined;
        for (let at = 0; at < closed.members.length; at += ADDED) {
          const chunks = closed.members.slice(at, at + ADDED).map((member) => kept.read({ phase: 2, member, index }));
          sum = await add(sum === undefined ? chunks : [sum, ...chunks]);
        }
        return sum!;
      } catch (error) {
        // Its workers may have ended; the next call begins with new ones.
        await close();
        throw error;
      }
    },
    close,
  });
}
