/**
 * Every transaction of the contract: name and body. The ledger holds digests, identities and decisions, never values.
 * Adding a record type = one schema here, one rule file, one line in `rules.ts`.
 */
import { type Static, Type } from "typebox";
import {
  AgreementKey,
  AssetId,
  Code,
  Count,
  closed,
  Digest,
  Instant,
  KeyId,
  literals,
  MemberId,
  NodeKind,
  PublicKey,
  SuiteId,
  signed,
  Text,
  Title,
  Uuid,
} from "./vocabulary.ts";

// ---- members and governance

export const KeyRecord = closed({ key: KeyId, suite: SuiteId, publicKey: PublicKey });

/**
 * The certificate under which a member's node calls a Fabric network: organisation (MSP) and SHA-256 of the DER
 * SubjectPublicKeyInfo. A ledger on Fabric takes calls of bound certificates only; the embedded one ignores it.
 */
const FabricClient = closed({ msp: Code, key: Digest });

/** Public registry facts about an organisation. `attributes` are code-table values such as sector or region. */
export const MemberRecord = closed({
  id: MemberId,
  title: Title,
  kind: NodeKind,
  /** Legal-person code (for example a unified social credit code); one member per code. */
  organisation: Type.String({ minLength: 1, maxLength: 64 }),
  /** Members of one holding group count as one contributor. */
  holdingGroup: Code,
  attributes: Type.Record(Code, Code, { additionalProperties: false, maxProperties: 16 }),
  identity: KeyRecord,
  /** SHA-256 of the DER SubjectPublicKeyInfo of the node's TLS certificate. */
  tls: Digest,
  /** Public base address of the node's peer interface; absent for nodes that only connect outward. */
  endpoint: Type.Optional(Type.String({ maxLength: 200, pattern: "^https://[A-Za-z0-9.:_\\[\\]-]+$" })),
  /** Cosigners' signatures count towards the quorum of the embedded ledger. */
  cosigner: Type.Boolean(),
  fabric: Type.Optional(FabricClient),
});

export const NetworkFound = closed({
  network: Code,
  /** GB/T 4754 industry code: one consortium per industry. */
  industry: Code,
  title: Title,
  founder: MemberRecord,
  sequencer: MemberId,
  /** Code tables of the registry attributes, for example {"sector": ["17", "28"]}. */
  attributes: Type.Record(Code, Type.Array(Code, { maxItems: 10_000 }), {
    additionalProperties: false,
    maxProperties: 16,
  }),
});
/** The applicant's own signed statement rides inside, so that the operator cannot alter what was applied for. */
export const MemberAdmit = closed({ application: signed(closed({ network: Code, member: MemberRecord })) });
export const MemberSuspend = closed({ member: MemberId, reason: Code });
export const MemberReinstate = closed({ member: MemberId, reason: Code });
/** Signed with the old key; `proof` shows possession of the new one (domain "application"). */
export const KeyRotate = closed({
  next: KeyRecord,
  tls: Type.Optional(Digest),
  fabric: Type.Optional(FabricClient),
  proof: signed(closed({ member: MemberId, replaces: KeyId, next: KeyId })),
});
/** From the position of this record on, signatures by `key` are refused. */
export const KeyRevoke = closed({ member: MemberId, key: KeyId, reason: Code });
/** A vote on a proposal (sequencer replacement, expulsion): the proposal is carried at a majority of active members. */
export const VoteCast = closed({
  proposal: Type.Union([
    closed({
      kind: Type.Literal("replace-sequencer"),
      sequencer: MemberId,
      from: closed({ size: Count, root: Digest }),
    }),
    closed({ kind: Type.Literal("expel-member"), member: MemberId }),
  ]),
  choice: literals(["for", "against"]),
});

// ---- assets and policies

/** In billionths of ρ, up to 1,000. */
const PrivacyCost = Type.Integer({ minimum: 1, maximum: 1_000_000_000_000 });
/** `content`: the provider's own commitment to the registered bytes, equal for equal bytes. */
const AssetPrivacy = closed({
  content: Digest,
  /** What all releases over it may cost together. Absent: nothing is said of it. */
  budget: Type.Optional(PrivacyCost),
});

