/** One member's catalogue from its first page to its last, within limits that nothing it sends can move. */
import { setImmediate } from "node:timers/promises";
import { sha256 } from "../../../crypto/suites/digest.ts";
import { toBase64url, utf8 } from "../../../crypto/suites/encoding.ts";
import {
  type CrawledOffer,
  type CrawlRefusal,
  type Found,
  readCatalog,
  readDataset,
} from "../../../exchange/catalog/crawled.ts";
import { joined } from "../../../exchange/protocol/paths.ts";
import { context } from "../../../exchange/protocol/vocabulary.ts";
import type { DataspaceClientPorts } from "../client.ts";
import { CrawlError } from "./crawl-error.ts";
import { type CallLimits, fetchDocument } from "./fetch-document.ts";

export interface CrawlLimits extends CallLimits {
  readonly totalMs: number;
  readonly pages: number;
  readonly datasets: number;
  /** Pages without a dataset that was not seen before, one after another. */
  readonly barrenPages: number;
}
export const CRAWL_LIMITS: CrawlLimits = Object.freeze({
  callMs: 15_000,
  bytes: 4 * 1024 * 1024,
  plainBytes: 16 * 1024 * 1024,
  totalMs: 5 * 60_000,
  pages: 5_000,
  datasets: 250_000,
  barrenPages: 3,
});

export interface Crawled {
  readonly pages: number;
  /** Entries that the ledger has so. */
  readonly entries: number;
  readonly offers: number;
  readonly refused: Readonly<Partial<Record<CrawlRefusal, number>>>;
}

export interface CrawlPorts extends DataspaceClientPorts {
  readonly isMember: (member: string) => boolean;
  /** Takes in an entry that the ledger has so; false where it has not. */
  readonly accept: (entry: unknown, member: string) => Promise<boolean>;
  /** False: there is no room for it. */
  readonly keep: (offer: CrawledOffer) => Promise<boolean>;
}

/** Throws CrawlError; what was kept until then is no copy of the catalogue. `base`: the versioned base address. */
export async function crawlMember(
  ports: CrawlPorts,
  { member, base }: { readonly member: string; readonly base: string },
  limits: CrawlLimits,
  signal: AbortSignal,
): Promise<Crawled> {
  const refused: Partial<Record<CrawlRefusal, number>> = {};
  const leaveOut = (code: CrawlRefusal) => {
    refused[code] = (refused[code] ?? 0) + 1;
  };
  const seen = new Set<string>();
  const links = new Set<string>();
  const endless = new AbortController();
  const timer = setTimeout(() => endless.abort(new CrawlError("endless")), limits.totalMs);
  const both = AbortSignal.any([signal, endless.signal]);
  const first = joined(base, "catalog/request");
  const message = { "@context": context(), "@type": "CatalogRequestMessage" };
  let [entries, offers, pages, barren] = [0, 0, 0, 0];

  async function take(found: Found): Promise<void> {
    if (found.kind === "refused") return leaveOut(found.code);
    const id = found.kind === "offer" ? found.offer.id : found.id;
    // Ids are as long as their connector likes.
    const mark = toBase64url(sha256(utf8(id)));
    if (seen.has(mark)) return leaveOut("repeated");
    if (seen.size >= limits.datasets) throw new CrawlError("endless");
    seen.add(mark);
    if (found.kind === "offer") {
      if (!(await ports.keep(found.offer))) return leaveOut("too-many");
      offers += 1;
      return;
    }
    const entry = found.kind === "entry" ? found.entry : await entryById(id);
    if (entry !== undefined && (await ports.accept(entry, member))) entries += 1;
    else leaveOut("not-the-ledgers");
  }

  async function entryById(id: string): Promise<unknown> {
    const url = joined(base, "catalog/datasets", encodeURIComponent(id));
    const { document } = await fetchDocument(ports, { peer: member, method: "GET", url }, limits, both);
    const found = readDataset(document, member, ports.isMember);
    return found.kind === "entry" && found.id === id ? found.entry : undefined;
  }

  try {
    for (let url: string | undefined = first; url !== undefined; ) {
      if (pages >= limits.pages || barren >= limits.barrenPages) throw new CrawlError("endless");
      links.add(url);
      const { document, link } = await fetchDocument(
        ports,
        { peer: member, method: "POST", url, message },
        limits,
        both,
      );
      const datasets = readCatalog(document, member);
      if (datasets === undefined) throw new CrawlError("not-a-catalogue");
      pages += 1;
      const before = seen.size;
      for (const dataset of datasets) {
        both.throwIfAborted();
        await take(readDataset(dataset, member, ports.isMember));
        await setImmediate();
      }
      barren = seen.size > before ? 0 : barren + 1;
      url = nextOf(link, url, first);
      if (url !== undefined && links.has(url)) throw new CrawlError("link-loop");
    }
    return { pages, entries, offers, refused };
  } finally {
    clearTimeout(timer);
  }
}

const LINK = /<([^>]{1,2048})>\s*((?:;[^,;<]{0,200}){0,10})/g;

/** RFC 8288, as far as it is about the next page. Only the query may differ from the first page's address. */
function nextOf(header: string, current: string, first: string): string | undefined {
  for (const [, target = "", parameters = ""] of header.slice(0, 8192).matchAll(LINK)) {
    if (!/;\s*rel\s*=\s*("next"|next\b)/i.test(parameters)) continue;
    const url = URL.canParse(target, current) ? new URL(target, current) : undefined;
    const wanted = new URL(first);
    if (url === undefined || url.origin !== wanted.origin || url.pathname !== wanted.pathname) {
      throw new CrawlError("link-elsewhere");
    }
    return `${first}${url.search}`;
  }
  return undefined;
}
