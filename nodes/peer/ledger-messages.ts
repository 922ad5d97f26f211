/** What replicas and the sequencer say to each other over HTTP: the SequencerApi of ledger/embedded as messages. */
import { type Static, type TSchema, Type } from "typebox";
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
export type BatchesReply = Static<typeof BatchesReply>;
export const CheckpointParameters = closed({ size: Count });
export const CheckpointQuery = closed({ waitMs: Wait });
export const CheckpointReply = closed({ checkpoint: Type.Optional(Note) });
/** `waitMs`: for the acknowledgement of the checkpoint, which the reply carries. */
export const CosignatureBody = closed({ note: Note, waitMs: Wait });
export const PresenceBody = closed({ checkpoint: Type.Optional(Note) });
export const ConsistencyQuery = closed({ from: Count, to: Count });
export const ConsistencyReply = closed({ proof: Type.Array(Digest, { maxItems: 64 }) });
export const Done = closed({ done: Type.Literal(true) });

/** Every call about the ledger: what is asked, what is answered, and where that is as an HTTP request of its own. */
export const LEDGER_CALLS = Object.freeze({
  submit: call("POST", "/peer/v1/ledger/transactions", SubmitBody, SubmitReply),
  batches: call("GET", "/peer/v1/ledger/batches", BatchesQuery, BatchesReply),
  acknowledged: call("GET", "/peer/v1/ledger/checkpoints", closed({ size: Count, waitMs: Wait }), CheckpointReply),
  cosign: call("POST", "/peer/v1/ledger/cosignatures", CosignatureBody, CheckpointReply),
  present: call("POST", "/peer/v1/ledger/presence", PresenceBody, Done),
  consistency: call("GET", "/peer/v1/ledger/consistency", ConsistencyQuery, ConsistencyReply),
});
export type LedgerCall = keyof typeof LEDGER_CALLS;
export type Asked<C extends LedgerCall> = Static<(typeof LEDGER_CALLS)[C]["asked"]>;
export type Answered<C extends LedgerCall> = Static<(typeof LEDGER_CALLS)[C]["answered"]>;

/** The same calls as messages over one connection, each answered under its id, in any order. */
export const CHANNEL_PATH = "/peer/v1/ledger/channel";
/** In the Upgrade header field (RFC 9110 section 7.8). */
export const CHANNEL_PROTOCOL = "sealane-ledger";
const Id = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
export const ChannelCall = closed({ id: Id, call: Type.Enum(namesOf(LEDGER_CALLS)), asked: Type.Unknown() });
export const ChannelAnswer = Type.Union([
  closed({ id: Id, answered: Type.Unknown() }),
  closed({
    id: Id,
    refused: closed({
      status: Type.Integer(),
      code: Type.String({ maxLength: 64 }),
      detail: Type.String({ maxLength: 4_000 }),
    }),
  }),
]);
/** Of one call. A replica sends group commits of 4 Mi characters and one transaction more: at most three bytes each. */
export const MAX_CALL_BYTES = 16 * 1024 * 1024;
/** A connection without a byte for so long is dead: every call waits for less. */
export const CHANNEL_IDLE_MS = 2 * MAX_WAIT_MS;

function call<A extends TSchema, R extends TSchema>(method: "GET" | "POST", path: string, asked: A, answered: R) {
  return { method, path, asked, answered } as const;
}

function namesOf<T extends object>(table: T): (keyof T & string)[] {
  return Object.keys(table) as (keyof T & string)[];
}
