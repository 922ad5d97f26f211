import { type Problem, problemLine, type SchemaProblem } from "../../policies/model/problem.ts";

/** What the catalogue refuses. `problems` lists everything that is wrong at once. */
export const CATALOG_ERRORS = [
  "ERR_CATALOG_INVALID",
  "ERR_CATALOG_UNCHANGED",
  "ERR_CATALOG_UNKNOWN",
  "ERR_CATALOG_WITHDRAWN",
  "ERR_CATALOG_REJECTED",
  "ERR_CATALOG_ENTRY",
] as const;

/** What can be wrong with a description or its source besides the form. */
export const CATALOG_PROBLEM_CODES = [
  "id-of-other-member",
  "field-repeated",
  "element-repeated",
  "code-repeated",
  "code-within-itself",
  "code-within-unknown",
  "column-missing",
  "column-type",
  "scale-missing",
  "scale-unexpected",
  "bounds-missing",
  "bounds-unexpected",
  "bounds-inverted",
  "bounds-scale",
  "code-table-missing",
  "code-table-unexpected",
  "code-table-unknown",
  "identity-type",
  "float-type",
  "float-undeclared",
  "unit-field-unknown",
  "unit-field-not-identity",
  "period-field",
  "period-inverted",
  "not-a-date",
  "no-rows",
  "records-lost",
  "codes-unknown",
  "values-not-decimal",
  "values-not-of-type",
  "not-always-present",
  "source-changing",
] as const;
export type CatalogProblem = Problem<(typeof CATALOG_PROBLEM_CODES)[number]> | SchemaProblem;

export class CatalogError extends Error {
  override readonly name = "CatalogError";
  readonly code: (typeof CATALOG_ERRORS)[number];
  readonly problems: readonly Problem[];

  constructor(code: (typeof CATALOG_ERRORS)[number], message: string, problems: readonly Problem[] = []) {
    super([message, ...problems.map(problemLine)].join("\n  "));
    this.code = code;
    this.problems = problems;
  }
}
