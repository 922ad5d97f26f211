/** What can be wrong with a policy document. Texts for people are keyed by the code. */
export const POLICY_PROBLEM_CODES = [
  "policy-not-json",
  "policy-too-large",
  "term-missing",
  "term-misplaced",
  "term-repeated",
  "action-unknown",
  "operand-unknown",
  "operator-unknown",
  "value-invalid",
  "use-permission-count",
  "target-not-own",
  "release-authority-missing",
  "release-authority-unused",
  "trusted-not-authority",
  "largest-needs-review",
  "review-needs-authority",
  "rounding-needs-authority",
  "privacy-excludes-largest",
  "privacy-excludes-rounding",
  "privacy-clip-inverted",
  "validity-empty",
  "filter-ambiguous",
  "partition-predicates",
  "mask-unlisted",
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
  "method-not-allowed",
  "receiver-not-authority",
  "dimensions-need-review",
  "coordinator-is-sequencer",
  "unit-domain-shared",
  "unit-kinds-differ",
  "privacy-needs-registry",
  "privacy-excludes-largest",
  "privacy-excludes-rounding",
  "privacy-statistic",
  "privacy-clip",
  "rounding-statistic",
  "rounding-unit",
] as const;

/** What is wrong with the form of a document, whatever it is about. */
export const SCHEMA_PROBLEM_CODES = [
  "missing",
  "unknown-key",
  "wrong-type",
  "wrong-choice",
  "wrong-form",
  "form-like",
  "form-uuid",
  "form-asset",
  "form-member",
  "form-code",
  "form-decimal",
  "form-date",
  "form-instant",
  "too-small",
  "too-big",
  "empty",
  "too-short",
  "too-long",
  "too-few-items",
  "too-many-items",
  "items-repeated",
  "no-alternative",
] as const;

export type ProblemParameters = Readonly<Record<string, string | number>>;

/** One thing wrong with a document: where, a stable code, and the values that the code's text names. */
export interface Problem<Code extends string = string> {
  /** Place in the document; empty or in brackets for the whole of it. */
  readonly field: string;
  readonly code: Code;
  readonly parameters?: ProblemParameters;
  /** In English and technical; a problem with parameters needs none, because its text says everything. */
  readonly detail?: string;
}
export type PolicyProblem = Problem<(typeof POLICY_PROBLEM_CODES)[number] | SchemaProblem["code"]>;
export type CohortProblem = Problem<(typeof COHORT_PROBLEM_CODES)[number]> & { readonly detail: string };
export type SchemaProblem = Problem<(typeof SCHEMA_PROBLEM_CODES)[number]>;

/** One line for logs; people read the text of the code. */
export function problemLine({ field, code, parameters, detail }: Problem): string {
  const values = Object.entries(parameters ?? {}).map(([name, value]) => `${name}: ${value}`);
  const said = detail ?? (values.length === 0 ? code : `${code} (${values.join(", ")})`);
  return field === "" ? said : `${field}: ${said}`;
}
