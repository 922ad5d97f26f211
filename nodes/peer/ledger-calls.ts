/** The sequencer's answers to calls about the ledger, whichever way they come. */
import type { SequencerApi } from "../../ledger/embedded/sequencer-api.ts";
import type { SignedTransaction } from "../../ledger/port.ts";
import type { CosignedNotes } from "./cosigned-notes.ts";
import type { Answered, Asked, LedgerCall } from "./ledger-messages.ts";

/** `member` is the authenticated caller; `asked` has its schema. */
export type LedgerCalls = {
  readonly [C in LedgerCall]: (asked: Asked<C>, member: string) => Promise<Answered<C>>;
};

export function createLedgerCalls({
  sequencer,
  cosignedNotes,
}: {
  readonly sequencer: SequencerApi;
  readonly cosignedNotes: CosignedNotes;
}): LedgerCalls {
  const reply = (checkpoint: string | undefined) => (checkpoint === undefined ? {} : { checkpoint });
  return Object.freeze<LedgerCalls>({
    async submit({ transactions }, member) {
      const signed = transactions as unknown as readonly SignedTransaction[];
      return { answers: (await sequencer.submit(signed, member)) as never };
    },
    batches: async (asked) => ({ batches: (await sequencer.batches(asked)) as never }),
    acknowledged: async (asked) => reply(await sequencer.acknowledged(asked)),
    async cosign({ note, waitMs }, member) {
      const acknowledged = sequencer.cosign({ member, note, waitMs });
      cosignedNotes.keep(member, note);
      return reply(await acknowledged);
    },
    async present({ checkpoint }, member) {
      await sequencer.present({ member, checkpoint });
      return { done: true };
    },
    consistency: async (asked) => ({ proof: [...(await sequencer.consistencyProof(asked))] }),
  });
}
