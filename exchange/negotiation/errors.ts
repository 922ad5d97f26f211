export const NEGOTIATION_ERRORS = ["ERR_NEGOTIATION_NOT_PERMITTED", "ERR_NEGOTIATION_POLICY_CHANGED"] as const;

/** What the negotiation use case refuses to build. */
export class NegotiationError extends Error {
  override readonly name = "NegotiationError";
  readonly code: (typeof NEGOTIATION_ERRORS)[number];

  constructor(code: (typeof NEGOTIATION_ERRORS)[number], message: string) {
    super(message);
    this.code = code;
  }
}
