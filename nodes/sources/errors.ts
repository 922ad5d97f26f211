/** What can go wrong between a node and its own table. */
export const SOURCE_ERRORS = [
  "ERR_SOURCE_PATH",
  "ERR_SOURCE_FORMAT",
  "ERR_SOURCE_ENCODING",
  "ERR_SOURCE_QUERY",
  "ERR_SOURCE_LIMIT",
  "ERR_SOURCE_TIMEOUT",
  "ERR_SOURCE_CRASHED",
  "ERR_SOURCE_CLOSED",
] as const;

export class SourceError extends Error {
  override readonly name = "SourceError";
  readonly code: (typeof SOURCE_ERRORS)[number];

  constructor(code: (typeof SOURCE_ERRORS)[number], message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}
