import type { JoinFacts } from "../../exchange/joins/run.ts";
import type { JoinReleased } from "../../ledger/audit/join-statements.ts";

export interface ToldOf extends Pick<JoinFacts, "run" | "request" | "agreement" | "number"> {
  /** Of the policy that was agreed on. */
  readonly minimum: number;
  /** Items of the shorter list. */
  readonly most: number;
}

/** Is it what evidence of the run may say (ledger/audit/check-joins.ts)? Nothing else is taken for a result. */
export function isToldOf({ told, ...said }: JoinReleased["statement"], about: ToldOf): boolean {
  const isOfRun =
    said.run === about.run &&
    said.request === about.request &&
    said.agreement === about.agreement &&
    said.number === about.number &&
    said.minimum === about.minimum;
  return isOfRun && (told.kind !== "count" || (told.keys >= about.minimum && told.keys <= about.most));
}
