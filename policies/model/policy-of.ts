/** Builds a policy document from plain terms, for tools and tests; parsePolicy stays the judge of the result. */
import type { Static } from "typebox";
import type { Mask } from "./mask.ts";
import {
  type AggregateFunction,
  type PeriodStep,
  PROFILE,
  type PredicateOperator,
  type ReceiverMode,
  type ReleaseFormat,
  type RequesterKind,
} from "./operands.ts";
import type { OutputTerms } from "./output-terms.ts";
import type { Constraint, Duty, Permission, Policy, Prohibition } from "./policy.ts";
import type { PrivacyTerm } from "./privacy-terms.ts";
import type { WeightedTerm } from "./query.ts";
import type { Method } from "./request.ts";
import type { JoinTerms, PartitionClass } from "./terms.ts";

export interface PolicyDraft {
  readonly id: string;
  readonly version: number;
  readonly asset: string;
  readonly provider: string;
  readonly purposes: readonly string[];
  readonly requesterKinds: readonly RequesterKind[];
  readonly validUntil: string;
  readonly receiverModes: readonly ReceiverMode[];
  readonly approval: "none" | "steward";
  readonly requesters?: readonly string[];
  readonly clearances?: readonly string[];
  readonly territories?: readonly string[];
  readonly recipients?: readonly string[];
  readonly validFrom?: string;
  readonly uses?: number;
  readonly scenarios?: readonly string[];
  readonly legalBases?: readonly string[];
  readonly form?: "complete" | "none";
  readonly periodStep?: PeriodStep;
  readonly counts?: "open" | "closed";
  readonly minimumOrganisations?: number;
  readonly minimumUnits?: number;
  readonly colluders?: number;
  readonly drops?: number;
  readonly releaseAuthorities?: readonly string[];
  readonly methods?: readonly Method[];
  readonly answers?: number;
  readonly joins?: Partial<JoinTerms>;
  readonly exactMomentsTrusted?: readonly string[];
  readonly output?: Partial<OutputTerms>;
  readonly privacy?: Static<typeof PrivacyTerm>;
  readonly coordinatorMayBeSequencer?: boolean;
  readonly retentionDays?: number;
  readonly countUnits?: boolean;
  /** Weighted sums that may be formed. */
  readonly weights?: readonly (readonly WeightedTerm[])[];
  /** Data element -> allowed functions. */
  readonly aggregate?: Readonly<Record<string, readonly AggregateFunction[]>>;
  readonly filter?: Readonly<
    Record<
      string,
      {
        readonly predicates: readonly PredicateOperator[];
        readonly values?: readonly string[];
        readonly partition?: readonly PartitionClass[];
      }
    >
  >;
  readonly groupBy?: { readonly elements?: readonly string[]; readonly attributes?: readonly string[] };
  /** Data elements by whose values tables may be matched. */
  readonly join?: readonly string[];
  /** Numeric data element -> lists of edges that may cut it into classes. */
  readonly classes?: Readonly<Record<string, readonly (readonly string[])[]>>;
  /** Records that may leave. */
  readonly release?: {
    readonly elements: readonly string[];
    readonly masks?: readonly Mask[];
    readonly formats: readonly ReleaseFormat[];
    readonly uses?: number;
    readonly rows?: number;
    readonly bytes?: number;
    readonly callsPerMinute?: number;
  };
  readonly prohibition?: readonly Prohibition[];
}

export function policyOf(draft: PolicyDraft): Policy {
  const permission: Permission[] = [usePermission(draft)];
  for (const [element, functions] of Object.entries(draft.aggregate ?? {})) {
    permission.push({
      action: "aggregate",
      constraint: compact([anyOf("sealane:element", [element]), anyOf("sealane:function", functions)]),
    });
  }
  for (const [element, filter] of Object.entries(draft.filter ?? {})) {
    permission.push({
      action: "sealane:filter",
      constraint: compact([
        anyOf("sealane:element", [element]),
        anyOf("sealane:predicate", filter.predicates),
        anyOf("sealane:value", filter.values),
        anyOf("sealane:partition", filter.partition),
      ]),
    });
  }
  if (draft.groupBy !== undefined) {
    permission.push({
      action: "sealane:groupBy",
      constraint: compact([
        anyOf("sealane:element", draft.groupBy.elements),
        anyOf("sealane:attribute", draft.groupBy.attributes),
      ]),
    });
  }
  for (const [element, edges] of Object.entries(draft.classes ?? {})) {
    permission.push({
      action: "sealane:groupBy",
      constraint: compact([anyOf("sealane:element", [element]), anyOf("sealane:edges", edges)]),
    });
  }
  if (draft.join !== undefined) {
    permission.push({ action: "sealane:join", constraint: compact([anyOf("sealane:element", draft.join)]) });
  }
  if (draft.weights !== undefined) {
    permission.push({ action: "sealane:weigh", constraint: compact([anyOf("sealane:weights", draft.weights)]) });
  }
  if (draft.countUnits === true) permission.push({ action: "sealane:countUnits" });
  if (draft.release !== undefined) {
    const { elements, masks, formats, uses, rows, bytes, callsPerMinute } = draft.release;
    permission.push({
      action: "sealane:release",
      constraint: compact([
        anyOf("sealane:element", elements),
        anyOf("sealane:mask", masks),
        anyOf("sealane:format", formats),
        single("count", "lteq", uses),
        single("sealane:rows", "lteq", rows),
        single("sealane:bytes", "lteq", bytes),
        single("sealane:callsPerMinute", "lteq", callsPerMinute),
      ]),
    });
  }
  return {
    "@type": "Offer",
    "@id": draft.id,
    profile: PROFILE,
    "sealane:version": draft.version,
    target: draft.asset,
    assigner: draft.provider,
    permission,
    ...(draft.prohibition === undefined ? {} : { prohibition: [...draft.prohibition] }),
  };
}

