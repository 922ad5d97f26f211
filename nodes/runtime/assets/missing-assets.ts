import type { AssetState } from "../../../chaincode/rules/records.ts";
import type { Ledger } from "../../../ledger/port.ts";

/**
 * Assets that are this member's by the ledger, not withdrawn, and that its own store does not hold: the store was lost,
 * or is a copy older than they are. Reads every asset's state, once when a node starts.
 */
export async function missingAssets(
  ledger: Pick<Ledger, "range">,
  member: string,
  holds: (asset: string) => Promise<boolean>,
): Promise<readonly string[]> {
  const missing: string[] = [];
  for await (const [, { asset, provider, state }] of ledger.range<AssetState>("asset/")) {
    if (provider === member && state === "active" && !(await holds(asset))) missing.push(asset);
  }
  return missing;
}
