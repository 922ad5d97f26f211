import type { Problem } from "../../policies/model/problem.ts";

/** Refusals that the HTTP layer itself decides. */
export const HTTP_ERRORS = [
  "ERR_HTTP_INVALID",
  "ERR_HTTP_UNAUTHENTICATED",
  "ERR_HTTP_FORBIDDEN",
  "ERR_HTTP_NOT_FOUND",
  "ERR_HTTP_METHOD",
  "ERR_HTTP_TIMEOUT",
  "ERR_HTTP_HEADERS",
  "ERR_HTTP_CONFLICT",
  "ERR_HTTP_TOO_LARGE",
  "ERR_HTTP_MEDIA_TYPE",
  "ERR_HTTP_RATE_LIMIT",
  "ERR_HTTP_READ_ONLY",
  "ERR_HTTP_AUDIT_STOPPED",
  "ERR_HTTP_STARTING",
  "ERR_HTTP_INTERNAL",
] as const;

export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly code: (typeof HTTP_ERRORS)[number];
  readonly problems: readonly Problem[];

  constructor(
    code: (typeof HTTP_ERRORS)[number],
    message: string,
    options: { cause?: unknown; problems?: readonly Problem[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.problems = options.problems ?? [];
  }
}
