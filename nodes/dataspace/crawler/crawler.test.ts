import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { memoryRecords } from "../../peer/_memory-records.ts";
import { createTestClock } from "../../testnet/test-clock.ts";
import { CRAWL_LIMITS, type CrawlLimits } from "./crawl-member.ts";
import type { CrawledMember } from "./crawler.ts";
import { CRAWLER_TIMES, createCrawler } from "./crawler.ts";
import { OFFER_LIMITS } from "./kept-offers.ts";

const LIMITS: CrawlLimits = {
  ...CRAWL_LIMITS,
  callMs: 2_000,
  totalMs: 20_000,
  bytes: 1 << 17,
  plainBytes: 1 << 18,
  pages: 30,
};
const DAY_MS = 86_400_000;

type Answer = (request: IncomingMessage, reply: ServerResponse) => void;
const closing: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const datasetOf = (id: string, more: object = {}) => ({
  ...{ "@id": id, "@type": "Dataset", title: `Title of ${id}`, keyword: ["energy"] },
  hasPolicy: [{ "@id": "offer", "@type": "Offer", permission: [{ action: "use" }] }],
  distribution: [{ "@type": "Distribution", format: "HttpData-PULL", accessService: "urn:service" }],
  ...more,
});
const pageOf = (member: string, datasets: readonly unknown[]) =>
  JSON.stringify({ "@type": "Catalog", participantId: member, dataset: datasets });
async function countOf(records: { entries(): AsyncIterable<unknown> }): Promise<number> {
  let count = 0;
  for await (const _one of records.entries()) count += 1;
  return count;
}
const query = ({ url = "" }: IncomingMessage) => new URL(url, "http://x").searchParams;

