/** Why text or addresses handed to ledger/log were refused. Failed cryptographic checks are answers, not exceptions. */
export const LOG_ERRORS = [
  "ERR_LOG_NOTE_MALFORMED",
  "ERR_LOG_NOTE_SIGNATURE",
  "ERR_LOG_CHECKPOINT_MALFORMED",
  "ERR_LOG_PROOF_MALFORMED",
  "ERR_LOG_KEY_MALFORMED",
  "ERR_LOG_RANGE",
] as const;

export type LogErrorCode = (typeof LOG_ERRORS)[number];

export class LogError extends Error {
  override readonly name = "LogError";
  readonly code: LogErrorCode;

  constructor(code: LogErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
