export const ACTIVATION_ERRORS = [
  "ERR_ACTIVATION_UNKNOWN",
  "ERR_ACTIVATION_OVER",
  "ERR_ACTIVATION_SAME_PERSON",
  "ERR_ACTIVATION_ENOUGH",
  "ERR_ACTIVATION_TOO_MANY",
  "ERR_ACTIVATION_NO_STEWARDS",
] as const;

export class ActivationError extends Error {
  override readonly name = "ActivationError";
  readonly code: (typeof ACTIVATION_ERRORS)[number];

  constructor(code: (typeof ACTIVATION_ERRORS)[number], message: string) {
    super(message);
    this.code = code;
  }
}
