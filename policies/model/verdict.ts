/** What one rule says, and what all of them say together. */
import type { Asset, Grade } from "./asset.ts";
import type { DecisionContext } from "./context.ts";
import type { Reason } from "./reasons.ts";
import type { DataRequest } from "./request.ts";
import type { PolicyTerms } from "./terms.ts";

export type Outcome = "permit" | "refuse" | "wait";
export type Compared = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

export interface Finding {
  readonly verdict: Outcome;
  readonly reason: Reason;
  /** The values the rule compared: wanted and got, by name. */
  readonly compared: Compared;
}
export interface Verdict extends Finding {
  readonly rule: string;
}

/** Checked documents: what every rule gets. */
export interface Case {
  readonly terms: PolicyTerms;
  readonly request: DataRequest;
  readonly asset: Asset;
  readonly context: DecisionContext;
  readonly touched: Touched;
}

/** What a use reads: the grade of what is derived from it, and the data elements in it that are personal information. */
export interface Touched {
  readonly grade: Grade;
  readonly personal: readonly string[];
}

/** What whoever uses an asset declares, whatever leaves it. */
export type Declared = Pick<DataRequest, "requester" | "scenario" | "territory" | "retentionDays"> & {
  readonly purpose: Pick<DataRequest["purpose"], "code">;
  readonly legalBasis: Pick<DataRequest["legalBasis"], "code">;
};
/** What the rules about any use read. */
export interface GeneralCase {
  readonly terms: PolicyTerms;
  readonly request: Declared;
  readonly touched: Touched;
  readonly context: Pick<DecisionContext, "requester" | "approval" | "now">;
}

/** A rule answers with one finding, or several when several things are wrong. */
export interface Rule<C = Case> {
  readonly id: string;
  evaluate(input: C): Finding | readonly Finding[];
}

/** What a permit still demands of the computation. */
export interface Requirement {
  readonly measure: string;
  /** Organisations each released cell needs for this measure, colluders of this policy included. */
  readonly organisations: number;
  readonly reason: "minimum-organisations" | "moments-variance" | "moments-regression";
}

export interface Decision {
  readonly outcome: Outcome;
  /** Distinct reason codes of the verdicts that decided (refusals; else waits; else ["all-rules-permit"]). At most 64. */
  readonly reasons: readonly string[];
  readonly policy: { readonly id: string; readonly version: number; readonly digest: string } | undefined;
  /** Every rule's verdict, permits included, in the fixed order of the rules. */
  readonly verdicts: readonly Verdict[];
  readonly requirements: readonly Requirement[];
}