/** A connector that answers so; its address. */
async function connector(answer: Answer): Promise<string> {
  const server: Server = createServer((request, reply) => {
    request.resume();
    reply.on("error", () => undefined);
    answer(request, reply);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const sound =
  (member: string, ids: readonly string[]): Answer =>
  (_request, reply) =>
    void reply.end(
      pageOf(
        member,
        ids.map((id) => datasetOf(id)),
      ),
    );

/** A crawler of these members; `again` moves the clock to where everybody is due. */
async function crawling(
  endpoints: Readonly<Record<string, string | undefined>>,
  options: Partial<Parameters<typeof createCrawler>[0]> = {},
) {
  const clock = createTestClock();
  const states = options.states ?? memoryRecords<CrawledMember>();
  const offers = options.offers ?? memoryRecords();
  const current = { endpoints };
  const accepted: unknown[] = [];
  const crawler = createCrawler({
    ...{ member: "self", now: clock.now, alarm: clock.alarm, random: (bytes) => new Uint8Array(randomBytes(bytes)) },
    members: {
      list: async () =>
        Object.entries(current.endpoints).map(
          ([id, endpoint]) => ({ status: "active", record: { id, endpoint } }) as never,
        ),
    },
    ledger: { status: async () => ({ height: 0 }) as never, entries: async function* () {} },
    calls: { dispatcher: async () => undefined, authorize: () => "Bearer x" },
    accept: async (entry) => {
      accepted.push(entry);
      return (entry as { readonly signature?: string }).signature === "good";
    },
    onFailure: (_member, error) => {
      throw error;
    },
    limits: LIMITS,
    ...options,
    ...{ states, offers },
  });
  await crawler.start();
  closing.push(() => crawler.stop());
  const of = (member: string) => crawler.members().find((one) => one.member === member);
  return {
    ...{ crawler, current, accepted, of, states, offers },
    ids: () =>
      crawler
        .search({})
        .map(({ member, id }) => `${member} ${id}`)
        .toSorted(),
    async tried(...members: readonly string[]) {
      crawler.wanted();
      await expect.poll(() => members.every((member) => of(member) !== undefined)).toBe(true);
    },
    async again(...members: readonly string[]) {
      const before = new Map(members.map((member) => [member, of(member)]));
      clock.moveTo(clock.time() + DAY_MS);
      crawler.wanted();
      await expect.poll(() => members.every((member) => of(member) !== before.get(member))).toBe(true);
    },
  };
}

test("offers of several members are found together, page after page, and say how old they are", async () => {
  const beta: Answer = (request, reply) => {
    const at = Number(query(request).get("at") ?? 0);
    if (at < 2) reply.setHeader("link", `</dsp/2025-1/catalog/request?at=${at + 1}>; rel="next"`);
    reply.setHeader("content-encoding", "gzip");
    reply.end(gzipSync(pageOf("beta", [datasetOf(`urn:table:${at}`)])));
  };
  const net = await crawling({ alpha: await connector(sound("alpha", ["one"])), beta: await connector(beta) });
  await net.tried("alpha", "beta");
  expect(net.ids()).toEqual(["alpha one", "beta urn:table:0", "beta urn:table:1", "beta urn:table:2"]);
  expect(net.of("beta")).toMatchObject({ copy: 1, offers: 3, failures: 0, refused: {} });
  expect(net.crawler.search({ text: "title TABLE:2" })).toMatchObject([
    { member: "beta", copiedAt: net.of("beta")!.copiedAt },
  ]);
  expect(net.crawler.search({ provider: "alpha" })).toHaveLength(1);
  expect(net.crawler.search({ element: "energy-coal" })).toEqual([]);
});

test("what a member claims of another one's assets, or of its own against the ledger, is refused and counted", async () => {
  const signed = (signature: string) => ({ "sealane:asset": {}, "sealane:entry": { publishedAt: "x", signature } });
  const alpha: Answer = (_request, reply) =>
    void reply.end(
      pageOf("alpha", [
        datasetOf("beta:panel", signed("good")),
        datasetOf("beta:Not An Asset Id"),
        datasetOf("alpha:panel", signed("good")),
        datasetOf("alpha:forged", signed("bad")),
        datasetOf("alpha:unsigned"),
        datasetOf("own"),
        datasetOf("own"),
        datasetOf("long", { description: "x".repeat(70_000) }),
        { "@id": "no-policy" },
      ]),
    );
  const net = await crawling({ alpha: await connector(alpha), beta: undefined });
  await net.tried("alpha");
  expect(net.ids()).toEqual(["alpha own"]);
  expect(net.of("alpha")).toMatchObject({
    entries: 1,
    refused: { "of-another-member": 2, "not-the-ledgers": 2, repeated: 1, "too-large": 1, malformed: 1 },
  });
  expect(net.accepted).toHaveLength(2);
  expect(net.accepted[0]).toMatchObject({ signer: "alpha", statement: { offer: { target: "alpha:panel" } } });
});

const endless =
  (datasets: (at: number) => readonly unknown[]): Answer =>
  (request, reply) => {
    const at = Number(query(request).get("at") ?? 0);
    reply.setHeader("link", `<?at=${at + 1}>; rel=next`);
    reply.end(pageOf("bad", datasets(at)));
  };
const HOSTILE: Readonly<Record<string, readonly [answer: Answer, code: string]>> = {
  "never answers": [() => undefined, "too-slow"],
  drips: [
    (_request, reply) => {
      const timer = setInterval(() => reply.write(" "), 100);
      reply.on("close", () => clearInterval(timer));
    },
    "too-slow",
  ],
  "hangs up": [(request) => void request.socket.destroy(), "unreachable"],
  refuses: [(_request, reply) => void reply.writeHead(500).end(), "refused"],
  "sends more than it may": [(_request, reply) => void reply.end(" ".repeat(LIMITS.bytes + 1)), "too-large"],
  "sends a bomb": [
    (_request, reply) => {
      reply.setHeader("content-encoding", "gzip");
      reply.end(gzipSync(Buffer.alloc(32 << 20, " ")));
    },
    "too-large",
  ],
  "sends no JSON": [(_request, reply) => void reply.end("<html>"), "not-json"],
  "sends brackets": [(_request, reply) => void reply.end("[".repeat(50_000)), "not-json"],
  "is somebody else": [(_request, reply) => void reply.end(pageOf("alpha", [])), "not-a-catalogue"],
  "links in a circle": [
    (request, reply) => {
      const at = Number(query(request).get("at") ?? 0);
      reply.setHeader("link", `<?at=${(at + 1) % 3}>; rel="next"`);
      reply.end(pageOf("bad", [datasetOf(`of-${at}`)]));
    },
    "link-loop",
  ],
  "links to elsewhere": [
    (_request, reply) => {
      reply.setHeader("link", '<http://169.254.169.254/dsp/2025-1/catalog/request?x>; rel="next"');
      reply.end(pageOf("bad", []));
    },
    "link-elsewhere",
  ],
  "has no end, and something new on each page": [endless((at) => [datasetOf(`new-${at}`)]), "endless"],
  "has no end, and nothing new": [endless(() => [datasetOf("same")]), "endless"],
};

describe("a member that", () => {
  test.each(Object.entries(HOSTILE))(
    "%s keeps its last good copy, and others are read beside it",
    async (_name, [answer, code]) => {
      let isBad = false;
      const good = sound("bad", ["good"]);
      const bad = await connector((...about) => (isBad ? answer : good)(...about));
      const net = await crawling({ bad, alpha: await connector(sound("alpha", ["one"])) });
      await net.tried("bad", "alpha");
      expect(net.ids()).toEqual(["alpha one", "bad good"]);
      const { copiedAt } = net.of("bad")!;
      isBad = true;
      await net.again("bad", "alpha");
      expect(net.of("bad")).toMatchObject({ failures: 1, error: code, copy: 1, copiedAt });
      expect(net.of("alpha")).toMatchObject({ failures: 0, copy: 2 });
      expect(net.ids()).toEqual(["alpha one", "bad good"]);
      isBad = false;
      await net.again("bad");
      expect(net.of("bad")).toMatchObject({ failures: 0, copy: 2 });
      expect(net.of("bad")).not.toHaveProperty("error");
    },
    60_000,
  );

  test("offers more than it may keeps no more", async () => {
    const many = sound(
      "alpha",
      Array.from({ length: 100 }, (_, at) => `o${at}`),
    );
    const net = await crawling({ alpha: await connector(many) }, { offerLimits: { ...OFFER_LIMITS, offers: 10 } });
    await net.tried("alpha");
    expect(net.ids()).toHaveLength(10);
    expect(net.of("alpha")!.refused).toEqual({ "too-many": 90 });
  });

  test("offers longer than it may keeps no more, at a start neither, and the copy before has its own room", async () => {
    const long = {
      description: "x".repeat(60_000),
      keyword: Array.from({ length: 32 }, (_, at) => `${at}`.repeat(90)),
    };
    const alpha = await connector((_request, reply) => {
      reply.setHeader("content-encoding", "gzip");
      reply.end(
        gzipSync(
          pageOf(
            "alpha",
            [1, 2, 3].map((at) => datasetOf(`o${at}`, long)),
          ),
        ),
      );
    });
    const offerLimits = { ...OFFER_LIMITS, offerBytes: 9_000 };
    const net = await crawling({ alpha }, { offerLimits });
    for (const copy of [1, 2]) {
      await (copy === 1 ? net.tried("alpha") : net.again("alpha"));
      expect(net.ids()).toEqual(["alpha o1", "alpha o2"]);
      expect(net.of("alpha")).toMatchObject({ copy, offers: 2, refused: { "too-many": 1 } });
      await expect.poll(() => countOf(net.offers)).toBe(2);
    }
    await net.crawler.stop();
    const { states, offers } = net;
    const next = await crawling({ alpha }, { states, offers, offerLimits: { ...offerLimits, offerBytes: 5_000 } });
    expect(next.ids()).toEqual(["alpha o1"]);
    expect(next.of("alpha")).toMatchObject({ offers: 1, refused: { "too-many": 2 } });
    expect(await countOf(offers)).toBe(1);
  });

  test("has left is forgotten", async () => {
    const net = await crawling({
      alpha: await connector(sound("alpha", ["one"])),
      beta: await connector(sound("beta", ["two"])),
    });
    await net.tried("alpha", "beta");
    net.current.endpoints = { beta: net.current.endpoints["beta"], alpha: undefined };
    await net.again("beta");
    expect(net.ids()).toEqual(["beta two"]);
    expect(net.crawler.members().map(({ member }) => member)).toEqual(["beta"]);
  });
});

test("a member has its turn, however many slow ones are due again at once and come before it", async () => {
  const slow = await connector(() => undefined);
  const endpoints = Object.fromEntries(["a", "b", "c", "d", "e", "f", "g", "h"].map((id) => [id, slow]));
  const net = await crawling(
    { ...endpoints, honest: await connector(sound("honest", ["one"])) },
    { limits: { ...LIMITS, callMs: 200 }, times: { ...CRAWLER_TIMES, firstPauseMs: 0 } },
  );
  await net.tried("honest");
  expect(net.ids()).toEqual(["honest one"]);
  // The others were tried before it, and are tried again.
  await expect.poll(() => net.of("a")?.failures ?? 0, { timeout: 30_000 }).toBeGreaterThan(1);
});

test("nobody is asked while nobody searches", async () => {
  let calls = 0;
  const alpha = await connector((...about) => {
    calls += 1;
    sound("alpha", [])(...about);
  });
  const net = await crawling({ alpha });
  expect(net.crawler.search({})).toEqual([]);
  expect(calls).toBe(0);
  await net.tried("alpha");
  expect(calls).toBe(1);
});

test("a copy that a crash left half written is neither shown nor kept", async () => {
  const offers = memoryRecords<never>();
  const states = memoryRecords<CrawledMember>();
  const offer = (id: string) => ({ id, title: {}, description: "", keywords: [], formats: [] }) as never;
  await states.put("alpha", {
    ...{
      member: "alpha",
      copy: 2,
      copiedAt: "2026-01-01T00:00:00.000Z",
      entries: 0,
      offers: 1,
      refused: {},
      failures: 0,
    },
    due: "2026-01-01T00:00:00.000Z",
  });
  const key = (copy: number) => `alpha/${String(copy).padStart(12, "0")}/00000000`;
  await offers.put(key(1), offer("older"));
  await offers.put(key(2), offer("good"));
  await offers.put(key(3), offer("half"));
  const net = await crawling({}, { states, offers });
  expect(net.ids()).toEqual(["alpha good"]);
  expect([await offers.get(key(1)), await offers.get(key(3))]).toEqual([undefined, undefined]);
});

test("pauses double up to a limit, and each is spread over half to one and a half of it", async () => {
  const bad = await connector(HOSTILE["refuses"]![0]);
  for (const [byte, share] of [
    [0, 0.5],
    [128, 1],
    [255, 1.5],
  ] as const) {
    const states = memoryRecords<CrawledMember>();
    const failed = {
      member: "bad",
      copy: 0,
      entries: 0,
      offers: 0,
      refused: {},
      failures: 3,
      due: "2026-01-01T00:00:00.000Z",
    };
    await states.put("bad", failed);
    const net = await crawling({ bad }, { states, random: (bytes) => new Uint8Array(bytes).fill(byte) });
    net.crawler.wanted();
    await expect.poll(() => net.of("bad")?.failures).toBe(4);
    const pause = Date.parse(net.of("bad")!.due) - Date.now();
    expect(pause / (8 * CRAWLER_TIMES.firstPauseMs)).toBeGreaterThan(share - 0.1);
    expect(pause / (8 * CRAWLER_TIMES.firstPauseMs)).toBeLessThan(share + 0.02);
  }
});
