/**
 * The ledger's facts about one computation, as the steps see them. Structurally equal to the bodies of the contract's
 * `computation.*` transactions, so a driver passes what its own verified replica holds without conversion.
 */
import type { Signed, SigningDomain } from "../suites/signed.ts";
import type { SuiteId } from "../suites/suite.ts";

export interface CohortEntry {
  readonly member: string;
  readonly holdingGroup: string;
  readonly asset: string;
  readonly assetVersion: number;
  readonly agreement: string;
}

export interface CellDimension {
  readonly name: string;
  readonly size: number;
  readonly attribute?: { readonly name: string; readonly values: readonly string[] };
}

export interface Constants {
  readonly members: number;
  readonly threshold: number;
  readonly quorum: number;
  readonly minimumOrganisations: number;
  readonly minimumUnits: number;
  readonly colluders: number;
  readonly drops: number;
  readonly need: number;
}

export interface ReceiverKeyStatement {
  readonly computation: string;
  readonly request: string;
  readonly receiver: string;
  readonly publicKey: string;
  /** Where the opening names a homomorphic envelope: SHA-256 of its public key, base64url. */
  readonly homomorphicKey?: string;
}

/** Words of phase 2 go to R under its homomorphic key; the parameter set is one of crypto/he/parameters.ts. */
export interface HomomorphicEnvelope {
  readonly method: "bfv";
  readonly parameters: string;
}

/** Message 1: body of `computation.open`. */
export interface Opened {
  readonly computation: string;
  readonly request: string;
  /** Of the network when this was opened; absent: intl. */
  readonly suite?: SuiteId;
  /** Absent: one more mask for R. */
  readonly envelope?: HomomorphicEnvelope;
  readonly restartOf?: string;
  readonly queryDigest: string;
  readonly layoutDigest: string;
  readonly policyDigest: string;
  readonly cohort: readonly CohortEntry[];
  readonly coordinator: string;
  readonly receiver: string;
  readonly receiverKey: Signed<ReceiverKeyStatement>;
  readonly auditor?: string;
  readonly receiverMode: "direct" | "reviewed";
  readonly constants: Constants;
  /** Contributions are noised: what the policies of the cohort come to. Absent: sums are exact. */
  readonly privacy?: {
    readonly cost: number;
    readonly components: readonly { readonly granule: string; readonly steps: number; readonly variance: number }[];
  };
  /** Follows from the size of the cohort: complete up to 129 members. */
  readonly graph: "complete" | "neighbours";
  readonly cells: { readonly mode: "registry" | "counted"; readonly dimensions: readonly CellDimension[] };
  readonly deadlines: {
    readonly keys: string;
    readonly shares: string;
    readonly contribution1: string;
    readonly contribution2: string;
    readonly release: string;
  };
}

/** Identity key of a member at the opening height, from the ledger. */
export interface Identity {
  readonly suite: SuiteId;
  /** base64url, of the suite's length. */
  readonly publicKey: string;
}

/** What else the ledger says about the people around a computation, pinned at the opening height. */
export interface Parties {
  readonly requester: string;
  readonly sequencer: string;
  /** Identity keys of the cohort, C and R. */
  readonly identities: Readonly<Record<string, Identity>>;
  /** Holding groups of C, R, requester, sequencer and auditor by member id. */
  readonly groups: Readonly<Record<string, string>>;
  /** Registry attributes of the cohort members (registry mode). */
  readonly attributes: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Openings this one descends from through `restartOf`. */
  readonly restarts: number;
  /** Policy of this organisation allows C to be the sequencer too. */
  readonly coordinatorMaySequence: boolean;
}

interface HeaderStatement {
  readonly type: "contribution-1" | "contribution-2";
  readonly computation: string;
  readonly context: string;
  readonly bytes: number;
  readonly digest: string;
}
export type Header = Signed<HeaderStatement>;

interface At {
  readonly position: number;
  /** Ordering time, UTC with Z. */
  readonly time: string;
}

/** Acknowledged records of this computation, in ledger order. */
export type LedgerRecord =
  | (At & { readonly record: "keyset"; readonly members: readonly string[]; readonly root: string })
  | (At & {
      readonly record: "maskset";
      readonly members: readonly string[];
      readonly root: string;
      /** Registry mode: the contract's bitmap, bit i = byte[i >> 3] >> (i & 7) & 1, base64url. */
      readonly bitmap?: string;
    })
  | (At & {
      readonly record: "close";
      readonly phase: 1 | 2;
      readonly headers: readonly Header[];
      readonly root: string;
      /** Phase 1 with fingerprints: what C says the sum is, committed to before the point of evaluation is known. */
      readonly sum?: string;
    })
  | (At & { readonly record: "counts"; readonly digest: string })
  | (At & { readonly record: "omitted"; readonly phase: 1 | 2; readonly member: string })
  | (At & { readonly record: "release" })
  | (At & { readonly record: "withhold" })
  | (At & { readonly record: "fail"; readonly reason: string; readonly blamed?: string });

export type RecordOf<K extends LedgerRecord["record"]> = Extract<LedgerRecord, { record: K }>;

/** Signs with this node's identity. */
export type Sign = <S>(domain: SigningDomain, statement: S) => Signed<S>;
