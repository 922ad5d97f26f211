/** What the catalogue refuses. `problems` lists everything that is wrong at once. */
export const CATALOG_ERRORS = [
  "ERR_CATALOG_INVALID",
  "ERR_CATALOG_UNCHANGED",
  "ERR_CATALOG_UNKNOWN",
  "ERR_CATALOG_WITHDRAWN",
  "ERR_CATALOG_REJECTED",
  "ERR_CATALOG_ENTRY",
] as const;

/** One thing wrong with a description or its source: where, a stable code, and what was wanted and got. */
export interface Problem {
  readonly field: string;
  readonly code: string;
  readonly detail: string;
}

export class CatalogError extends Error {
  override readonly name = "CatalogError";
  readonly code: (typeof CATALOG_ERRORS)[number];
  readonly problems: readonly Problem[];

  constructor(code: (typeof CATALOG_ERRORS)[number], message: string, problems: readonly Problem[] = []) {
    super([message, ...problems.map(({ field, detail }) => `${field}: ${detail}`)].join("\n  "));
    this.code = code;
    this.problems = problems;
  }
}
