/** Joins on a network founded on the national algorithms: every signature and key around the lists is of that suite. */
import { expect, test } from "vitest";
import { verifyEvidence } from "../../ledger/audit/verify.ts";
import { COMMON, createJoined, LIST, SUMS, total } from "./_joined.ts";

test("on suite gm a join tells the same, and its evidence is verified with keys of no other suite", async () => {
  await using joined = await createJoined(
    { operations: ["intersection", "statistics"], leastItems: 20, minimumGroup: 5, runs: 2 },
    { suite: "gm" },
  );
  const { call } = joined.network;
  const named = await joined.ask({ operation: "intersection" });
  const found = await joined.run(named);
  expect(found).toMatchObject({ state: "released", result: { keys: COMMON.length } });
  expect(found.result?.items).toEqual(COMMON.map(({ code }) => code));
  const summed = await joined.ask({ operation: "statistics" }, { query: SUMS });
  const { result } = await joined.run(
    summed,
    LIST.map(({ item }) => ({ item })),
  );
  const [group] = result!.groups!;
  expect(group!.figures.find(({ measure }) => measure === "output")?.value).toBe(total(COMMON));
  const trust = await call("bureau", "GET", "/api/v1/trust");
  for (const request of [named, summed]) {
    const bundle = await call("ministry", "GET", `/api/v1/requests/${request}/joins/evidence`);
    const { verdict, checks } = verifyEvidence(bundle, trust);
    expect([verdict, checks.filter(({ status }) => status === "failed")]).toEqual(["verified", []]);
    const suites = [...JSON.stringify(bundle).matchAll(/"suite":"([^"]+)"/g)].map(([, suite]) => suite);
    expect(new Set(suites)).toEqual(new Set(["gm"]));
  }
});
