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

/** One thing wrong with a document: where, a stable code, and what was wanted and got. */
export interface Problem {
  readonly field: string;
  readonly code: string;
  readonly detail: string;
}

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
