/** A policy's terms with every default filled in: what the rules read. Built only by parsePolicy. */
import type { Mask } from "./mask.ts";
import type {
  AggregateFunction,
  PeriodStep,
  PredicateOperator,
  ReceiverMode,
  ReleaseFormat,
  RequesterKind,
} from "./operands.ts";
import type { OutputTerms } from "./output-terms.ts";
import type { PrivacyTerms } from "./privacy-terms.ts";
import type { WeightedTerm } from "./query.ts";
import { type JoinOperation, METHODS, type Method } from "./request.ts";

/** Inclusive class of a fixed partition; decimals or dates as text. */
export interface PartitionClass {
  readonly minimum: string;
  readonly maximum: string;
}

export interface FilterTerms {
  readonly predicates: readonly PredicateOperator[];
  /** Allow-listed literals; undefined: every code of the field's code table (coded fields only). */
  readonly values: readonly string[] | undefined;
  /** Fixed partition: gteq + lteq must name exactly one class. */
  readonly partition: readonly PartitionClass[] | undefined;
}

/** Roles of one data element. All empty: `none`. */
export interface ElementTerms {
  readonly aggregate: readonly AggregateFunction[];
  readonly groupBy: boolean;
  /** Tables may be matched by its values. */
  readonly join: boolean;
  /** Lists of edges that may cut a number into classes. */
  readonly edges: readonly (readonly string[])[];
  readonly filter: FilterTerms | undefined;
}

/** Records of the listed elements may leave; nothing else of the table does. */
export interface ReleaseTerms {
  readonly elements: readonly string[];
  /** What leaves of an element instead of its values. */
  readonly masks: Readonly<Record<string, Mask>>;
  readonly formats: readonly ReleaseFormat[];
  /** Most deliveries of this asset, over all agreements; undefined: no limit. */
  readonly uses: number | undefined;
  /** A table that has more is not released at all. */
  readonly rows: number;
  readonly bytes: number;
  /** Of one agreement. */
  readonly callsPerMinute: number;
}

/** Private set intersections with the keys of a table. */
export interface JoinTerms {
  /** Empty: none. */
  readonly operations: readonly JoinOperation[];
  /** Of the requester's list. */
  readonly leastItems: number;
  readonly mostItems: number;
  /** Keys that both have: of an intersection, of a number that is told, of each group of sums. At least the units of a cell that are stated. */
  readonly minimumGroup: number;
  /** Runs of one agreement, whatever came of them. */
  readonly runs: number;
}

export interface PolicyTerms {
  readonly id: string;
  readonly version: number;
  readonly digest: string;
  readonly asset: string;
  readonly provider: string;
  readonly purposes: readonly string[];
  readonly requesterKinds: readonly RequesterKind[];
  /** Undefined: any member of the kinds above. */
  readonly requesters: readonly string[] | undefined;
  /** Labels of which the requester has one, by the registry; undefined: none is wanted. */
  readonly clearances: readonly string[] | undefined;
  readonly territories: readonly string[];
  /** Who besides requester and receiver may get released figures. */
  readonly recipients: readonly string[];
  readonly validFrom: string | undefined;
  /** Inclusive instant. */
  readonly validUntil: string;
  /** Most computations over this asset under this policy; undefined: no limit. */
  readonly uses: number | undefined;
  /** Undefined: any. */
  readonly scenarios: readonly string[] | undefined;
  readonly legalBases: readonly string[] | undefined;
  readonly elements: Readonly<Record<string, ElementTerms>>;
  /** Registry attributes that may be dimensions. */
  readonly attributes: readonly string[];
  /** Weighted sums that may be formed, each as the list of its terms. */
  readonly weights: readonly (readonly WeightedTerm[])[];
  readonly countUnits: boolean;
  /** Undefined: records never leave. */
  readonly release: ReleaseTerms | undefined;
  readonly counts: "open" | "closed";
  readonly minimumOrganisations: number;
  /** Undefined: DEFAULTS.minimumUnits where units are field values and counted, else 0. */
  readonly minimumUnits: number | undefined;
  readonly colluders: number;
  readonly drops: number;
  readonly receiverModes: readonly ReceiverMode[];
  readonly releaseAuthorities: readonly string[];
  /** How masked values may go to the receiver. */
  readonly methods: readonly Method[];
  /** Most figures of one agreement that encrypted queries may ask for; undefined: none. */
  readonly answers: number | undefined;
  readonly joins: JoinTerms;
  readonly exactMomentsTrusted: readonly string[];
  readonly output: OutputTerms;
  /** Undefined: releases are exact. */
  readonly privacy: PrivacyTerms | undefined;
  readonly coordinatorMayBeSequencer: boolean;
  readonly approval: "none" | "steward";
  readonly retentionDays: number;
  /** Whether requests bring a complete form. */
  readonly form: "complete" | "none";
  readonly isRetentionStated: boolean;
  /** Whole steps of the calendar that a period may be cut into. */
  readonly periodStep: PeriodStep;
  readonly prohibited: {
    readonly purposes: readonly string[];
    readonly requesters: readonly string[];
    readonly territories: readonly string[];
    readonly recipients: readonly string[];
    readonly elements: readonly string[];
    readonly redistribution: boolean;
    readonly reidentification: boolean;
  };
}

/** Used where a policy is silent. Each is the careful choice; docs/policies.md says why. */
export const DEFAULTS = Object.freeze({
  territories: Object.freeze(["CN"]),
  counts: "closed",
  minimumOrganisations: 5,
  minimumUnits: 10,
  colluders: 1,
  drops: 0,
  methods: METHODS,
  coordinatorMayBeSequencer: false,
  retentionDays: 365,
  periodStep: "month",
  form: "none",
  joinLeastItems: 100,
  joinMostItems: 1_000_000,
  joinMinimumGroup: 10,
  joinRuns: 1,
  releaseRows: 1_000_000,
  releaseBytes: 2 ** 30,
  releaseCallsPerMinute: 60,
});
