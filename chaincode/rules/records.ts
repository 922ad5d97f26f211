/** The records of the contract's state. `position` and `time` are those of the transaction that wrote the record. */
import type { MemberRecord, TransactionBody } from "./transactions.ts";

export interface Written {
  readonly position: number;
  readonly time: string;
}

/**
 * Goes up with each change of the rules after which a state written before would be read wrongly: a node refuses a
 * ledger that was founded under another one. 2: uses are counted by asset; results may be reviewed.
 */
export const STATE_FORM = 2;

export interface NetworkState extends Written {
  readonly network: string;
  readonly industry: string;
  readonly title: TransactionBody<"network.found">["title"];
  readonly founder: string;
  /** Admits, suspends and reinstates members: the founder, or the sequencer that a vote put in its place. */
  readonly operator: string;
  readonly sequencer: string;
  /** `STATE_FORM` of the rules that founded it. */
  readonly form: number;
  /** Code tables of the registry attributes. */
  readonly attributes: Readonly<Record<string, readonly string[]>>;
}

export type MemberStatus = "active" | "suspended" | "expelled";

/** `record` holds the present identity key and TLS pin; attributes and holding group never change. */
export interface MemberState {
  readonly record: MemberRecord;
  readonly status: MemberStatus;
  /** Code of the last change of status. */
  readonly reason?: string;
  readonly admitted: Written;
  readonly changed: Written;
}

/** `current` signs transactions; `replaced` still proves what was said before; `revoked` proves nothing from then on. */
export type KeyState = {
  readonly member: string;
  readonly suite: string;
  readonly publicKey: string;
  readonly from: Written;
} & (
  | { readonly state: "current" }
  | { readonly state: "replaced"; readonly until: Written }
  | { readonly state: "revoked"; readonly until: Written; readonly reason: string }
);

export interface TransactionState {
  readonly position: number;
  /** Digest of the signed statement. */
  readonly digest: string;
}

export type Proposal = TransactionBody<"vote.cast">["proposal"];

export type ProposalState = { readonly proposal: Proposal; readonly opened: Written } & (
  | { readonly state: "open" }
  | { readonly state: "carried"; readonly carried: Written }
);

export interface VoteState extends Written {
  readonly choice: "for" | "against";
}

export interface AssetState extends Written {
  readonly asset: string;
  readonly provider: string;
  readonly state: "active" | "withdrawn";
  readonly version: number;
  readonly policyDigest: string;
  /** Counts policy activations from 1, the registration's own included. */
  readonly policyVersion: number;
  readonly reason?: string;
}

export interface AssetUsesState {
  readonly uses: number;
}

export interface AssetPrivacyState {
  /** Ascending. */
  readonly accounts: readonly string[];
  /** Of the registered bytes. */
  readonly content: string;
}

/** In billionths of ρ. */
export interface PrivacyAccountState {
  readonly budget: number;
  readonly spent: number;
}

export interface PrivacyChargeState {
  readonly cost: number;
  readonly accounts: readonly string[];
}

export interface AssetVersionState extends Written {
  readonly asset: string;
  readonly version: number;
  readonly metadataDigest: string;
  readonly policyDigest: string;
  readonly unitDomain: string;
}

export interface RequestState extends Written {
  readonly request: string;
  readonly requester: string;
  readonly digest: string;
  readonly assets: readonly string[];
  readonly receiver: string;
  readonly state: "submitted" | "cancelled";
  readonly reason?: string;
}

export interface DecisionState extends Written {
  readonly provider: string;
  readonly decision: TransactionBody<"decision.record">;
}

export interface ReleaseDecisionState extends Written {
  readonly provider: string;
  readonly decision: TransactionBody<"release.decide">;
}

export type AgreementState = {
  readonly agreement: TransactionBody<"agreement.conclude">;
  readonly provider: string;
  readonly concluded: Written;
} & (
  | { readonly state: "finalized" }
  | { readonly state: "revoked"; readonly revoked: Written; readonly reason: string }
);

export const COMPUTATION_STATES = [
  "opened",
  "keyed",
  "masked",
  "closed1",
  "counted",
  "closed2",
  "released",
  "withheld",
  "failed",
] as const;
export type ComputationStateName = (typeof COMPUTATION_STATES)[number];

/** Where a computation stands; the records of its steps are under their own keys. */
export interface ComputationState {
  readonly computation: string;
  readonly request: string;
  readonly requester: string;
  readonly coordinator: string;
  readonly receiver: string;
  readonly mode: "registry" | "counted";
  readonly state: ComputationStateName;
  /** Restarts before this one in its chain; at most 3. */
  readonly restarts: number;
  readonly opened: Written;
  readonly changed: Written;
  readonly failure?: {
    readonly reason: string;
    readonly by: string;
    readonly blamed?: string;
    /** Members that a restart goes without. */
    readonly absent?: readonly string[];
    /** Failed after close-2: a value release exists all the same (secure-aggregation.md section 5). */
    readonly afterClose?: boolean;
  };
}

