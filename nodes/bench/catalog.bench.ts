/**
 * Search over a catalogue of many assets, as `GET /api/v1/catalogue` asks the operator's node: registered on a real
 * embedded ledger, their signed entries in the node's own store, on disk. Words that many assets have, one, or none, a
 * provider, an element; another asset is registered between searches. The first search after a start waits until every
 * entry was compared with the ledger; what that takes is shown.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { digestOf } from "../../crypto/suites/digest.ts";
import { type CatalogueEntry, publishEntry } from "../../exchange/catalog/catalogue.ts";
import type { CatalogueSearch } from "../../exchange/catalog/search-index.ts";
import { founding, NETWORK, type TestMember, testMember, transactions } from "../../ledger/conformance/fixture.ts";
import { createSequencer } from "../../ledger/embedded/sequencer.ts";
import { openLevelStore } from "../../ledger/embedded/store.ts";
import type { Ledger } from "../../ledger/port.ts";
import type { Asset } from "../../policies/model/asset.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import { createMemberDirectory } from "../peer/member-directory.ts";
import { createCatalogue } from "../runtime/assets/catalogue.ts";
import { openDatabase } from "../store/database.ts";
import { openRecords } from "../store/records.ts";
import { openTexts } from "../store/texts.ts";
import { defineBench, percentile } from "./bench.ts";
import { collectGarbage } from "./collect-garbage.ts";

const SIZES = { assets: { full: 100_000, tiny: 40 }, searches: { full: 300, tiny: 12 } };
const CHUNK = 10_000;
const STEWARDS = 1_000;

export const catalogBench = defineBench(SIZES, async ({ sizes, note }) => {
  const { assets, searches } = sizes;
  const folder = await mkdtemp(join(tmpdir(), "sealane-bench-catalog-"));
  const operator = testMember("operator", { kind: "industry" });
  const database = await openDatabase(folder);
  const now = (): number => Date.now();
  const { ledger } = await createSequencer({
    ...{ store: await openLevelStore(join(folder, "ledger")), network: NETWORK, identity: operator.identity, now },
  });
  try {
    await ledger.submit([founding(operator)]);
    const shelf = openRecords<CatalogueEntry>(database, "catalogue", undefined, "unless-power-fails");
    const list = async (from: number, count: number) => {
      const entries = Array.from({ length: count }, (_, at) => entryOf(operator, from + at));
      await register(ledger, operator, entries);
      for (const entry of entries) await shelf.put(entry.statement.asset.id, entry);
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
    return {
      parameters: { assets, searches },
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

const OFFER = policyOf({
  ...{ id: "policy", version: 1, asset: "operator:table-00000000", provider: "operator" },
  ...{ purposes: ["statistics"], requesterKinds: ["government"], validUntil: "2027-12-31T00:00:00Z" },
  ...{ receiverModes: ["direct"], approval: "none", aggregate: { "energy-coal": ["sum", "mean"] } },
});

function entryOf(operator: TestMember, at: number): CatalogueEntry {
  return publishEntry(operator.identity, { asset: assetOf(at), offer: OFFER, publishedAt: "2026-01-01T00:00:00Z" });
}

async function register(ledger: Ledger, operator: TestMember, entries: readonly CatalogueEntry[]): Promise<void> {
  const policyDigest = digestOf(OFFER);
  const bodies = entries.map(({ statement: { asset } }) => {
    const { id, version, unitDomain } = asset;
    return { asset: id, version, metadataDigest: digestOf(asset), policyDigest, unitDomain };
  });
  await ledger.submit(transactions(operator, "asset.register", bodies));
}

function assetOf(at: number): Asset {
  const number = String(at).padStart(8, "0");
  const numbers = ["coal", "electricity", "gas", "oil", "heat", "output"];
  return {
    id: `operator:table-${number}`,
    version: 1,
    provider: "operator",
    title: { en: `Energy returns of district ${at % 997}`, "zh-CN": `第${at % 997}区能源申报` },
    description: "Quarterly returns of enterprises above the designated size, by fuel, as they were filed.",
    keywords: ["energy", "quarterly", `district-${at % 997}`],
    fields: [
      { name: "quarter", element: "quarter", type: "date" },
      { name: "own", element: `element-${(at + 1) % STEWARDS}`, type: "text", title: { en: "Own remark" } },
      ...numbers.map((name) => ({
        ...{ name, element: `energy-${name}`, type: "decimal" as const, scale: 2, unit: "tce" },
        ...{ bounds: { minimum: "0", maximum: "1000000" }, title: { en: `Use of ${name}`, "zh-CN": "消费量" } },
      })),
    ],
    codeTables: {},
    unit: { kind: "provider" },
    unitDomain: "operator",
    grade: { legal: "general", level: at % 2 === 0 ? "L1" : "L2" },
    quality: { rows: 4, fields: {} },
    sourceDigest: "A".repeat(43),
  };
}
