/**
 * The evidence bundle: one file that shows, for one result, who asked, who agreed, who took part and what came out,
 * each step with its ledger record. It is read by people who trust neither its author nor any node.
 *
 * On disk it is the RFC 8785 text of an `EvidenceBundle` and a final newline, so that every byte of the file counts.
 */
import { type Static, type TSchema, Type } from "typebox";
import { TRANSACTIONS, type TransactionType } from "../../chaincode/rules/transactions.ts";
import {
  AgreementKey,
  AssetId,
  Bytes32,
  Code,
  Count,
  closed,
  Digest,
  Instant,
  MemberId,
  signed,
  signedTransaction,
  Text,
  Uuid,
} from "../../chaincode/rules/vocabulary.ts";
import { FabricPart, FabricPlace } from "./fabric-bundle.ts";
import { ResultDocument } from "./result.ts";

export const MAX_BUNDLE_BYTES = 256 * 1024 * 1024;
export const EVIDENCE_FORMAT = "sealane/evidence/v1";

/** 32 random bytes, base64url: the salt of the digest on the ledger. */
export const Salt = Bytes32;
/** Any JSON document. The ledger's digest covers it; bounded in depth and size before it is read. */
const Document = Type.Unknown();
const salted = <T extends TSchema>(document: T) => closed({ document, salt: Salt });
const list = <T extends TSchema>(item: T, maxItems: number, minItems = 0) => Type.Array(item, { minItems, maxItems });

/** Proof that the entry is on the ledger. `checkpoint` is an index into `checkpoints`; `block` is one of `fabric`. */
export const RecordProof = Type.Union([
  closed({ kind: Type.Literal("tlog"), checkpoint: Count, path: list(Digest, 53) }),
  FabricPlace,
]);

/** One ledger entry of a given transaction type with its proof. */
export const recordOf = <T extends TransactionType>(type: T) =>
  closed({
    position: Count,
    time: Instant,
    transaction: signedTransaction(
      closed({
        network: Code,
        id: Code,
        type: Type.Literal(type),
        body: TRANSACTIONS[type] as (typeof TRANSACTIONS)[T],
      }),
    ),
    proof: RecordProof,
  });

const QueryView = Type.Object({
  measures: list(
    Type.Object({
      id: Code,
      statistic: Type.Object({
        kind: Code,
        independents: Type.Optional(list(Code, 8)),
        probabilities: Type.Optional(list(Code, 9)),
      }),
    }),
    32,
    1,
  ),
  totals: Type.Optional(Type.Literal(true)),
});

/** Structural view of a data request (policies/model/request.ts): the fields that the ledger and the verifier use. */
export const RequestView = Type.Object({
  id: Uuid,
  requester: MemberId,
  assets: list(AssetId, 1000, 1),
  receiver: MemberId,
  coordinator: MemberId,
  receiverMode: Type.Union([Type.Literal("direct"), Type.Literal("reviewed")]),
  method: Type.Optional(Type.Union([Type.Literal("mask"), Type.Literal("bfv")])),
  query: QueryView,
});

/** Structural view of the layout document: the layout (exchange/statistics) and the asset metadata it follows from. */
export const LayoutView = Type.Object({
  layout: Type.Object({
    format: Type.Literal("sealane/layout/v1"),
    query: QueryView,
    assets: list(Type.Object({ asset: AssetId, version: Type.Integer(), metadata: Digest }), 1000, 1),
    dimensions: list(Type.Object({ name: Code, size: Type.Integer({ minimum: 1 }) }), 3),
    domains: list(
      Type.Object({
        kind: Type.Enum(["element", "attribute"]),
        name: Code,
        codes: list(Code, 100_000, 1),
        within: Type.Optional(Type.Record(Code, Code)),
      }),
      3,
    ),
    components: list(
      Type.Object({
        words: Type.Enum([1, 2]),
        count: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_536 })),
      }),
      1000,
      1,
    ),
    atoms: Type.Integer({ minimum: 1, maximum: 1_048_576 }),
    wordsPerAtom: Type.Integer({ minimum: 1 }),
    /** Exact moments: a cell needs N - 1 - c of at least this; 0 where no moment is asked for. */
    momentMargin: Count,
  }),
  assets: list(
    Type.Object({ id: AssetId, version: Type.Integer(), unit: Type.Object({ kind: Type.String() }) }),
    1000,
    1,
  ),
});

/** Structural view of the policy document: the policies in force, in cohort order. */
export const PolicyView = Type.Object({ policies: list(Document, 1000, 1) });

/** Structural views of the protocol's signed statements (crypto/secagg/messages.ts), kept as they were sent. */
const statement = <const N extends string, T extends TSchema>(type: N, body: T) =>
  signed(
    closed({
      type: Type.Literal(type),
      computation: Uuid,
      request: Uuid,
      phase: Type.Literal(0),
      context: Digest,
      body,
    }),
  );

/** A key, or in suite intl-pq the 1,120 bytes that the member encapsulated to R's. */
const EnvelopeKey = Type.Union([AgreementKey, Type.String({ pattern: "^[A-Za-z0-9_-]{1493}[AQgw]$" })]);

/** Message 3 (domain "secagg-message"). */
export const KeysMessage = statement(
  "keys",
  closed({
    pair1: AgreementKey,
    pair2: AgreementKey,
    seal: AgreementKey,
    envelope: EnvelopeKey,
    seed1: Digest,
    seed2: Digest,
    /** Suite intl-pq: what its pair seeds are committed to by. */
    seeds1: Type.Optional(Digest),
    seeds2: Type.Optional(Digest),
    /** More than 129 members: commitment to the nonce of message `reveal`. */
    nonce: Type.Optional(Digest),
  }),
);

