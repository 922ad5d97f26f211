/**
 * Which assets a search looks through: every active one of the ledger whose entry this node holds as the ledger has it.
 * Built once when the node starts and kept up with the ledger's entries, so that no search goes through all assets'
 * records. What is not held yet is named, for pulling.
 */
import { setImmediate } from "node:timers/promises";
import { readAsset } from "../../../chaincode/rules/keys.ts";
import type { AssetState } from "../../../chaincode/rules/records.ts";
import type { CatalogueEntry } from "../../../exchange/catalog/catalogue.ts";
import { type CatalogueSearch, createCatalogueIndex } from "../../../exchange/catalog/search-index.ts";
import type { Ledger } from "../../../ledger/port.ts";
import { changedAsset } from "./changed-asset.ts";

/** Assets looked at before others get their turn; each takes about 0.1 ms. */
const SLICE = 50;

export interface ListedAssets {
  /** Up to the ledger's present height, and to every `changed` before the call. */
  catchUp(): Promise<void>;
  /** The entry of this asset that is here is another one now. */
  changed(asset: string): void;
  /** After `catchUp`: ids, ascending; at most 1,000. */
  search(search: CatalogueSearch): readonly string[];
  /** Up to `count` active assets whose entry is not here and was not asked for since the ledger last spoke of them. */
  toAsk(count: number): readonly string[];
  /** Up to `count` that were asked for, the longest ago first. */
  toAskAgain(count: number): readonly string[];
  /** These were asked for in vain: `toAsk` names them once more, after the others. */
  notAnswered(assets: readonly string[]): void;
}

/**
 * `held`: the entry of an active asset that is here and matches the ledger. An asset with the policy `closed` has none
 * anywhere: nobody has access.
 */
export function createListedAssets(options: {
  readonly ledger: Pick<Ledger, "entries" | "get" | "range" | "status">;
  readonly held: (asset: string) => Promise<CatalogueEntry | undefined>;
  readonly closed: string;
}): ListedAssets {
  const { ledger, held } = options;
  const index = createCatalogueIndex();
  const fresh = new Set<string>();
  const asked = new Set<string>();
  /** Entries from here on were not looked at yet; undefined: nothing was. */
  let position: number | undefined;
  /** To be looked at again. Only `catchUp` looks: of two that look at once, the one that read first could end last. */
  const changed = new Set<string>();

  async function refresh(asset: string): Promise<void> {
    const onLedger = await readAsset(ledger, asset);
    const open = onLedger?.state === "active" && onLedger.policyDigest !== options.closed;
    const entry = open ? await held(asset) : undefined;
    fresh.delete(asset);
    asked.delete(asset);
    if (entry !== undefined) return index.put(entry.statement.asset);
    index.delete(asset);
    if (open) fresh.add(asset);
  }

  /** Returns the height up to which nothing is left to read. */
  async function readAll(): Promise<number> {
    // What is recorded meanwhile is looked at once more.
    const { height } = await ledger.status();
    let seen = 0;
    for await (const [, { asset, state }] of ledger.range<AssetState>("asset/")) {
      if (state === "active") await refresh(asset);
      seen += 1;
      if (seen % SLICE === 0) await setImmediate();
    }
    return height;
  }

  async function readOn(): Promise<void> {
    position ??= await readAll();
    for await (const entry of ledger.entries(position)) {
      const asset = changedAsset(entry);
      if (asset !== undefined) changed.add(asset);
      position = entry.position + 1;
    }
    for (const [at, asset] of [...changed].entries()) {
      // Before it is read: what changes while it is read is looked at again.
      changed.delete(asset);
      await refresh(asset).catch((error) => {
        changed.add(asset);
        throw error;
      });
      if (at % SLICE === SLICE - 1) await setImmediate();
    }
  }

  /** The first `count` of `from` become the last ones asked. */
  function ask(from: Set<string>, count: number): readonly string[] {
    const assets = [...from.values().take(count)];
    for (const asset of assets) {
      from.delete(asset);
      asked.add(asset);
    }
    return assets;
  }

  // One at a time; what was recorded before the call is looked at when it resolves.
  let turn: Promise<void> = Promise.resolve();
  return Object.freeze({
    catchUp() {
      turn = turn.then(readOn, readOn);
      return turn;
    },
    changed: (asset: string) => void changed.add(asset),
    search: index.search,
    toAsk: (count: number) => ask(fresh, count),
    toAskAgain: (count: number) => ask(asked, count),
    notAnswered(assets: readonly string[]) {
      for (const asset of assets) if (asked.delete(asset)) fresh.add(asset);
    },
  });
}