export const AssetRegister = closed({
  asset: AssetId,
  version: Type.Integer({ minimum: 1 }),
  metadataDigest: Digest,
  policyDigest: Digest,
  unitDomain: Code,
  privacy: Type.Optional(AssetPrivacy),
});
export const AssetWithdraw = closed({ asset: AssetId, reason: Code });
export const PolicyActivate = closed({
  asset: AssetId,
  version: Type.Integer({ minimum: 1 }),
  policyDigest: Digest,
  privacy: Type.Optional(AssetPrivacy),
  /** Persons of the provider, `<member>/<person>`, in the order in which they agreed. Absent: nobody is named. */
  approvedBy: Type.Optional(Type.Array(Text, { minItems: 1, maxItems: 8, uniqueItems: true })),
});

// ---- requests, decisions, agreements

export const RequestSubmit = closed({
  request: Uuid,
  /** Salted digest of the signed data request. */
  digest: Digest,
  assets: Type.Array(AssetId, { minItems: 1, maxItems: 1000, uniqueItems: true }),
  receiver: MemberId,
});
export const RequestCancel = closed({ request: Uuid, reason: Code });
export const DecisionRecord = closed({
  request: Uuid,
  asset: AssetId,
  outcome: literals(["permit", "refuse", "wait"]),
  /** Stable reason codes of the rules that decided. */
  reasons: Type.Array(Code, { maxItems: 64 }),
  policyDigest: Digest,
  policyVersion: Type.Integer({ minimum: 1 }),
  /** Salted digest of the full explanation. */
  explanationDigest: Digest,
  /** Operator identity, where a person decided. */
  decidedBy: Type.Optional(Text),
});
/** A concluded DSP contract agreement (negotiation state FINALIZED) for one asset. */
export const AgreementConclude = closed({
  /** `agreementIdOf` its request or negotiation, and its asset. */
  agreement: Uuid,
  /** The data request it answers. Absent: it is on the release of records, and `policy` is there. */
  request: Type.Optional(Uuid),
  /** On the release of records: the policy in force, by which it was decided. */
  policy: Type.Optional(closed({ digest: Digest, version: Type.Integer({ minimum: 1 }) })),
  /** On the release of records: the provider's id of the negotiation. */
  negotiation: Type.Optional(Uuid),
  asset: AssetId,
  assetVersion: Type.Integer({ minimum: 1 }),
  consumer: MemberId,
  /** Digest of the ContractAgreement document. */
  digest: Digest,
  validUntil: Instant,
  /** Computations that may be opened under it; those that failed before close-2 do not count. Absent: no limit. */
  maxUses: Type.Optional(Type.Integer({ minimum: 1 })),
  /** Runs of joins that may begin under it, whatever comes of them. Absent: none. */
  joinRuns: Type.Optional(Type.Integer({ minimum: 1 })),
  /** It is on encrypted queries: figures that may be answered under it. Absent: none. */
  figures: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
});
export const AgreementRevoke = closed({ agreement: Uuid, reason: Code });

/** What a person has said on records that a consumer asks for, where the policy wants one to decide. */
export const ReleaseDecide = closed({
  /** The provider's id of the negotiation. */
  negotiation: Uuid,
  asset: AssetId,
  assetVersion: Type.Integer({ minimum: 1 }),
  consumer: MemberId,
  outcome: literals(["permit", "refuse"]),
  reasons: Type.Array(Code, { minItems: 1, maxItems: 64 }),
  policyDigest: Digest,
  policyVersion: Type.Integer({ minimum: 1 }),
  /** Salted digest of the full explanation: what was declared, which columns and limits, the steward's words. */
  explanationDigest: Digest,
  /** Operator identity. */
  decidedBy: Text,
});

// ---- computations (secure-aggregation.md §6; numbers are its message numbers)

export const CohortEntry = closed({
  member: MemberId,
  holdingGroup: Code,
  asset: AssetId,
  assetVersion: Type.Integer({ minimum: 1 }),
  agreement: Uuid,
});

