/**
 * What goes over the wire in a join is what the function permits: two lists that have the same sizes and the same answer give
 * transcripts of every message, both ways, that differ in nothing but what is random.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readJoinCommitted, readJoinOpened } from "../../chaincode/rules/keys.ts";
import { POINT_BYTES } from "../../crypto/psi/masking.ts";
import { isAscending } from "../../crypto/psi/sorting.ts";
import { codeOf, createJoined, type Joined, SUMS } from "./_joined.ts";

interface Message {
  readonly by: string;
  readonly to: string;
  readonly direction: string;
  readonly method: string;
  readonly path: string;
  readonly body: Buffer;
  /** Are both lists on the ledger as far as its sender knows? Of the requester's list only. */
  readonly committed?: Promise<boolean>;
}

const HEAD_BYTES = 29;
const ITEMS = 150;
const ROWS = 300;
let joined: Joined;
let messages: Message[] = [];

beforeAll(async () => {
  joined = await createJoined(
    { operations: ["intersection", "cardinality", "statistics"], leastItems: 20, minimumGroup: 5, runs: 9 },
    {
      observe(by, { direction, peer, method, path, body }) {
        if (!/\/peer\/v1\/(joins|matches)\//.test(path)) return;
        const [, run = ""] = /(?:joins|matches)\/([^/]+)/.exec(path)!;
        const isFirst = method === "PUT" && path.endsWith("/asker/0") && direction === "sent";
        messages.push({
          by,
          to: peer,
          direction,
          method,
          path: path.replace(run, "RUN"),
          body: Buffer.from(body),
          ...(isFirst ? { committed: isCommitted(by, run) } : {}),
        });
      },
    },
  );
});
afterAll(() => joined[Symbol.asyncDispose]());

async function isCommitted(member: string, run: string): Promise<boolean> {
  const { ledger } = joined.network.net.node(member).services;
  return (await readJoinOpened(ledger, run)) !== undefined && (await readJoinCommitted(ledger, run)) !== undefined;
}

/** Firms of the table are 60 to 359; `from`: the first one of ninety that are asked after, beside sixty that nobody has. */
const listOf = (from: number) => [
  ...Array.from({ length: 90 }, (_, i) => ({ item: codeOf(from + i), label: i % 3 === 0 ? "north" : "south" })),
  ...Array.from({ length: 60 }, (_, i) => ({ item: codeOf(10_000 * from + i), label: "south" })),
];

async function transcriptOf(request: string, from: number, isLabelled: boolean) {
  messages = [];
  const items = listOf(from).map(({ item, label }) => (isLabelled ? { item, label } : { item }));
  const { state, result, run } = await joined.run(request, items);
  expect([state, result?.keys]).toEqual(["released", 90]);
  return { run, all: messages };
}

/** What a side may see of the other's work on its way, as often as it asks; and an end that comes after the result. */
const WAITING =
  /DELETE \S+RUN: (\{"taken":N\})?$|GET \S+RUN: (\{\}|\{"state":"opened"\}|\{"state":"(committed|received)","salt":43\})$/;

/** What is left of messages without what is random, in no order: both sides work at the same time. */
function shapesOf(all: readonly Message[]): readonly string[] {
  const shapes = all.map(({ by, to, direction, method, path, body }) => {
    const shape = isList(path, method) ? `${body.length} bytes` : shapeOf(body.toString());
    return `${by} ${direction} ${to} ${method} ${path}: ${shape}`;
  });
  return [...new Set(shapes)].filter((shape) => !WAITING.test(shape)).sort();
}
/** Keys, salts, digests, signatures, ids and times are random as far as the lists go; rows and masked sums have as many letters. */
const RANDOM =
  /"(agreement|answer|asker|at|digest|holder|key|request|rows|run|salt|seed|sent|signature|sums)":"([^"]*)"/g;
const shapeOf = (text: string): string =>
  text
    .replace(RANDOM, (_, name: string, word: string) => `"${name}":${word.length}`)
    .replace(/"number":\d+/, '"number":N')
    .replace(/"taken":\d+/, '"taken":N');