/** Message 4 of a member (domain "secagg-message"): the nonce it committed to, for the key set with this root. */
export const RevealMessage = statement("reveal", closed({ root: Digest, nonce: Digest }));

/** Message 7 (domain "secagg-message"). Bit i: the box of the i-th member of U opened and matched its leaf. */
export const AcceptMessage = statement(
  "accept",
  closed({ accepted: Type.String({ pattern: "^[A-Za-z0-9_-]*$", maxLength: 200 }) }),
);

/** A withdrawal after the key set and before the mask set (domain "secagg-message"). */
export const RefusalMessage = statement("refusal", closed({ reason: Code }));

/** Messages 12 and 20: a member's one view of a closing set (domain "view"). */
export const View = signed(
  closed({
    computation: Uuid,
    request: Uuid,
    phase: Type.Enum([1, 2]),
    /** Digest of the closing record. */
    digest: Digest,
    /** Ledger position of that record. */
    position: Count,
  }),
);

/** Bit i = byte[i >> 3] >> (i & 7) & 1, base64url. */
export const Bitmap = Type.String({ pattern: "^[A-Za-z0-9_-]*$", maxLength: 180_000 });

/** Document behind `computation.counts`: per atom, contributing organisations and statistical units over S1. */
export const CountsDocument = closed({
  members: list(MemberId, 1000, 1),
  counts: list(Count, 1_000_000),
  units: list(Count, 1_000_000),
  bitmap: Bitmap,
});

const closing = closed({ record: recordOf("computation.close"), views: list(View, 1000, 1) });

export const EvidenceBody = closed({
  format: Type.Literal(EVIDENCE_FORMAT),
  network: Code,
  request: Uuid,
  computation: Uuid,
  /** Checkpoint notes with cosignatures; every tlog proof names one by its index. */
  checkpoints: list(Type.String({ minLength: 1, maxLength: 1_000_000 }), 64),
  /** On Fabric: the blocks that the records stand in. */
  fabric: Type.Optional(FabricPart),
  /** Founding, admissions and all key rotations until the outcome of everyone who acts below; ascending by position. */
  members: closed({
    found: recordOf("network.found"),
    admissions: list(recordOf("member.admit"), 1100),
    rotations: list(recordOf("key.rotate"), 1100),
  }),
  /** Registration and, where the policy was changed later, its activation in force when the decision was made. */
  assets: list(
    closed({ registered: recordOf("asset.register"), policy: Type.Optional(recordOf("policy.activate")) }),
    1000,
    1,
  ),
  submitted: closed({ record: recordOf("request.submit"), request: salted(signed(RequestView)) }),
  /** The permit of every cohort member, in cohort order. */
  decisions: list(closed({ record: recordOf("decision.record"), explanation: salted(Document) }), 1000, 1),
  /** In cohort order, with the DSP agreement documents. */
  agreements: list(closed({ record: recordOf("agreement.conclude"), document: Document }), 1000, 1),
  opened: closed({
    record: recordOf("computation.open"),
    query: salted(Document),
    layout: salted(LayoutView),
    policy: salted(PolicyView),
  }),
  /** Messages 3 of all of U, and their reveals where the graph is drawn from them, each list ascending by member. */
  keyset: closed({
    record: recordOf("computation.keyset"),
    messages: list(KeysMessage, 1000, 1),
    reveals: Type.Optional(list(RevealMessage, 1000, 1)),
  }),
  /** Messages 7 and withdrawals from which V follows, each list ascending by member; the root is over both in this order. */
  maskset: closed({
    record: recordOf("computation.maskset"),
    accepts: list(AcceptMessage, 1000, 1),
    refusals: list(RefusalMessage, 1000),
  }),
  /** Counted mode only. */
  phase1: Type.Optional(
    closed({ closing, counts: closed({ record: recordOf("computation.counts"), counts: salted(CountsDocument) }) }),
  ),
  /** Atoms whose values were opened: what the context of the phase-2 headers binds. */
  bitmap: Bitmap,
  phase2: closing,
  outcome: Type.Union([
    closed({
      kind: Type.Literal("released"),
      record: recordOf("result.release"),
      result: salted(ResultDocument),
      /** Where the policies want a review: every word, in the order of the ledger. */
      review: Type.Optional(
        closed({
          opened: closed({ record: recordOf("review.open") }),
          words: list(closed({ record: recordOf("review.say") }), 64),
        }),
      ),
    }),
    closed({ kind: Type.Literal("withheld"), record: recordOf("result.withhold") }),
  ]),
});

/** What the receiver answers for with its name: the bytes of this bundle and that it recomputed the sums itself. */
export const ReceiverStatement = closed({
  format: Type.Literal("sealane/receiver-statement/v1"),
  network: Code,
  request: Uuid,
  computation: Uuid,
  /** Digest of `body`. */
  evidence: Digest,
  /** Digest of the transcript the receiver keeps: contributions, recovered secrets and views (message 22). */
  transcript: Digest,
  /** Instant of the receiver's own clock. */
  time: Instant,
  note: Type.Optional(Text),
});

export const EvidenceBundle = closed({ body: EvidenceBody, statement: signed(ReceiverStatement) });

export type EvidenceBody = Static<typeof EvidenceBody>;
export type EvidenceBundle = Static<typeof EvidenceBundle>;
export type ReceiverStatement = Static<typeof ReceiverStatement>;
export type RecordProof = Static<typeof RecordProof>;
export type RequestView = Static<typeof RequestView>;
export type View = Static<typeof View>;
export type KeysMessage = Static<typeof KeysMessage>;
export type RevealMessage = Static<typeof RevealMessage>;
export type AcceptMessage = Static<typeof AcceptMessage>;
export type RefusalMessage = Static<typeof RefusalMessage>;
export type CountsDocument = Static<typeof CountsDocument>;
