/**
 * The terms of the Sealane profile: every left operand with the operators and right operands it takes. Whatever is not
 * in these tables is refused when a policy is created and denied when it is evaluated.
 * Right operands are strings, objects or arrays (DSP 2025-1 contract-schema.json, RightOperand): numbers are text.
 */
import { type TSchema, Type } from "typebox";
import { Mask } from "./mask.ts";
import { DominanceTerm, PercentText, PriorTerm, RoundingTerm } from "./output-terms.ts";
import { PrivacyTerm } from "./privacy-terms.ts";
import { Edges, WeightedTerms } from "./query.ts";
import { JOIN_OPERATIONS, METHODS, SCENARIOS } from "./request.ts";
import { AssetId, CalendarDate, Code, closed, Decimal, Instant, literals, MemberId } from "./vocabulary.ts";

export const PROFILE = "urn:sealane:policy:1";

export const REQUESTER_KINDS = ["government", "enterprise", "industry"] as const;
export const FUNCTIONS = [
  "sum",
  "mean",
  "ratio",
  "variance",
  "standard-deviation",
  "correlation",
  "regression",
  "histogram",
  "quantile",
  "distinct",
] as const;
export const PREDICATE_OPERATORS = ["eq", "isAnyOf", "gteq", "lteq"] as const;
export const RECEIVER_MODES = ["direct", "reviewed"] as const;
/** Ways in which records may leave, by the names of the Dataspace Protocol. */
export const RELEASE_FORMATS = ["HttpData-PULL", "HttpData-PUSH"] as const;

/** What the two ends of a period are cut at. */
export const PERIOD_STEPS = ["day", "month", "quarter", "year"] as const;

export type PeriodStep = (typeof PERIOD_STEPS)[number];
export type RequesterKind = (typeof REQUESTER_KINDS)[number];
export type AggregateFunction = (typeof FUNCTIONS)[number];
export type PredicateOperator = (typeof PREDICATE_OPERATORS)[number];
export type ReceiverMode = (typeof RECEIVER_MODES)[number];
export type ReleaseFormat = (typeof RELEASE_FORMATS)[number];

const list = (item: TSchema, maxItems = 1000) => Type.Array(item, { minItems: 1, maxItems, uniqueItems: true });
/** A whole number as text, without leading zeros. */
const Whole = Type.String({ pattern: "^(0|[1-9]\\d{0,8})$", examples: ["0", "999999999"] });
/** As Whole, from 1. */
const Positive = Type.String({ pattern: "^[1-9]\\d{0,8}$", examples: ["1", "999999999"] });
const Bound = Type.Union([Decimal, CalendarDate]);

export interface Operand {
  /** Operator -> schema of the right operand. Each operator may be used once per rule. */
  readonly operators: Readonly<Record<string, TSchema>>;
  /** Operators that must be present in the rule. */
  readonly required?: readonly string[];
}

const anyOf = (item: TSchema, maxItems?: number): Operand => ({ operators: { isAnyOf: list(item, maxItems) } });
const needed = (operand: Operand, ...operators: readonly string[]): Operand => ({ ...operand, required: operators });
const table = <K extends string>(entries: Record<K, Operand>): Readonly<Record<K, Operand>> =>
  Object.freeze(Object.assign(Object.create(null), entries));

