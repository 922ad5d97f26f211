/** Verification of a whole replica (`sealane audit ledger`): re-executes the contract from genesis. */
import type { LedgerEntry } from "../port.ts";
import type { Problem } from "./problems.ts";

export interface ReplicaReport {
  readonly format: "sealane/replica-report/v1";
  readonly verdict: "verified" | "failed";
  /** Entries checked. */
  readonly entries: number;
  /** First bad position and why; `where` is "/<position>", "/checkpoint" or "/trust". */
  readonly problem?: Problem;
  /** Root over the checked entries, base64url. */
  readonly root?: string;
}

/** `entries` from position 0; `checkpoint` is a cosigned checkpoint note over all of them. Never throws for bad data. */
export function verifyReplica(
  _entries: AsyncIterable<LedgerEntry> | Iterable<LedgerEntry>,
  _checkpoint: string,
  _trust: unknown,
): Promise<ReplicaReport> {
  throw new Error("not yet");
}
