/** Flattens a checked policy into its terms. */
import type { Static } from "typebox";
import type { Mask } from "./mask.ts";
import type {
  AggregateFunction,
  PeriodStep,
  PredicateOperator,
  ReceiverMode,
  ReleaseFormat,
  RequesterKind,
} from "./operands.ts";
import { type OutputTerms, outputTerms, type RoundingTerm, SILENT_REVIEW_HOURS } from "./output-terms.ts";
import type { Constraint, Policy } from "./policy.ts";
import { type PrivacyTerm, type PrivacyTerms, privacyTerms } from "./privacy-terms.ts";
import type { WeightedTerm } from "./query.ts";
import type { JoinOperation, Method } from "./request.ts";
import {
  DEFAULTS,
  type ElementTerms,
  type FilterTerms,
  type PartitionClass,
  type PolicyTerms,
  type ReleaseTerms,
} from "./terms.ts";

type Reader = ReturnType<typeof reader>;

const reader = (constraints: readonly Constraint[] | undefined) => {
  const right = (leftOperand: string, operator: string): unknown =>
    constraints?.find((c) => c.leftOperand === leftOperand && c.operator === operator)?.rightOperand;
  return {
    list: <T = string>(leftOperand: string): readonly T[] | undefined =>
      right(leftOperand, "isAnyOf") as readonly T[] | undefined,
    value: <T>(leftOperand: string, operator: string) => right(leftOperand, operator) as T | undefined,
    text: (leftOperand: string, operator: string) => right(leftOperand, operator) as string | undefined,
    whole(leftOperand: string, operator: string): number | undefined {
      const text = right(leftOperand, operator) as string | undefined;
      return text === undefined ? undefined : Number(text);
    },
  };
};

/** `policy` has passed every check of parsePolicy. */
export function termsOf(policy: Policy, digest: string): PolicyTerms {
  const use = policy.permission.find((permission) => permission.action === "use");
  const read = reader(use?.constraint);
  const duty = (action: string) => use?.duty?.find((candidate) => candidate.action === action);
  return Object.freeze({
    id: policy["@id"],
    version: policy["sealane:version"],
    digest,
    asset: policy.target,
    provider: policy.assigner,
    purposes: read.list("purpose") ?? [],
    requesterKinds: read.list<RequesterKind>("sealane:requesterKind") ?? [],
    requesters: read.list("sealane:requester"),
    clearances: read.list("sealane:clearance"),
    territories: read.list("spatial") ?? DEFAULTS.territories,
    recipients: read.list("recipient") ?? [],
    validFrom: read.text("dateTime", "gteq"),
    validUntil: read.text("dateTime", "lteq") ?? "",
    uses: read.whole("count", "lteq"),
    scenarios: read.list("sealane:scenario"),
    legalBases: read.list("sealane:legalBasis"),
    elements: elementsOf(policy),
    attributes: listed(policy, "sealane:groupBy", "sealane:attribute"),
    weights: listed<readonly WeightedTerm[]>(policy, "sealane:weigh", "sealane:weights"),
    countUnits: policy.permission.some((permission) => permission.action === "sealane:countUnits"),
    release: releaseOf(policy),
    counts: read.text("sealane:counts", "eq") === "open" ? "open" : DEFAULTS.counts,
    minimumOrganisations: read.whole("sealane:minimumOrganisations", "gteq") ?? DEFAULTS.minimumOrganisations,
    minimumUnits: read.whole("sealane:minimumUnits", "gteq"),
    colluders: read.whole("sealane:colluders", "gteq") ?? DEFAULTS.colluders,
    drops: read.whole("sealane:drops", "gteq") ?? DEFAULTS.drops,
    receiverModes: read.list<ReceiverMode>("sealane:receiverMode") ?? [],
    releaseAuthorities: read.list("sealane:releaseAuthority") ?? [],
    methods: read.list<Method>("sealane:method") ?? DEFAULTS.methods,
    answers: read.whole("sealane:answers", "lteq"),
    joins: {
      operations: read.list<JoinOperation>("sealane:joinOperation") ?? [],
      leastItems: read.whole("sealane:joinLeastItems", "gteq") ?? DEFAULTS.joinLeastItems,
      mostItems: read.whole("sealane:joinMostItems", "lteq") ?? DEFAULTS.joinMostItems,
      minimumGroup: Math.max(
        read.whole("sealane:joinMinimumGroup", "gteq") ?? DEFAULTS.joinMinimumGroup,
        read.whole("sealane:minimumUnits", "gteq") ?? 0,
      ),
      runs: read.whole("sealane:joinRuns", "lteq") ?? DEFAULTS.joinRuns,
    },
    exactMomentsTrusted: read.list("sealane:exactMomentsTrusted") ?? [],
    output: outputTerms({
      dominance: read.list<OutputTerms["dominance"][number]>("sealane:dominance"),
      pPercent: read.text("sealane:pPercent", "gteq"),
      pq: read.list<OutputTerms["pq"][number]>("sealane:pq"),
      protectionInterval: read.text("sealane:protectionInterval", "gteq"),
      rounding: read.list<RoundingTerm>("sealane:rounding"),
      review: reviewOf(read),
      zeroCells: read.text("sealane:zeroCells", "eq") as OutputTerms["zeroCells"] | undefined,
    }),
    privacy: privacyOf(read),
    coordinatorMayBeSequencer: read.text("sealane:coordinatorMayBeSequencer", "eq") === "true",
    approval: duty("sealane:obtainApproval") === undefined ? "none" : "steward",
    retentionDays: reader(duty("delete")?.constraint).whole("sealane:retentionDays", "lteq") ?? DEFAULTS.retentionDays,
    form: read.text("sealane:form", "eq") === "complete" ? "complete" : DEFAULTS.form,
    isRetentionStated: duty("delete") !== undefined,
    periodStep: (read.text("sealane:periodStep", "eq") as PeriodStep | undefined) ?? DEFAULTS.periodStep,
    prohibited: prohibitedOf(policy),
  });
}

