/** Computations that count against the use limit of an asset's policy: all but those that failed before close-2. */
import { readAgreement, readAgreementUses } from "../../chaincode/rules/keys.ts";
import type { AgreementRecord } from "../../exchange/requests/agreement-record.ts";
import type { RecordStore } from "../../exchange/requests/ports.ts";
import type { Ledger } from "../../ledger/port.ts";

/** Store of AgreementRecord, by `agreementKey`. */
export const AGREED_TERMS = "agreed-terms";

export async function assetUses(
  ledger: Ledger,
  agreements: RecordStore<AgreementRecord>,
  asset: string,
): Promise<number> {
  let uses = 0;
  for await (const [, record] of agreements.entries()) {
    if (record.asset !== asset || (await readAgreement(ledger, record.agreement)) === undefined) continue;
    const computations = await readAgreementUses(ledger, record.agreement);
    uses += computations.filter((use) => use.state !== "failed" || use.failure?.afterClose === true).length;
  }
  return uses;
}
