/** Problems of the secure-aggregation steps. A step throws only for input that must change nothing. */
const SECAGG_ERRORS = [
  /** Not a message of the protocol, or a field is wrong. */
  "ERR_SECAGG_MESSAGE",
  "ERR_SECAGG_SIZE",
  /** Signature, root, path, context or sender does not fit. */
  "ERR_SECAGG_AUTHENTICITY",
  /** Opening record, constants or layout break a rule. */
  "ERR_SECAGG_OPENING",
  /** A second, different answer was asked for or given. */
  "ERR_SECAGG_CONFLICT",
  /** A number does not fit its words. */
  "ERR_SECAGG_OVERFLOW",
  /** A contribution or chunk came before what it follows: send it again. */
  "ERR_SECAGG_ORDER",
  /** The input does not fit the present stage. */
  "ERR_SECAGG_STAGE",
] as const;

type SecaggErrorCode = (typeof SECAGG_ERRORS)[number];

export class SecaggError extends Error {
  override readonly name = "SecaggError";
  readonly code: SecaggErrorCode;

  constructor(code: SecaggErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }
}
