import type { Problem, ProblemParameters } from "../../policies/model/problem.ts";

/** What can go wrong between a node and its own table. */
export const SOURCE_ERRORS = [
  "ERR_SOURCE_PATH",
  "ERR_SOURCE_FORMAT",
  "ERR_SOURCE_ENCODING",
  "ERR_SOURCE_QUERY",
  "ERR_SOURCE_LIMIT",
  "ERR_SOURCE_TIMEOUT",
  "ERR_SOURCE_CRASHED",
  /** Its bytes are not those that were registered. */
  "ERR_SOURCE_CHANGED",
  "ERR_SOURCE_CLOSED",
] as const;

/** What exactly is wrong with a path or a file, where the error's code alone does not say it. */
export const SOURCE_PROBLEM_CODES = [
  "path-zero-byte",
  "path-pattern",
  "path-address",
  "path-missing",
  "path-unreadable",
  "path-symbolic-link",
  "path-not-a-file",
  "path-empty-file",
  "path-changed",
  "quote-open",
  "record-too-long",
  "header-too-long",
  "column-without-name",
  "column-twice",
  "columns-too-many",
  "columns-wrong",
  "line-ends-mixed",
  "not-whole-json",
  "json-malformed",
  "not-parquet",
  "record-malformed",
  "engine-stopped",
  "not-utf8",
  "not-gb18030",
  "engine-memory",
] as const;

export interface SourceFault {
  /** The file, and its line where that is known: `energy.csv:7`. */
  readonly at: string;
  readonly code: (typeof SOURCE_PROBLEM_CODES)[number];
  readonly parameters?: ProblemParameters;
}

export class SourceError extends Error {
  override readonly name = "SourceError";
  readonly code: (typeof SOURCE_ERRORS)[number];
  /** What exactly is wrong; empty where the code says it. */
  readonly problems: readonly Problem[];

  constructor(
    code: (typeof SOURCE_ERRORS)[number],
    message: string,
    options: { cause?: unknown; fault?: SourceFault } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    const { fault } = options;
    this.problems =
      fault === undefined ? [] : [{ field: fault.at, code: fault.code, parameters: fault.parameters ?? {} }];
  }
}