/** One factor of the atoms. Atoms are the row-major product over `dimensions`; no dimension means one atom. */
export const CellDimension = closed({
  name: Code,
  size: Type.Integer({ minimum: 1, maximum: 100_000 }),
  /** Registry dimension: digit i holds the members whose attribute `name` equals values[i]. */
  attribute: Type.Optional(closed({ name: Code, values: Type.Array(Code, { minItems: 1, maxItems: 10_000 }) })),
});

export const ReceiverKey = signed(
  closed({
    computation: Uuid,
    request: Uuid,
    receiver: MemberId,
    publicKey: AgreementKey,
    /** SHA-256 of the key of a homomorphic envelope; the key itself goes to the cohort with the documents. */
    homomorphicKey: Type.Optional(Digest),
  }),
);

export const ComputationConstants = closed({
  members: Count,
  threshold: Count,
  quorum: Count,
  minimumOrganisations: Count,
  minimumUnits: Count,
  colluders: Count,
  drops: Count,
  need: Count,
});

/** Of a release with noise: what it costs, and the noise of each component of the layout. */
export const OpenedPrivacy = closed({
  cost: PrivacyCost,
  components: Type.Array(
    closed({
      /** Integers of the layout in one step. */
      granule: Type.String({ pattern: "^[1-9]\\d{0,38}$" }),
      /** By which one organisation's contribution to a cell may change. */
      steps: Type.Integer({ minimum: 1, maximum: 1024 }),
      /** Of the noise without colluders' shares, in squared steps. */
      variance: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    }),
    { minItems: 1, maxItems: 64 },
  ),
});

/** 1 `opened` */
export const ComputationOpen = closed({
  computation: Uuid,
  request: Uuid,
  /** Of masks and boxes: the network's when it is opened. Absent: intl. */
  suite: Type.Optional(SuiteId),
  /** How masked values go to R: under its homomorphic key, of a parameter set of the list. Absent: under one more mask. */
  envelope: Type.Optional(closed({ method: literals(["bfv"]), parameters: Code })),
  restartOf: Type.Optional(Uuid),
  queryDigest: Digest,
  layoutDigest: Digest,
  policyDigest: Digest,
  /** Ascending by member id; one entry per holding group. */
  cohort: Type.Array(CohortEntry, { minItems: 3, maxItems: 1000 }),
  coordinator: MemberId,
  receiver: MemberId,
  receiverKey: ReceiverKey,
  auditor: Type.Optional(MemberId),
  receiverMode: literals(["direct", "reviewed"]),
  constants: ComputationConstants,
  /** Of the result, before it leaves: how many persons of the receiver, within how many hours of the last contribution. */
  review: Type.Optional(
    closed({ persons: Type.Integer({ minimum: 1, maximum: 2 }), hours: Type.Integer({ minimum: 1, maximum: 720 }) }),
  ),
  privacy: Type.Optional(OpenedPrivacy),
  /** Complete up to 129 members; beyond, everyone shares with 128 neighbours. */
  graph: literals(["complete", "neighbours"]),
  cells: closed({
    mode: literals(["registry", "counted"]),
    dimensions: Type.Array(CellDimension, { maxItems: 3 }),
  }),
  /** Each step's last instant; ascending. */
  deadlines: closed({
    keys: Instant,
    shares: Instant,
    contribution1: Instant,
    contribution2: Instant,
    release: Instant,
  }),
});
/** 4 `keyset`: U and the Merkle root over the signed keys messages. */
export const ComputationKeyset = closed({ computation: Uuid, members: Type.Array(MemberId), root: Digest });
/** 8 `maskset`: V. In registry mode the contract computes the bitmap and keeps it in the computation's state. */
export const ComputationMaskset = closed({ computation: Uuid, members: Type.Array(MemberId), root: Digest });
/** Header a member signs over one persisted contribution (9, 17; domain "secagg-message"). */
export const ContributionHeader = signed(
  closed({
    type: literals(["contribution-1", "contribution-2"]),
    computation: Uuid,
    context: Digest,
    bytes: Count,
    digest: Digest,
  }),
);
/** 11, 19: survivors as member-signed headers, ascending by member id. */
export const ComputationClose = closed({
  computation: Uuid,
  phase: Type.Union([Type.Literal(1), Type.Literal(2)]),
  headers: Type.Array(ContributionHeader, { minItems: 1, maxItems: 1000 }),
  root: Digest,
  /** Phase 1 checked by fingerprints: digest of the masked sum, before anyone knows where it will be evaluated. */
  sum: Type.Optional(Digest),
});
/** 16 `counts`: salted digest of (S1, counts, bitmap). */
export const ComputationCounts = closed({ computation: Uuid, digest: Digest });
/** 12: a receipt-holder that was left out of a closing set shows the coordinator's own receipt. */
export const ComputationOmitted = closed({
  computation: Uuid,
  phase: Type.Union([Type.Literal(1), Type.Literal(2)]),
  receipt: signed(
    closed({ computation: Uuid, phase: Type.Integer(), member: MemberId, header: Digest, time: Instant }),
  ),
});
export const ComputationFail = closed({
  computation: Uuid,
  reason: Code,
  blamed: Type.Optional(MemberId),
  /** Members that held everyone up: a restart goes without them. */
  absent: Type.Optional(Type.Array(MemberId, { minItems: 1, maxItems: 1000 })),
});
/** The receiver's people may look at a draft of the result. */
export const ReviewOpen = closed({
  computation: Uuid,
  request: Uuid,
  /** Salted digest of the result document as it would be released. */
  draft: Digest,
  withheldCells: Count,
});
/** A person's word on the present draft. */
export const ReviewSay = closed({
  computation: Uuid,
  request: Uuid,
  draft: Digest,
  /** `<receiver>/<person>`. */
  reviewer: Text,
  word: literals(["approve", "restrict", "reject"]),
  /** Salted digest of the reason that was given. */
  reason: Digest,
  /** For `restrict`: the draft with more figures withheld, which this person approves thereby. */
  next: Type.Optional(closed({ draft: Digest, withheldCells: Count })),
});
/** 23 */
export const ResultRelease = closed({
  computation: Uuid,
  request: Uuid,
  /** Salted digest of the released result document. */
  resultDigest: Digest,
  rules: Type.Array(Code, { maxItems: 64 }),
  reviewers: Type.Array(Text, { maxItems: 8 }),
  withheldCells: Count,
});
export const ResultWithhold = closed({
  computation: Uuid,
  request: Uuid,
  reasons: Type.Array(Code, { minItems: 1, maxItems: 64 }),
});

