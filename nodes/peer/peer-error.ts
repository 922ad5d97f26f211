/** Why an exchange with another member failed: what the caller sees of the other side, or what this side refused. */
export const PEER_ERRORS = [
  "ERR_PEER_UNREACHABLE",
  "ERR_PEER_TLS_IDENTITY",
  "ERR_PEER_TIMEOUT",
  "ERR_PEER_TOO_LARGE",
  "ERR_PEER_PROTOCOL",
  "ERR_PEER_REFUSED",
  "ERR_PEER_UNSIGNED",
  "ERR_PEER_SIGNATURE",
  "ERR_PEER_AUDIENCE",
  "ERR_PEER_CLOCK_SKEW",
  "ERR_PEER_REPLAY",
  "ERR_PEER_UNKNOWN_MEMBER",
  "ERR_PEER_KEY_REPLACED",
  "ERR_PEER_BUSY",
] as const;
export type PeerErrorCode = (typeof PEER_ERRORS)[number];

export class PeerError extends Error {
  override readonly name = "PeerError";
  readonly code: PeerErrorCode;
  /** The other side's HTTP status and stable code, when code is ERR_PEER_REFUSED. */
  readonly answer: { readonly status: number; readonly code: string | undefined } | undefined;

  constructor(code: PeerErrorCode, message: string, options: { cause?: unknown; answer?: PeerError["answer"] } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.answer = options.answer;
  }
}
