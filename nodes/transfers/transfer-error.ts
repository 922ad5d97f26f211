/** Why a transfer, or one of its calls, is refused. `reason` says it in a stable word; the code says what kind it is. */
import type { Problem } from "../../policies/model/problem.ts";

export const TRANSFER_ERRORS = [
  /** Unknown, or not the caller's: the same answer. */
  "ERR_TRANSFER_UNKNOWN",
  /** The token has run out: ask for another one. */
  "ERR_TRANSFER_TOKEN",
  /** Agreement, policy, member or state does not allow it now. */
  "ERR_TRANSFER_REFUSED",
  "ERR_TRANSFER_USES",
  "ERR_TRANSFER_RATE",
  /** The bytes asked for are those of another version, or of none. */
  "ERR_TRANSFER_RANGE",
  "ERR_TRANSFER_STATE",
  "ERR_TRANSFER_TOO_LARGE",
  /** What stands in the way may pass: the same call again may succeed. */
  "ERR_TRANSFER_LATER",
  /** What whoever starts a transfer said is not enough, or wrong. */
  "ERR_TRANSFER_INVALID",
  /** The other participant's answer is of no use. */
  "ERR_TRANSFER_OTHER_SIDE",
] as const;
export type TransferErrorCode = (typeof TRANSFER_ERRORS)[number];

export class TransferError extends Error {
  override readonly name = "TransferError";
  readonly code: TransferErrorCode;
  readonly reason: string;
  readonly problems: readonly Problem[];

  constructor(
    code: TransferErrorCode,
    reason: string,
    detail = reason,
    options: { cause?: unknown; field?: string } = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = reason;
    this.problems = [{ field: options.field ?? "transfer", code: reason, detail }];
  }
}

export const unknownTransfer = (): TransferError => new TransferError("ERR_TRANSFER_UNKNOWN", "not-found");
