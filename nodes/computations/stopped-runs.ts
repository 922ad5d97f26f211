/**
 * A revoked agreement or a cancelled request ends the computations that rest on it: the contract fails them within the
 * same record, so no computation.fail follows.
 */
import { readAgreementUses, readRequestComputation, type StateReader } from "../../chaincode/rules/keys.ts";
import type { ComputationState } from "../../chaincode/rules/records.ts";
import type { RecordOf } from "../../crypto/secagg/opened.ts";
import type { LedgerEntry, TransactionBody } from "../../ledger/port.ts";

export interface StoppedRun {
  readonly computation: string;
  readonly request: string;
  /** As if it had been a record of its own. */
  readonly record: RecordOf<"fail">;
}

/** What this entry ended besides what it says. */
export async function runsStoppedBy(
  state: StateReader,
  { position, transaction }: LedgerEntry,
): Promise<readonly StoppedRun[]> {
  const { type, body } = transaction.statement;
  if (type !== "agreement.revoke" && type !== "request.cancel") return [];
  const runs =
    type === "agreement.revoke"
      ? await readAgreementUses(state, (body as TransactionBody<typeof type>).agreement)
      : [await readRequestComputation(state, (body as TransactionBody<typeof type>).request)];
  return runs.flatMap((run) => {
    const record = run === undefined ? undefined : endOf(run);
    if (run === undefined || record?.position !== position) return [];
    return [{ computation: run.computation, request: run.request, record }];
  });
}

/** The failure of a computation as a record, whatever failed it. */
export function endOf({ state, failure, changed }: ComputationState): RecordOf<"fail"> | undefined {
  if (state !== "failed") return undefined;
  return { record: "fail", position: changed.position, time: changed.time, reason: failure?.reason ?? "failed" };
}