/** What the registry said about a member at the opening: one digit per registry dimension; null = in no cell. */
export interface PinnedMember {
  readonly member: string;
  readonly holdingGroup: string;
  /** In the order of the registry dimensions. */
  readonly digits: readonly number[] | null;
}

export interface ComputationOpened extends Written {
  readonly requester: string;
  readonly body: TransactionBody<"computation.open">;
  /** In the order of the cohort. */
  readonly pinned: readonly PinnedMember[];
}

export const COMPUTATION_STEPS = ["keyset", "maskset", "close-1", "counts", "close-2"] as const;
export type ComputationStepName = (typeof COMPUTATION_STEPS)[number];

export interface KeysetStep extends Written {
  readonly members: readonly string[];
  readonly root: string;
}

export interface MasksetStep extends KeysetStep {
  /** Registry mode: included atoms, bit i = byte[i>>3] >> (i&7) & 1, base64url. */
  readonly bitmap?: string;
  readonly atoms?: number;
  readonly included?: number;
}

export interface CloseStep extends KeysetStep {
  /** The member-signed headers as recorded, in the order of `members`. */
  readonly headers: TransactionBody<"computation.close">["headers"];
}

export interface CountsStep extends Written {
  readonly digest: string;
}

export interface ComputationSteps {
  readonly keyset: KeysetStep;
  readonly maskset: MasksetStep;
  readonly "close-1": CloseStep;
  readonly counts: CountsStep;
  readonly "close-2": CloseStep;
}

export interface OmittedState extends Written {
  readonly member: string;
  readonly phase: 1 | 2;
  readonly receipt: TransactionBody<"computation.omitted">["receipt"];
}

/** Written when it was opened. */
export interface ReviewState extends Written {
  /** Of the present draft. */
  readonly draft: string;
  readonly withheldCells: number;
  /** How many have to approve. */
  readonly persons: number;
  /** Who has approved the present draft. */
  readonly approvals: readonly string[];
  readonly rejectedBy?: string;
  readonly words: readonly (Omit<TransactionBody<"review.say">, "computation" | "request"> & Written)[];
}

export type ResultState = Written &
  (
    | { readonly outcome: "released"; readonly result: TransactionBody<"result.release"> }
    | { readonly outcome: "withheld"; readonly result: TransactionBody<"result.withhold"> }
  );

export interface JoinOpened extends Written {
  readonly requester: string;
  readonly provider: string;
  readonly body: TransactionBody<"join.open">;
}
export interface JoinCommitted extends Written {
  readonly body: TransactionBody<"join.commit">;
}
export interface JoinEnded extends Written {
  readonly by: string;
  readonly body: TransactionBody<"join.end">;
}
export interface AgreementJoinsState {
  readonly runs: number;
}

export interface QueryAnswered extends Written {
  readonly provider: string;
  readonly body: TransactionBody<"query.answer">;
}
/** What was answered under an agreement so far. */
export interface AgreementQueriesState {
  readonly answers: number;
  readonly figures: number;
}

/** How far a member's access log is anchored. */
export interface AccessState {
  readonly to: number;
  readonly root: string;
}

export interface AccessAnchorState extends Written {
  readonly from: number;
  readonly to: number;
  readonly root: string;
}

export interface ComponentState extends Written {
  readonly component: string;
  readonly owner: string;
  readonly type: TransactionBody<"component.register">["type"];
}

export interface ComponentVersionState extends Written {
  readonly version: TransactionBody<"component.register">;
}

export interface ListingState extends Written {
  readonly seller: string;
  readonly listing: TransactionBody<"listing.publish">;
  readonly state: "published" | "withdrawn";
  readonly reason?: string;
}

export interface OrderState extends Written {
  readonly order: TransactionBody<"order.place">;
  readonly buyer: string;
  readonly seller: string;
  readonly state: "placed" | "accepted" | "rejected";
  readonly reason?: string;
}

export interface LicenceState extends Written {
  readonly licence: TransactionBody<"licence.grant">;
  readonly licensor: string;
  readonly licensee: string;
  readonly state: "granted" | "revoked";
  readonly reason?: string;
}

export interface UsageState extends Written {
  readonly totalUses: number;
  readonly evidenceDigest: string;
}

export interface SettlementState extends Written {
  readonly settlement: TransactionBody<"settlement.record">;
}

export interface OrderSettledState {
  readonly uses: number;
  readonly settlements: number;
}