function reviewOf(read: Reader): OutputTerms["review"] {
  const persons = read.whole("sealane:reviewers", "gteq");
  if (persons === undefined) return undefined;
  return { persons, hours: read.whole("sealane:reviewHours", "lteq") ?? SILENT_REVIEW_HOURS };
}

function privacyOf(read: Reader): PrivacyTerms | undefined {
  const stated = read.value<Static<typeof PrivacyTerm>>("sealane:privacy", "eq");
  return stated === undefined ? undefined : privacyTerms(stated);
}

const listed = <T = string>(policy: Policy, action: string, leftOperand: string): readonly T[] =>
  policy.permission
    .filter((permission) => permission.action === action)
    .flatMap((permission) => reader(permission.constraint).list<T>(leftOperand) ?? []);

const CLOSED: ElementTerms = { aggregate: [], groupBy: false, join: false, edges: [], filter: undefined };

function elementsOf(policy: Policy): Readonly<Record<string, ElementTerms>> {
  const elements: Record<string, ElementTerms> = Object.create(null);
  const change = (read: Reader, update: (before: ElementTerms) => ElementTerms) => {
    for (const element of read.list("sealane:element") ?? []) {
      elements[element] = Object.freeze(update(elements[element] ?? { ...CLOSED }));
    }
  };
  for (const permission of policy.permission) {
    const read = reader(permission.constraint);
    if (permission.action === "aggregate") {
      const functions = read.list<AggregateFunction>("sealane:function") ?? [];
      change(read, (before) => ({ ...before, aggregate: [...new Set([...before.aggregate, ...functions])] }));
    } else if (permission.action === "sealane:groupBy") {
      const edges = read.list<readonly string[]>("sealane:edges") ?? [];
      change(read, (before) => ({ ...before, groupBy: true, edges: [...before.edges, ...edges] }));
    } else if (permission.action === "sealane:join") {
      change(read, (before) => ({ ...before, join: true }));
    } else if (permission.action === "sealane:filter") {
      const filter: FilterTerms = Object.freeze({
        predicates: read.list<PredicateOperator>("sealane:predicate") ?? [],
        values: read.list("sealane:value"),
        partition: read.list<PartitionClass>("sealane:partition"),
      });
      change(read, (before) => ({ ...before, filter }));
    }
  }
  return Object.freeze(elements);
}

function releaseOf(policy: Policy): ReleaseTerms | undefined {
  const permission = policy.permission.find(({ action }) => action === "sealane:release");
  if (permission === undefined) return undefined;
  const read = reader(permission.constraint);
  return Object.freeze({
    elements: read.list("sealane:element") ?? [],
    masks: Object.freeze(
      Object.assign(
        Object.create(null),
        Object.fromEntries((read.list<Mask>("sealane:mask") ?? []).map((mask) => [mask.element, mask])),
      ),
    ),
    formats: read.list<ReleaseFormat>("sealane:format") ?? [],
    uses: read.whole("count", "lteq"),
    rows: read.whole("sealane:rows", "lteq") ?? DEFAULTS.releaseRows,
    bytes: read.whole("sealane:bytes", "lteq") ?? DEFAULTS.releaseBytes,
    callsPerMinute: read.whole("sealane:callsPerMinute", "lteq") ?? DEFAULTS.releaseCallsPerMinute,
  });
}

function prohibitedOf(policy: Policy): PolicyTerms["prohibited"] {
  const prohibitions = policy.prohibition ?? [];
  const named = (leftOperand: string): readonly string[] =>
    prohibitions.flatMap((prohibition) => reader(prohibition.constraint).list(leftOperand) ?? []);
  return Object.freeze({
    purposes: named("purpose"),
    requesters: named("sealane:requester"),
    territories: named("spatial"),
    recipients: named("recipient"),
    elements: named("sealane:element"),
    redistribution: prohibitions.some((prohibition) => prohibition.action === "distribute"),
    reidentification: prohibitions.some((prohibition) => prohibition.action === "sealane:reidentify"),
  });
}
