/** What can go wrong with a development network of Fabric's own programs. Texts for people are in nodes/i18n. */

export const FABRIC_NETWORK_ERRORS = [
  /** A program is neither on PATH nor in FABRIC_BIN. */
  "ERR_FABRIC_BINARY_MISSING",
  "ERR_FABRIC_BINARY_VERSION",
  /** The folder holds a network already. */
  "ERR_FABRIC_EXISTS",
  /** The folder holds no network, or `fabric.json` is not one. */
  "ERR_FABRIC_NO_NETWORK",
  "ERR_FABRIC_PORTS",
  /** A process ended, or did not come up in time. */
  "ERR_FABRIC_PROCESS",
  /** One of Fabric's commands failed. */
  "ERR_FABRIC_COMMAND",
  "ERR_FABRIC_NOT_READY",
] as const;

export class FabricNetworkError extends Error {
  override readonly name = "FabricNetworkError";
  readonly code: (typeof FABRIC_NETWORK_ERRORS)[number];

  constructor(code: (typeof FABRIC_NETWORK_ERRORS)[number], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
