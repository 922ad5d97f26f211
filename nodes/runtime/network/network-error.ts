/** Why founding, inviting, joining or a key change did not happen. */
export const NETWORK_ERRORS = [
  "ERR_NETWORK_ALREADY_IN_ONE",
  "ERR_NETWORK_NONE",
  "ERR_NETWORK_NO_ENDPOINT",
  "ERR_NETWORK_KIND",
  "ERR_NETWORK_NOT_OPERATOR",
  "ERR_NETWORK_INVITATION_INVALID",
  "ERR_NETWORK_INVITATION_EXPIRED",
  "ERR_NETWORK_INVITATION_USED",
  "ERR_NETWORK_APPLICATION_INVALID",
  "ERR_NETWORK_APPLICATION_UNKNOWN",
  "ERR_NETWORK_APPLICATION_REFUSED",
  "ERR_NETWORK_MEMBER_EXISTS",
  "ERR_NETWORK_NOT_ADMITTED_YET",
  "ERR_NETWORK_KEY_REPLACED",
  "ERR_NETWORK_ROTATION_PENDING",
  "ERR_NETWORK_SUITE",
] as const;

export class NetworkError extends Error {
  override readonly name = "NetworkError";
  readonly code: (typeof NETWORK_ERRORS)[number];

  constructor(code: (typeof NETWORK_ERRORS)[number], message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }
}