const isList = (path: string, method: string) => method === "PUT" || /\/(holder|answer)\/\d+$/.test(path);
const sentTo = (all: readonly Message[], path: RegExp, method = "PUT") =>
  all.filter(
    (one) => one.method === method && path.test(one.path) && one.direction === (method === "PUT" ? "sent" : "received"),
  );
const pointsOf = (body: Buffer) => body.subarray(HEAD_BYTES);
const listsIn = (all: readonly Message[]) => [
  ...new Set(all.filter(({ path }) => /\/\d+$/.test(path)).map(({ path }) => path.replace(/^.*RUN\//, ""))),
];

describe.each([
  ["intersection", ["asker/0", "holder/0", "again/0", "answer/0"]],
  ["cardinality", ["asker/0", "holder/0", "again/0"]],
  ["statistics", ["asker/0", "holder/0", "0"]],
] as const)("%s", (operation, lists) => {
  let first: Awaited<ReturnType<typeof transcriptOf>>;
  let second: typeof first;
  beforeAll(async () => {
    const isSum = operation === "statistics";
    const draft = isSum ? { query: SUMS } : {};
    const request = await joined.ask({ operation, ...(isSum ? { labels: ["north", "south"] } : {}) }, draft);
    first = await transcriptOf(request, 60, isSum);
    second = await transcriptOf(request, 200, isSum);
  });

  test("of two lists with one answer has transcripts that differ in nothing but what is random", () => {
    expect(shapesOf(second.all)).toEqual(shapesOf(first.all));
  });

  test("sends the lists that it needs and no other, each once and whole", () => {
    expect(listsIn(first.all).sort()).toEqual([...lists].sort());
    const sizes = { "asker/0": ITEMS, "holder/0": ROWS, "again/0": ROWS, "answer/0": ITEMS } as Record<string, number>;
    for (const { path, body, direction } of first.all) {
      const size = sizes[path.replace(/^.*RUN\//, "")];
      if (size !== undefined && (direction === "sent") === /asker|again/.test(path)) {
        expect(body.length).toBe(HEAD_BYTES + POINT_BYTES * size);
      }
    }
  });

  test("sends no list before both are committed to on the ledger", async () => {
    const began = [...first.all, ...second.all].filter(({ committed }) => committed !== undefined);
    expect(began.length).toBe(2);
    for (const { committed } of began) expect(await committed).toBe(true);
  });

  test("sends lists in the order of their bytes, which says nothing, and no point in two runs", () => {
    for (const path of [/\/asker\/0$/, /\/again\/0$/]) {
      for (const { body } of sentTo(first.all, path)) expect(isAscending(pointsOf(body))).toBe(true);
    }
    for (const { body } of sentTo(first.all, /\/holder\/0$/, "GET")) expect(isAscending(pointsOf(body))).toBe(true);
    const points = (all: readonly Message[]) =>
      new Set(
        all
          .filter(({ path, method }) => isList(path, method) && path.includes("/joins/"))
          .flatMap(
            ({ body }) =>
              pointsOf(body)
                .toString("latin1")
                .match(/[\s\S]{32}/g) ?? [],
          ),
      );
    expect(points(first.all).size).toBeGreaterThan(ITEMS);
    const again = points(second.all);
    expect([...points(first.all)].filter((point) => again.has(point))).toEqual([]);
  });
});

test("to the coordinator go the other's points, groups and masked words, and it answers the requester alone", async () => {
  const toMatcher = messages.filter(({ path }) => path.includes("/matches/"));
  expect(new Set(toMatcher.map(({ to }) => to))).toEqual(new Set(["operator"]));
  const bytes = (by: string) =>
    toMatcher
      .filter((one) => one.by === by && one.method === "PUT" && one.direction === "sent")
      .map(({ body }) => body.length);
  expect(bytes("ministry")).toEqual([POINT_BYTES * ROWS + 2 * ITEMS]);
  expect(bytes("alpha")).toEqual([POINT_BYTES * ITEMS + 2 * ROWS + 8 * ROWS]);
  const asked = toMatcher.filter(({ method }) => method === "GET");
  expect(new Set(asked.map(({ by }) => by))).toEqual(new Set(["ministry"]));
});