const anyOf = (leftOperand: string, values: readonly unknown[] | undefined): Constraint | undefined =>
  values === undefined ? undefined : { leftOperand, operator: "isAnyOf", rightOperand: [...values] };
const single = (leftOperand: string, operator: string, value: unknown): Constraint | undefined =>
  value === undefined ? undefined : { leftOperand, operator, rightOperand: String(value) };
const compact = (constraints: readonly (Constraint | undefined)[]): Constraint[] =>
  constraints.filter((constraint) => constraint !== undefined);

function usePermission(draft: PolicyDraft): Permission {
  const constraint = compact([
    anyOf("purpose", draft.purposes),
    anyOf("sealane:requesterKind", draft.requesterKinds),
    anyOf("sealane:requester", draft.requesters),
    anyOf("sealane:clearance", draft.clearances),
    anyOf("spatial", draft.territories),
    anyOf("recipient", draft.recipients),
    single("dateTime", "gteq", draft.validFrom),
    single("dateTime", "lteq", draft.validUntil),
    single("count", "lteq", draft.uses),
    anyOf("sealane:scenario", draft.scenarios),
    anyOf("sealane:legalBasis", draft.legalBases),
    single("sealane:form", "eq", draft.form),
    single("sealane:periodStep", "eq", draft.periodStep),
    single("sealane:counts", "eq", draft.counts),
    single("sealane:minimumOrganisations", "gteq", draft.minimumOrganisations),
    single("sealane:minimumUnits", "gteq", draft.minimumUnits),
    single("sealane:colluders", "gteq", draft.colluders),
    single("sealane:drops", "gteq", draft.drops),
    anyOf("sealane:receiverMode", draft.receiverModes),
    anyOf("sealane:releaseAuthority", draft.releaseAuthorities),
    anyOf("sealane:method", draft.methods),
    single("sealane:answers", "lteq", draft.answers),
    anyOf("sealane:joinOperation", draft.joins?.operations),
    single("sealane:joinLeastItems", "gteq", draft.joins?.leastItems),
    single("sealane:joinMostItems", "lteq", draft.joins?.mostItems),
    single("sealane:joinMinimumGroup", "gteq", draft.joins?.minimumGroup),
    single("sealane:joinRuns", "lteq", draft.joins?.runs),
    single("sealane:coordinatorMayBeSequencer", "eq", draft.coordinatorMayBeSequencer),
    anyOf("sealane:exactMomentsTrusted", draft.exactMomentsTrusted),
    anyOf("sealane:dominance", draft.output?.dominance),
    single("sealane:pPercent", "gteq", draft.output?.pPercent ?? undefined),
    anyOf("sealane:pq", draft.output?.pq),
    single("sealane:protectionInterval", "gteq", draft.output?.protectionInterval ?? undefined),
    anyOf("sealane:rounding", draft.output?.rounding),
    single("sealane:reviewers", "gteq", draft.output?.review?.persons),
    single("sealane:reviewHours", "lteq", draft.output?.review?.hours),
    draft.privacy && { leftOperand: "sealane:privacy", operator: "eq", rightOperand: draft.privacy },
    single("sealane:zeroCells", "eq", draft.output?.zeroCells),
  ]);
  const duty: Duty[] = [];
  if (draft.approval === "steward") {
    const approver = compact([single("sealane:approver", "eq", "steward")]);
    duty.push({ action: "sealane:obtainApproval", constraint: approver });
  }
  if (draft.retentionDays !== undefined) {
    const days = compact([single("sealane:retentionDays", "lteq", draft.retentionDays)]);
    duty.push({ action: "delete", constraint: days });
  }
  return { action: "use", constraint, ...(duty.length === 0 ? {} : { duty }) };
}
