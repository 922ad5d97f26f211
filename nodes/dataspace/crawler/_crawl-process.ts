/** A crawler over a store on disk, for a test to kill: `FOLDER ENDPOINT`. Says what it knows after each look. */
import { randomBytes } from "node:crypto";
import { systemEffects } from "../../runtime/effects.ts";
import { openDatabase } from "../../store/database.ts";
import { openRecords } from "../../store/records.ts";
import { CRAWL_LIMITS } from "./crawl-member.ts";
import { CRAWLER_TIMES, createCrawler } from "./crawler.ts";

const [folder = "", endpoint = ""] = process.argv.slice(2);
const database = await openDatabase(folder);
const crawler = createCrawler({
  ...systemEffects,
  member: "self",
  random: (bytes) => new Uint8Array(randomBytes(bytes)),
  members: { list: async () => [{ status: "active", record: { id: "alpha", endpoint } } as never] },
  ledger: { status: async () => ({ height: 0 }) as never, entries: async function* () {} },
  calls: { dispatcher: async () => undefined, authorize: () => "Bearer x" },
  accept: async () => false,
  states: openRecords(database, "crawled-members"),
  offers: openRecords(database, "crawled-offers", undefined, "unless-power-fails"),
  onFailure: (_member, error) => console.error(error),
  limits: CRAWL_LIMITS,
  times: { ...CRAWLER_TIMES, freshMs: 1 },
});
await crawler.start();
const tell = () =>
  process.send?.({ copy: crawler.members()[0]?.copy ?? 0, ids: crawler.search({}).map(({ id }) => id) });
tell();
crawler.wanted();
setInterval(tell, 20);
