/** What replicas and the sequencer say to each other over HTTP: the SequencerApi of ledger/embedded as messages. */
import { Type } from "typebox";
import { Count, closed, Digest, Instant, signedTransaction } from "../../chaincode/rules/vocabulary.ts";
import { MAX_SUBMIT } from "../../ledger/embedded/sequencer-api.ts";

export const MAX_BATCH_ENTRIES = 2_000;
export const MAX_WAIT_MS = 60_000;

const Note = Type.String({ minLength: 1, maxLength: 1_000_000 });
/** The contract checks the statement's own schema; here only the envelope is fixed. */
const SignedTransaction = signedTransaction(Type.Object({}, { additionalProperties: true }));

const Entry = closed({ position: Count, time: Instant, transaction: SignedTransaction });
const Wait = Type.Integer({ minimum: 0, maximum: MAX_WAIT_MS });

export const SubmitBody = closed({
  transactions: Type.Array(SignedTransaction, { minItems: 1, maxItems: MAX_SUBMIT }),
});
export const SubmitReply = closed({
  answers: Type.Array(
    Type.Union([
      closed({ ok: Type.Literal(true), entry: Entry }),
      closed({
        ok: Type.Literal(false),
        code: Type.String({ maxLength: 64 }),
        field: Type.Optional(Type.String({ maxLength: 300 })),
        message: Type.String({ maxLength: 4_000 }),
      }),
    ]),
    { maxItems: MAX_SUBMIT },
  ),
});
export const BatchesQuery = closed({
  from: Count,
  limit: Type.Integer({ minimum: 1, maximum: MAX_BATCH_ENTRIES }),
  waitMs: Wait,
});
export const BatchesReply = closed({
  batches: Type.Array(closed({ from: Count, entries: Type.Array(Entry), checkpoint: Note })),
});
export const CheckpointParameters = closed({ size: Count });
export const CheckpointQuery = closed({ waitMs: Wait });
export const CheckpointReply = closed({ checkpoint: Type.Optional(Note) });
/** `waitMs`: for the acknowledgement of the checkpoint, which the reply carries. */
export const CosignatureBody = closed({ note: Note, waitMs: Wait });
export const PresenceBody = closed({ checkpoint: Type.Optional(Note) });
export const ConsistencyQuery = closed({ from: Count, to: Count });
export const ConsistencyReply = closed({ proof: Type.Array(Digest, { maxItems: 64 }) });
export const Done = closed({ done: Type.Literal(true) });
