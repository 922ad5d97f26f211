/** Serves the measured catalogue as a node does: TLS, tokens, limits, access log on disk. Started by catalog-served.ts. */
import { join } from "node:path";
import { pino } from "pino";
import { NETWORK } from "../../ledger/conformance/fixture.ts";
import { createSequencer } from "../../ledger/embedded/sequencer.ts";
import { openLevelStore } from "../../ledger/embedded/store.ts";
import { createOwnCatalog } from "../dataspace/own-catalog.ts";
import { createMemberDirectory } from "../peer/member-directory.ts";
import { createCatalogue } from "../runtime/assets/catalogue.ts";
import { systemEffects } from "../runtime/effects.ts";
import { openDatabase } from "../store/database.ts";
import { type Kept, openRecords } from "../store/records.ts";
import { openTexts } from "../store/texts.ts";
import { provider } from "./catalog-assets.ts";
import type { Collected } from "./catalog-served.ts";
import { serveParty } from "./dataspace-party.ts";

const [folder = ""] = process.argv.slice(2);
const { id: member, identity } = provider();
const { now } = systemEffects;
const database = await openDatabase(folder);
const openStore = <V>(name: string, kept?: Kept) => openRecords<V>(database, name, undefined, kept);
const { ledger } = await createSequencer({
  ...{ store: await openLevelStore(join(folder, "ledger")), network: NETWORK, identity, now: () => Date.now() },
});
const log = pino({ level: "silent" });
const members = createMemberDirectory(ledger);
const catalogue = createCatalogue(
  {
    ...{ identity, member, ledger, members, log, now, openStore },
    openTexts: (name) => openTexts(database, name, () => undefined),
    peers: { call: () => Promise.reject(new Error("nobody is asked")) } as never,
  },
  () => ({ list: async () => [] }) as never,
);
const building = performance.now();
await catalogue.offers.catchUp();
const buildMs = performance.now() - building;
// The index of the search, which is read in the background after a start, is another measurement.
await catalogue.search({ text: "nothing-at-all" });

const catalog = createOwnCatalog(catalogue.offers, members);
const { close, ...place } = await serveParty({ folder, member, members, openStore, catalog });

const processorMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

function memory() {
  const rssBytes = process.memoryUsage.rss();
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return { rssBytes, peakBytes, heldBytes: heapUsed + external };
}

process.on("message", (asked: "processor" | "memory" | "close") => {
  if (asked === "processor") return void process.send?.({ processorMs: processorMs() } satisfies Collected);
  if (asked === "memory") return void process.send?.({ memory: memory() } satisfies Collected);
  catalogue.close();
  void close()
    .then(() => ledger.close())
    .then(() => database.close())
    .finally(() => process.exit(0));
});
process.once("disconnect", () => process.exit(0));
process.send?.({ ready: { ...place, buildMs } } satisfies Collected);
