/** A run of an own join as the requester keeps it. */
import type { JoinRun } from "../../exchange/joins/run.ts";
import type { JoinGroupFigures, JoinMatched, JoinReleased } from "../../ledger/audit/join-statements.ts";

/** What came of a run, and what shows it. */
export interface JoinResult {
  /** `intersection`: in the order of the list that was asked with. */
  readonly items?: readonly string[];
  /** Keys that both sides have; of sums only those in the groups below. */
  readonly keys: number;
  readonly groups?: readonly JoinGroupFigures[];
  /** For sums: what they were opened with. */
  readonly seed?: string;
  readonly matched?: JoinMatched;
}
export interface AskedJoin extends JoinRun<JoinReleased> {
  /** Items that were asked with. */
  readonly size: number;
  readonly result?: JoinResult;
}
