/**
 * Plans of a node against what it then does: bodies between all nodes, and processor time of all of them. On a network of
 * suite intl-pq, whose results and evidence are fetched and verified with that.
 */
import { expect, test } from "vitest";
import type { Query } from "../../policies/model/query.ts";
import type { PlanView } from "../http/routes/requests/plan.ts";
import { createNetwork, draftOf, TOTAL } from "./_network.ts";

const TAX_BY_YEAR: Query = {
  measures: [{ id: "tax", statistic: { kind: "sum", element: "tax-paid" } }],
  groupBy: [{ element: "year" }],
  filters: [],
};
/** An answer that was given before is given again: each run asks under another name. */
const named = (query: Query, id: string): Query => ({
  ...query,
  measures: query.measures.map((measure) => ({ ...measure, id })),
});

test("bytes and processor time of real runs are within twice what the planner said, and it filed nothing", async () => {
  let bytes = 0;
  const observe = (_member: string, { body, path }: { body: Uint8Array; path: string }) => {
    if (path.includes("/computations/")) bytes += body.length;
  };
  await using network = await createNetwork({ observe, suite: "intl-pq" });
  const run = async (query: Query) => {
    bytes = 0;
    const before = process.cpuUsage();
    const request = await network.submit({ query });
    await network.state(request, ["released"]);
    await network.call("ministry", "GET", `/api/v1/requests/${request}/result`);
    const { user, system } = process.cpuUsage(before);
    return { bytes, seconds: (user + system) / 1e6 };
  };
  const within = (given: number, wanted: number) => {
    expect(given).toBeGreaterThan(wanted / 2);
    expect(given).toBeLessThan(wanted * 2);
  };
  // Programs are compiled and connections made: figures are those of a node that runs.
  await run(named(TOTAL, "warm"));
  for (const [cells, query] of [
    ["registry", TOTAL],
    ["counted", TAX_BY_YEAR],
  ] as const) {
    const plan = await network.call<PlanView>("ministry", "POST", "/api/v1/requests/plan", { ...draftOf(), query });
    expect(plan).toMatchObject({
      outcome: "planned",
      members: 5,
      protocol: { cells, method: "mask", suite: "intl-pq" },
    });
    const runs = [await run(named(query, "one")), await run(named(query, "two"))];
    within(plan.estimate!.bytes.total, runs[0]!.bytes);
    within(plan.estimate!.seconds.total, Math.min(...runs.map(({ seconds }) => seconds)));
  }
  const { requests } = await network.call<{ requests: unknown[] }>("ministry", "GET", "/api/v1/requests");
  expect(requests).toHaveLength(5);
  const refused = await network.call<PlanView>("ministry", "POST", "/api/v1/requests/plan", {
    ...draftOf(),
    purpose: { code: "advertising", text: "to sell" },
  });
  expect(refused).toMatchObject({ outcome: "refused", problems: [{ code: "too-few-organisations" }] });
  expect(refused.providers).toContainEqual({
    asset: "alpha:panel",
    outcome: "refuse",
    reasons: ["purpose-not-allowed"],
  });
});
