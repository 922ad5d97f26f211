import type { Problem } from "../../policies/model/problem.ts";

/** What the computation use cases refuse. */
export const COMPUTATION_ERRORS = [
  "ERR_COMPUTATION_UNKNOWN",
  "ERR_COMPUTATION_FORBIDDEN",
  "ERR_COMPUTATION_MESSAGE",
  "ERR_COMPUTATION_SIZE",
  /** A chunk of a contribution before the one it follows. */
  "ERR_COMPUTATION_CHUNK",
  "ERR_COMPUTATION_CONFLICT",
  "ERR_COMPUTATION_OVER",
  "ERR_COMPUTATION_NOT_OPENABLE",
  "ERR_COMPUTATION_EVIDENCE",
  /** A second word of one person on the same table. */
  "ERR_COMPUTATION_REVIEW_SPOKEN",
  /** What is to be withheld is not among the figures shown. */
  "ERR_COMPUTATION_REVIEW_FIGURES",
  /** Withholding it would leave nothing, or change another figure. */
  "ERR_COMPUTATION_REVIEW_ALONE",
] as const;

export class ComputationError extends Error {
  override readonly name = "ComputationError";
  readonly code: (typeof COMPUTATION_ERRORS)[number];
  readonly problems: readonly Problem[];

  constructor(
    code: (typeof COMPUTATION_ERRORS)[number],
    message: string,
    options: { cause?: unknown; problems?: readonly Problem[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.problems = options.problems ?? [];
  }
}
