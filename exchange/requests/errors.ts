import { FORM_PROBLEM_CODES } from "../../policies/form/form-problems.ts";
import type { Problem, SchemaProblem } from "../../policies/model/problem.ts";

/** What request use cases refuse. `problems` lists everything that is wrong at once, so that one answer is enough. */
export const REQUEST_ERRORS = [
  "ERR_REQUEST_INVALID",
  "ERR_REQUEST_UNKNOWN",
  "ERR_REQUEST_TRANSITION",
  "ERR_REQUEST_FORBIDDEN",
  "ERR_REQUEST_NOT_WAITING",
  "ERR_REQUEST_NO_RESULT",
  "ERR_REQUEST_UNREACHABLE",
] as const;
export type RequestErrorCode = (typeof REQUEST_ERRORS)[number];

/** What can be wrong with a data request besides the form. */
export const REQUEST_PROBLEM_CODES = [
  ...FORM_PROBLEM_CODES,
  "not-a-date",
  "period-inverted",
  "validity-over",
  "measure-id-repeated",
  "dimension-named-twice",
  "direct-one-dimension",
  "totals-need-dimensions",
  "totals-not-additive",
  "totals-not-of-classes",
  "totals-of-computations",
  "text-blank",
  "member-not-known",
  "member-not-active",
  "coordinator-with-receiver",
  "coordinator-with-requester",
  "receiver-with-requester",
  "direct-receiver",
  "no-endpoint",
  "asset-not-registered",
  "asset-withdrawn",
  "element-not-in-asset",
  "attribute-not-registered",
  "request-too-large",
  "requester-cancels",
  "provider-decides",
  "request-over",
  "not-waiting",
  "not-in-request",
  "request-id-taken",
  "decided-already",
  "appeal-not-refused",
  "appeal-unknown",
] as const;
export type RequestProblem = Problem<(typeof REQUEST_PROBLEM_CODES)[number]> | SchemaProblem;

export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly code: RequestErrorCode;
  readonly problems: readonly Problem[];

  constructor(
    code: RequestErrorCode,
    message: string,
    options: { cause?: unknown; problems?: readonly Problem[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.problems = options.problems ?? [];
  }
}
