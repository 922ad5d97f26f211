/** Failures of a node's own disk state. */
export const STORE_ERRORS = [
  "ERR_STORE_LOCKED",
  "ERR_STORE_FORMAT_NEWER",
  "ERR_STORE_FORMAT_OLDER",
  "ERR_STORE_CORRUPT",
  "ERR_STORE_FULL",
  "ERR_STORE_ACCESS_LOG_STOPPED",
  "ERR_STORE_ACCESS_LOG_TAMPERED",
] as const;

export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: (typeof STORE_ERRORS)[number];

  constructor(code: (typeof STORE_ERRORS)[number], message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }
}
