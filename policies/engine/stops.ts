/** Which column and which term of the policy stopped a request: from the verdicts of a decision, and nothing else. */
import type { Verdict } from "../model/verdict.ts";

export interface Stop {
  readonly rule: string;
  readonly verdict: "refuse" | "wait";
  readonly reason: string;
  /** Data elements and registry attributes that the rule was about; empty: the request as a whole. */
  readonly columns: readonly string[];
  /** Terms of the profile that decide this; empty: no policy can open it. */
  readonly terms: readonly string[];
}

/** Rule to the terms it reads. What is missing here holds whatever a policy says. */
export const TERMS_OF_RULE: Readonly<Record<string, readonly string[]>> = Object.freeze({
  target: ["target", "assigner"],
  "separation-of-roles": ["sealane:coordinatorMayBeSequencer"],
  requester: ["sealane:requesterKind", "sealane:requester", "sealane:clearance"],
  purpose: ["purpose"],
  "legal-basis": ["sealane:legalBasis"],
  scenario: ["sealane:scenario"],
  territory: ["spatial"],
  recipients: ["recipient"],
  validity: ["dateTime"],
  "use-count": ["count"],
  retention: ["sealane:retentionDays"],
  "receiver-mode": ["sealane:receiverMode", "sealane:releaseAuthority"],
  method: ["sealane:method"],
  "encrypted-query": ["sealane:answers"],
  join: [
    "sealane:join",
    "sealane:joinOperation",
    "sealane:joinLeastItems",
    "sealane:joinMostItems",
    "sealane:joinMinimumGroup",
  ],
  functions: ["aggregate"],
  identity: [],
  filters: ["sealane:filter"],
  "group-by": ["sealane:groupBy"],
  units: [],
  rounding: ["sealane:rounding"],
  period: ["sealane:periodStep"],
  columns: [],
  "personal-information": ["sealane:legalBasis", "sealane:retentionDays"],
  counts: ["sealane:counts", "sealane:minimumUnits"],
  "minimum-organisations": ["sealane:minimumOrganisations", "sealane:colluders"],
  privacy: ["sealane:privacy"],
  "request-form": ["sealane:form"],
  appeal: [],
  approval: ["sealane:obtainApproval"],
});

/** Reasons that another part of the policy decides than the rest of their rule. */
const TERMS_OF_REASON: Readonly<Record<string, readonly string[]>> = Object.freeze({
  "column-derivable": ["aggregate"],
  "count-not-allowed": ["sealane:countUnits"],
  "element-prohibited": ["prohibition"],
  "grade-needs-approval": [],
  "period-empty": [],
  "period-not-divisible": [],
  "period-not-held": [],
  "personal-needs-basis": ["sealane:legalBasis"],
  "personal-needs-retention": ["sealane:retentionDays"],
  "purpose-prohibited": ["prohibition"],
  "recipient-prohibited": ["prohibition"],
  "redistribution-prohibited": ["prohibition"],
  "request-expired": [],
  "request-from-the-future": [],
  "request-validity-empty": [],
  "requester-prohibited": ["prohibition"],
  "territory-prohibited": ["prohibition"],
  "weights-not-allowed": ["sealane:weigh"],
});

const termsOf = ({ rule, reason }: Verdict): readonly string[] => {
  if (Object.hasOwn(TERMS_OF_REASON, reason)) return TERMS_OF_REASON[reason] ?? [];
  return Object.hasOwn(TERMS_OF_RULE, rule) ? (TERMS_OF_RULE[rule] ?? []) : [];
};

/**
 * What has to change before the request is permitted, in the order of the rules. That a column which another rule names
 * stops the figures above it is said by that rule.
 */
export function stopsOf(verdicts: readonly Verdict[]): readonly Stop[] {
  const stops = verdicts.flatMap((one) => {
    const { rule, verdict, reason } = one;
    return verdict === "permit" ? [] : [{ rule, verdict, reason, columns: columnsOf(one), terms: termsOf(one) }];
  });
  const named = new Set(stops.flatMap(({ reason, columns }) => (reason === "column-not-released" ? [] : columns)));
  return stops.filter(
    ({ reason, columns }) => reason !== "column-not-released" || !columns.every((one) => named.has(one)),
  );
}

function columnsOf({ reason, compared }: Verdict): readonly string[] {
  const { element, got } = compared;
  if (typeof element === "string") return [element];
  if (reason.startsWith("attribute-") && typeof got === "string") return [got];
  const isList =
    reason === "dimension-repeated" ||
    reason === "element-repeated" ||
    reason === "identity-released" ||
    reason.startsWith("personal-");
  return isList && Array.isArray(got) ? (got as readonly string[]) : [];
}
