import type { LedgerEntry } from "../../../ledger/port.ts";

/** The asset whose registration, withdrawal or policy this entry records. */
export function changedAsset({ transaction }: LedgerEntry): string | undefined {
  const { type, body } = transaction.statement;
  if (type !== "asset.register" && type !== "asset.withdraw" && type !== "policy.activate") return undefined;
  return (body as { readonly asset: string }).asset;
}
