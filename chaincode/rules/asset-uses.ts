/**
 * Uses of an asset, over all its agreements: one for each computation that was opened over it, given back where that
 * failed before its second phase closed. From the first opening under a limit on they are counted in one record, so that
 * no opening reads more the longer the history is; before, openings over one asset have no record in common.
 */
import type { Host } from "./host.ts";
import { countAssetUses, keys, readAssetUses } from "./keys.ts";

/** `isLimited`: the agreement says how often. */
export async function takeUse(host: Host, asset: string, computation: string, isLimited: boolean): Promise<void> {
  const counted = await readAssetUses(host.store, asset);
  if (counted !== undefined || isLimited) {
    const uses = counted?.uses ?? (await countAssetUses(host.store, asset));
    await host.store.put(keys.assetUses(asset), { uses: uses + 1 });
  }
  await host.store.put(keys.assetUse(asset, computation), { isUse: true });
}

/** Nothing of the data was used. */
export async function giveUseBack(host: Host, asset: string, computation: string): Promise<void> {
  const counted = await readAssetUses(host.store, asset);
  if (counted !== undefined) await host.store.put(keys.assetUses(asset), { uses: counted.uses - 1 });
  await host.store.put(keys.assetUse(asset, computation), { isUse: false });
}
