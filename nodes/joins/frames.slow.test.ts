/** Joins of lists of several frames between running nodes, with rows that are read and masked piece by piece. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { codeOf, createJoined, type Joined, SUMS } from "./_joined.ts";

const ITEMS = 9_000;
const ROWS = 10_000;
/** Rows begin at the sixtieth firm. */
const COMMON = ITEMS - 60;
const items = Array.from({ length: ITEMS }, (_, at) => ({ item: codeOf(at) }));
let joined: Joined;

beforeAll(async () => {
  joined = await createJoined(
    { operations: ["intersection", "cardinality", "statistics"], minimumGroup: 10 },
    {},
    ROWS,
  );
});
afterAll(() => joined[Symbol.asyncDispose]());

test.each(["intersection", "cardinality", "statistics"])(
  "%s of three frames against three is exact",
  async (operation) => {
    const draft = operation === "statistics" ? { query: SUMS } : {};
    const request = await joined.ask({ operation, items: ITEMS }, draft);
    const { state, result } = await joined.run(request, items);
    expect([state, result?.keys]).toEqual(["released", COMMON]);
    if (operation === "intersection") expect(result?.items).toEqual(items.slice(60).map(({ item }) => item));
    if (operation !== "statistics") return;
    // Tenths: firm i has 1000 + 7 i.
    const tenths = items.slice(60).reduce((sum, _, at) => sum + 1000 + 7 * (at + 60), 0);
    expect(result?.groups?.[0]?.figures[1]).toEqual({ measure: "output", value: String(tenths / 10) });
  },
);
