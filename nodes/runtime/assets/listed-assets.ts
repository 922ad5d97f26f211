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
import type { Ledger, LedgerEntry } from "../../../ledger/port.ts";

/** Assets looked at before others get their turn; each takes about 0.1 ms. */
const SLICE = 50;

export interface ListedAssets {
  /** Up to the ledger's present height. */
  catchUp(): Promise<void>;
  /** Looks at one asset again: its entry here has changed. */
  refresh(asset: string): Promise<void>;
  /** After `catchUp`: ids, ascending; at most 1,000. */
  search(search: CatalogueSearch): readonly string[];
  /** Up to `count` active assets whose entry is not here and was not asked for since the ledger last spoke of them. */
  toAsk(count: number): readonly string[];
  /** Up to `count` that were asked for, the longest ago first. */
  toAskAgain(count: number): readonly string[];
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

  async function readAll(): Promise<void> {
    // What is recorded meanwhile is looked at once more.
    const { height } = await ledger.status();
    let seen = 0;
    for await (const [, { asset, state }] of ledger.range<AssetState>("asset/")) {
      if (state === "active") await refresh(asset);
      seen += 1;
      if (seen % SLICE === 0) await setImmediate();
    }
    position = height;
  }

  async function readOn(from: number): Promise<void> {
    const changed = new Set<string>();
    let end = from;
    for await (const entry of ledger.entries(from)) {
      const asset = assetOf(entry);
      if (asset !== undefined) changed.add(asset);
      end = entry.position + 1;
    }
    for (const [at, asset] of [...changed].entries()) {
      await refresh(asset);
      if (at % SLICE === SLICE - 1) await setImmediate();
    }
    position = end;
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
      const next = () => (position === undefined ? readAll() : readOn(position));
      turn = turn.then(next, next);
      return turn;
    },
    refresh,
    search: index.search,
    toAsk: (count: number) => ask(fresh, count),
    toAskAgain: (count: number) => ask(asked, count),
  });
}

/** The asset whose registration, withdrawal or policy this entry records. */
function assetOf({ transaction }: LedgerEntry): string | undefined {
  const { type, body } = transaction.statement;
  if (type !== "asset.register" && type !== "asset.withdraw" && type !== "policy.activate") return undefined;
  return (body as { readonly asset: string }).asset;
}