// ---- joins of two private lists (docs/decisions/130, 131)

/** 16 bytes: what both sides' keys are for, once. */
const JoinRun = KeyId;
/** Items of a masked list, and the salted root over its frames: before either list goes out. */
const JoinList = { size: Type.Integer({ minimum: 1, maximum: 10_000_000 }), root: Digest };

/** By the consumer of the agreement. */
export const JoinOpen = closed({
  run: JoinRun,
  agreement: Uuid,
  /** From 1, under this agreement. */
  number: Type.Integer({ minimum: 1 }),
  operation: literals(["intersection", "cardinality", "statistics"]),
  ...JoinList,
});
/** By its provider. */
export const JoinCommit = closed({ run: JoinRun, ...JoinList });
export const JoinEnd = closed({
  run: JoinRun,
  /** The provider alone lets anything be told, or withholds it; either side says that a run has failed. */
  outcome: literals(["released", "withheld", "failed"]),
  /** Of what is not released. */
  reason: Type.Optional(Code),
  /** Digest of the provider's signed release. */
  release: Type.Optional(Digest),
});

// ---- encrypted queries (docs/decisions/117, 118)

/** By the provider, before its answer leaves. */
export const QueryAnswer = closed({
  agreement: Uuid,
  /** From 1, under this agreement. */
  number: Type.Integer({ minimum: 1, maximum: 1000 }),
  /** In this answer. */
  figures: Type.Integer({ minimum: 1, maximum: 64 }),
  /** Of the requester's signed query, which names its encrypted lists by their digests. */
  query: Digest,
  /** Of the provider's signed answer, which names what it answers with by digests. */
  answer: Digest,
});

// ---- access

/** Merkle root over access-log entries [from, to) of the submitting node. */
export const AccessAnchor = closed({ from: Count, to: Count, root: Digest });

// ---- components and trade