/** General terms, in the one permission whose action is `use`. */
export const USE_OPERANDS = table({
  purpose: needed(anyOf(Code), "isAnyOf"),
  "sealane:requesterKind": needed(anyOf(literals(REQUESTER_KINDS)), "isAnyOf"),
  "sealane:requester": anyOf(MemberId),
  "sealane:clearance": anyOf(Code),
  spatial: anyOf(Code),
  recipient: anyOf(MemberId),
  dateTime: needed({ operators: { gteq: Instant, lteq: Instant } }, "lteq"),
  count: { operators: { lteq: Positive } },
  "sealane:scenario": anyOf(literals(SCENARIOS)),
  "sealane:legalBasis": anyOf(Code),
  "sealane:periodStep": { operators: { eq: literals(PERIOD_STEPS) } },
  "sealane:counts": { operators: { eq: literals(["open", "closed"]) } },
  "sealane:minimumOrganisations": {
    operators: { gteq: Type.String({ pattern: "^([3-9]|[1-9]\\d{1,3})$", examples: ["3", "9999"] }) },
  },
  "sealane:minimumUnits": { operators: { gteq: Whole } },
  "sealane:colluders": { operators: { gteq: Type.String({ pattern: "^(0|[1-9]\\d{0,2})$", examples: ["0", "999"] }) } },
  "sealane:drops": { operators: { gteq: Type.String({ pattern: "^(0|[1-9]\\d{0,2})$", examples: ["0", "999"] }) } },
  "sealane:receiverMode": needed(anyOf(literals(RECEIVER_MODES)), "isAnyOf"),
  "sealane:releaseAuthority": anyOf(MemberId),
  "sealane:method": anyOf(literals(METHODS)),
  "sealane:answers": { operators: { lteq: Positive } },
  "sealane:joinOperation": anyOf(literals(JOIN_OPERATIONS)),
  "sealane:joinLeastItems": { operators: { gteq: Positive } },
  "sealane:joinMostItems": { operators: { lteq: Positive } },
  "sealane:joinMinimumGroup": { operators: { gteq: Positive } },
  "sealane:joinRuns": { operators: { lteq: Positive } },
  "sealane:coordinatorMayBeSequencer": { operators: { eq: literals(["true", "false"]) } },
  "sealane:exactMomentsTrusted": anyOf(MemberId),
  "sealane:dominance": anyOf(DominanceTerm, 9),
  "sealane:pPercent": { operators: { gteq: PercentText } },
  "sealane:pq": anyOf(PriorTerm, 9),
  "sealane:protectionInterval": { operators: { gteq: PercentText } },
  "sealane:rounding": anyOf(RoundingTerm, 100),
  "sealane:reviewers": { operators: { gteq: literals(["1", "2"]) } },
  "sealane:reviewHours": {
    operators: {
      lteq: Type.String({ pattern: "^([1-9]|[1-9]\\d|[1-6]\\d\\d|7[01]\\d|720)$", examples: ["1", "720"] }),
    },
  },
  "sealane:form": { operators: { eq: literals(["complete", "none"]) } },
  "sealane:privacy": { operators: { eq: PrivacyTerm } },
  "sealane:zeroCells": { operators: { eq: literals(["withheld", "released"]) } },
});

/** Action of a per-field permission -> its operands. A field that no permission names has the role `none`. */
export const FIELD_OPERANDS = Object.freeze({
  aggregate: table({
    "sealane:element": needed(anyOf(Code, 500), "isAnyOf"),
    "sealane:function": needed(anyOf(literals(FUNCTIONS)), "isAnyOf"),
  }),
  "sealane:filter": table({
    "sealane:element": needed(anyOf(Code, 500), "isAnyOf"),
    "sealane:predicate": needed(anyOf(literals(PREDICATE_OPERATORS)), "isAnyOf"),
    "sealane:value": anyOf(Type.Union([Code, Decimal, CalendarDate])),
    "sealane:partition": anyOf(closed({ minimum: Bound, maximum: Bound })),
  }),
  "sealane:groupBy": table({
    "sealane:element": anyOf(Code, 500),
    "sealane:attribute": anyOf(Code, 16),
    "sealane:edges": anyOf(Edges, 1),
  }),
  "sealane:weigh": table({ "sealane:weights": needed(anyOf(WeightedTerms, 64), "isAnyOf") }),
  "sealane:countUnits": table({}),
  "sealane:join": table({ "sealane:element": needed(anyOf(Code, 500), "isAnyOf") }),
  "sealane:release": table({
    "sealane:element": needed(anyOf(Code, 500), "isAnyOf"),
    "sealane:mask": anyOf(Mask, 500),
    "sealane:format": needed(anyOf(literals(RELEASE_FORMATS)), "isAnyOf"),
    count: { operators: { lteq: Positive } },
    "sealane:rows": { operators: { lteq: Positive } },
    "sealane:bytes": {
      operators: { lteq: Type.String({ pattern: "^[1-9]\\d{0,11}$", examples: ["1", "999999999999"] }) },
    },
    "sealane:callsPerMinute": { operators: { lteq: Positive } },
  }),
});

export const DUTY_OPERANDS = Object.freeze({
  delete: table({ "sealane:retentionDays": needed({ operators: { lteq: Positive } }, "lteq") }),
  "sealane:obtainApproval": table({ "sealane:approver": needed({ operators: { eq: literals(["steward"]) } }, "eq") }),
});

/** Prohibitions win over permissions. `use` forbids what its constraints name; the other two carry none. */
export const PROHIBITION_OPERANDS = Object.freeze({
  use: table({
    purpose: anyOf(Code),
    "sealane:requester": anyOf(MemberId),
    spatial: anyOf(Code),
    recipient: anyOf(MemberId),
    "sealane:element": anyOf(Code, 500),
  }),
  distribute: table({}),
  "sealane:reidentify": table({}),
});

export const POLICY_ID = Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9:._-]{0,127}$" });
export const POLICY_TARGET = AssetId;
