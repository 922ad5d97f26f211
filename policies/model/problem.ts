/** What can be wrong with a policy document. Texts for people are keyed by the code. */
export const POLICY_PROBLEM_CODES = [
  "policy-not-json",
  "policy-too-large",
  "term-malformed",
  "term-missing",
  "term-misplaced",
  "term-repeated",
  "term-unknown",
  "action-unknown",
  "operand-unknown",
  "operator-unknown",
  "value-invalid",
  "use-permission-count",
  "target-not-own",
  "release-authority-missing",
  "release-authority-unused",
  "trusted-not-authority",
  "validity-empty",
  "filter-ambiguous",
] as const;

/** What keeps a cohort's policies from running one plan. */
export const COHORT_PROBLEM_CODES = [
  "cohort-too-small",
  "too-many-drops",
  "too-many-colluders",
  "organisation-repeated",
  "policy-of-another-asset",
  "counts-closed",
  "counted-mode-needed",
  "units-need-counted-mode",
  "receiver-mode-not-allowed",
  "receiver-not-authority",
  "dimensions-need-review",
  "coordinator-is-sequencer",
  "unit-domain-shared",
  "unit-kinds-differ",
] as const;

/** One thing wrong with a document: where, a stable code, and what was wanted and got. */
export interface Problem<Code extends string = string> {
  readonly field: string;
  readonly code: Code;
  readonly detail: string;
}
export type PolicyProblem = Problem<(typeof POLICY_PROBLEM_CODES)[number]>;
export type CohortProblem = Problem<(typeof COHORT_PROBLEM_CODES)[number]>;