export const COMPONENT_TYPES = ["knowledge", "tool", "application"] as const;
export const ComponentRegister = closed({
  component: Uuid,
  version: Type.String({ pattern: "^\\d+\\.\\d+\\.\\d+$" }),
  type: literals(COMPONENT_TYPES),
  digest: Digest,
  manifestDigest: Digest,
  /** Assets and computations it was derived from. */
  lineage: Type.Array(Text, { maxItems: 100 }),
});
export const ListingPublish = closed({
  listing: Uuid,
  component: Uuid,
  version: Text,
  termsDigest: Digest,
  price: closed({
    amount: Type.String({ pattern: "^\\d{1,15}(\\.\\d{1,2})?$" }),
    currency: Type.String({ pattern: "^[A-Z]{3}$" }),
    meter: literals(["once", "per-call", "per-period"]),
  }),
});
export const ListingWithdraw = closed({ listing: Uuid, reason: Code });
export const OrderPlace = closed({
  order: Uuid,
  listing: Uuid,
  quantity: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
});
export const OrderDecide = closed({ order: Uuid, outcome: literals(["accept", "reject"]), reason: Code });
export const LicenceGrant = closed({
  licence: Uuid,
  order: Uuid,
  uses: Type.Integer({ minimum: 1 }),
  validUntil: Instant,
  termsDigest: Digest,
});
export const LicenceRevoke = closed({ licence: Uuid, reason: Code });
/** Cumulative, so that a lost or repeated record never counts twice. */
export const UsageRecord = closed({ licence: Uuid, totalUses: Count, evidenceDigest: Digest });
export const SettlementRecord = closed({
  settlement: Uuid,
  order: Uuid,
  uses: Count,
  amount: Type.String({ pattern: "^\\d{1,15}(\\.\\d{1,2})?$" }),
  currency: Type.String({ pattern: "^[A-Z]{3}$" }),
});

/** Transaction type -> body schema: the one list of what the contract accepts. */
export const TRANSACTIONS = {
  "network.found": NetworkFound,
  "member.admit": MemberAdmit,
  "member.suspend": MemberSuspend,
  "member.reinstate": MemberReinstate,
  "key.rotate": KeyRotate,
  "key.revoke": KeyRevoke,
  "vote.cast": VoteCast,
  "asset.register": AssetRegister,
  "asset.withdraw": AssetWithdraw,
  "policy.activate": PolicyActivate,
  "request.submit": RequestSubmit,
  "request.cancel": RequestCancel,
  "decision.record": DecisionRecord,
  "agreement.conclude": AgreementConclude,
  "agreement.revoke": AgreementRevoke,
  "release.decide": ReleaseDecide,
  "computation.open": ComputationOpen,
  "computation.keyset": ComputationKeyset,
  "computation.maskset": ComputationMaskset,
  "computation.close": ComputationClose,
  "computation.counts": ComputationCounts,
  "computation.omitted": ComputationOmitted,
  "computation.fail": ComputationFail,
  "review.open": ReviewOpen,
  "review.say": ReviewSay,
  "result.release": ResultRelease,
  "result.withhold": ResultWithhold,
  "join.open": JoinOpen,
  "join.commit": JoinCommit,
  "join.end": JoinEnd,
  "query.answer": QueryAnswer,
  "access.anchor": AccessAnchor,
  "component.register": ComponentRegister,
  "listing.publish": ListingPublish,
  "listing.withdraw": ListingWithdraw,
  "order.place": OrderPlace,
  "order.decide": OrderDecide,
  "licence.grant": LicenceGrant,
  "licence.revoke": LicenceRevoke,
  "usage.record": UsageRecord,
  "settlement.record": SettlementRecord,
} as const;

export type TransactionType = keyof typeof TRANSACTIONS;
export type TransactionBody<T extends TransactionType> = Static<(typeof TRANSACTIONS)[T]>;

/** What a member signs (domain "transaction"). `id` is unique for ever: resubmitting it is answered, not repeated. */
export interface Transaction<T extends TransactionType = TransactionType> {
  readonly network: string;
  readonly id: string;
  readonly type: T;
  readonly body: TransactionBody<T>;
}

export type MemberRecord = Static<typeof MemberRecord>;
export type CohortEntry = Static<typeof CohortEntry>;
export type CellDimension = Static<typeof CellDimension>;
