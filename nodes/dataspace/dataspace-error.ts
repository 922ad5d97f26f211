/** Why a call of the Dataspace Protocol is refused. `code` is ours and stable; the other side sees `said`. */
import type { ProcessDocument } from "../../exchange/protocol/protocol.ts";

export const DATASPACE_ERRORS = [
  /** Unknown, or not the caller's: the same answer, so that nobody learns what exists. */
  "ERR_DATASPACE_UNKNOWN",
  "ERR_DATASPACE_MESSAGE",
  "ERR_DATASPACE_REFUSED",
  "ERR_DATASPACE_CROSSED",
  /** This node's replica of the ledger, or the work that a message rests on, is behind: the same again will do. */
  "ERR_DATASPACE_NOT_YET",
  /** The participant has too many processes open here. */
  "ERR_DATASPACE_BUSY",
] as const;

export class DataspaceError extends Error {
  override readonly name = "DataspaceError";
  readonly code: (typeof DATASPACE_ERRORS)[number];
  readonly said: { readonly code: string; readonly reasons: readonly string[] };
  /** Of a process that the caller is a party to. */
  readonly pids: Pick<ProcessDocument, "providerPid" | "consumerPid"> | undefined;

  constructor(
    code: (typeof DATASPACE_ERRORS)[number],
    said: DataspaceError["said"],
    pids?: Pick<ProcessDocument, "providerPid" | "consumerPid">,
  ) {
    super(`${said.code}: ${said.reasons.join("; ")}`);
    this.code = code;
    this.said = said;
    this.pids = pids;
  }
}

export const notYet = (what: string): DataspaceError =>
  new DataspaceError("ERR_DATASPACE_NOT_YET", { code: "not-yet", reasons: [what] });

export const unknownProcess = (): DataspaceError =>
  new DataspaceError("ERR_DATASPACE_UNKNOWN", { code: "not-found", reasons: [] });
