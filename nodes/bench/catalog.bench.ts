/**
 * A catalogue of many assets, registered on a real embedded ledger, their signed entries in the node's own store, on
 * disk. First searches, as `GET /api/v1/catalogue` asks the operator's node: words that many assets have, one, or none,
 * a provider, an element; another asset is registered between searches. The first search after a start waits until every
 * entry was compared with the ledger; what that takes is shown. Then the same catalogue as other participants read it:
 * a process that serves it over HTTPS by the Dataspace Protocol, and one with clients (catalog-served.ts).
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import type { CatalogueEntry } from "../../exchange/catalog/catalogue.ts";
import type { CatalogueSearch } from "../../exchange/catalog/search-index.ts";
import { admission, founding, NETWORK } from "../../ledger/conformance/fixture.ts";
import { createSequencer } from "../../ledger/embedded/sequencer.ts";
import { openLevelStore } from "../../ledger/embedded/store.ts";
import { createMemberDirectory } from "../peer/member-directory.ts";
import { createCatalogue } from "../runtime/assets/catalogue.ts";
import { openDatabase } from "../store/database.ts";
import { openRecords } from "../store/records.ts";
import { openTexts } from "../store/texts.ts";
import { defineBench, percentile } from "./bench.ts";
import { entryOf, provider, readers, register, STEWARDS } from "./catalog-assets.ts";
import { servedCatalog } from "./catalog-served.ts";
import { collectGarbage } from "./collect-garbage.ts";

const SIZES = {
  assets: { full: 100_000, tiny: 40 },
  searches: { full: 300, tiny: 12 },
  clients: { full: 20, tiny: 2 },
  requests: { full: 10_000, tiny: 20 },
};
const CHUNK = 2_000;

export const catalogBench = defineBench(SIZES, async ({ sizes, note }) => {
  const { assets, searches, clients, requests } = sizes;
  const folder = await mkdtemp(join(tmpdir(), "sealane-bench-catalog-"));
  const operator = provider();
  const database = await openDatabase(folder);
  const now = (): number => Date.now();
  const { ledger } = await createSequencer({
    ...{ store: await openLevelStore(join(folder, "ledger")), network: NETWORK, identity: operator.identity, now },
  });
  try {
    await ledger.submit([founding(operator), ...readers().map((reader) => admission(operator, reader))]);
    const shelf = openRecords<CatalogueEntry>(database, "catalogue", undefined, "unless-power-fails");
    const list = async (from: number, count: number) => {
      const entries = Array.from({ length: count }, (_, at) => entryOf(operator, from + at));
      await register(ledger, operator, entries);
      await Promise.all(entries.map((entry) => shelf.put(entry.statement.asset.id, entry)));
    };
    for (let from = 0; from < assets; from += CHUNK) {
      await list(from, Math.min(CHUNK, assets - from));
      note(`${Math.min(assets, from + CHUNK)} assets registered`);
    }
    const before = heldBytes();
    const started = performance.now();
    const catalogue = createCatalogue(
      {
        ...{ identity: operator.identity, member: operator.id, ledger, members: createMemberDirectory(ledger) },
        ...{ log: pino({ level: "silent" }), now: () => new Date().toISOString() },
        peers: { call: () => Promise.reject(new Error("the operator asks nobody")) } as never,
        openStore: (name, kept) => openRecords(database, name, undefined, kept),
        openTexts: (name) => openTexts(database, name, () => undefined),
      },
      () => ({ list: async () => [] }) as never,
    );
    await catalogue.search({ text: "nothing-at-all" });
    const firstMs = performance.now() - started;
    const after = heldBytes();
    const ms: number[] = [];
    const kinds = searchesOf(assets);
    for (let at = 0; at < searches; at += 1) {
      const { search, finds } = kinds[at % kinds.length]!;
      if (at % kinds.length === 0) await list(assets + at, 1);
      const from = performance.now();
      const found = await catalogue.search(search);
      ms.push(performance.now() - from);
      if (found.length < finds) throw new Error(`${JSON.stringify(search)}: ${found.length} found, ${finds} expected`);
    }
    const kindMs = kinds.map((_, kind) =>
      percentile(
        ms.filter((__, at) => at % kinds.length === kind),
        0.5,
      ),
    );
    catalogue.close();
    await ledger.close();
    await database.close();
    note("searches are done; the catalogue is served");
    const served = await servedCatalog({ folder, assets, clients, requests, note });
    return {
      parameters: { assets, searches, clients, requests },
      results: [
        { metric: "searchP50Ms", value: percentile(ms, 0.5), unit: "ms" },
        { metric: "searchP99Ms", value: percentile(ms, 0.99), unit: "ms", target: { atMost: 200 } },
        ...kinds.map(({ name }, at) => ({ metric: `search ${name}`, value: kindMs[at]!, unit: "ms, median" })),
        { metric: "firstSearchMs", value: firstMs, unit: "ms after the start, in the background" },
        {
          metric: "memoryKiBPerAsset",
          value: (after - before) / 1024 / assets,
          unit: "KiB",
          target: { atMost: 8 },
        },
        ...served,
      ],
    };
  } finally {
    await ledger.close();
    await database.close();
    await rm(folder, { recursive: true, force: true });
  }
});

/** The index lies in the heap. Resident memory would say less: what registering has used is not given back at once. */
function heldBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** What is searched for, and how many are found at least. */
function searchesOf(assets: number): readonly { name: string; search: CatalogueSearch; finds: number }[] {
  const one = String(assets >> 1).padStart(8, "0");
  return [
    { name: "one asset by a word", search: { text: `table-${one}` }, finds: 1 },
    { name: "no asset by two words", search: { text: "energy nothing-of-the-kind" }, finds: 0 },
    { name: "a thousand by a word", search: { text: "能源" }, finds: Math.min(assets, 1_000) },
    { name: "one element", search: { element: `element-${assets % STEWARDS}` }, finds: 1 },
    { name: "a thousand of one provider", search: { provider: "operator" }, finds: Math.min(assets, 1_000) },
  ];
}
