/**
 * Plans of a node against what it then does: bodies between all nodes, and processor time of all of them. On a network of
 * suite intl-pq, whose results and evidence are fetched and verified with that.
 */
import { expect, test } from "vitest";
import type { Query } from "../../policies/model/query.ts";
import type { PlanView } from "../http/routes/requests/plan.ts";
import { ASSET, COUNT, createJoined, ITEMS, LIST, SUMS } from "../joins/_joined.ts";
import { createNetwork, draftOf, PROVIDERS, TOTAL } from "./_network.ts";

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

interface Measured {
  readonly bytes: number;
  readonly seconds: number;
}
const within = (given: number, wanted: number, what: string) => {
  expect(given, what).toBeGreaterThan(wanted / 2);
  expect(given, what).toBeLessThan(wanted * 2);
};
/** Seconds: of the least of two runs, since whatever else happens only adds. */
function nearly(
  { bytes, seconds }: { readonly bytes: number; readonly seconds: number },
  runs: readonly Measured[],
  what: string,
): void {
  within(bytes, runs[0]!.bytes, `${what}: bytes`);
  within(seconds, Math.min(...runs.map((run) => run.seconds)), `${what}: seconds`);
}
const meter = (path: RegExp) => {
  let bytes = 0;
  return {
    observe: (_member: string, message: { body: Uint8Array; path: string }) => {
      if (path.test(message.path)) bytes += message.body.length;
    },
    async run(work: () => Promise<unknown>): Promise<Measured> {
      bytes = 0;
      const before = process.cpuUsage();
      await work();
      const { user, system } = process.cpuUsage(before);
      return { bytes, seconds: (user + system) / 1e6 };
    },
  };
};

test("of the homomorphic envelope and of encrypted queries, bytes and processor time are within twice the plan", async () => {
  const sums = meter(/\/computations\//);
  const queries = meter(/\/queries$/);
  await using network = await createNetwork({
    observe: (member, message) => {
      sums.observe(member, message);
      // Requests as they were sent, and answers as they came: each once.
      queries.observe(member, message);
    },
    members: [
      { id: "operator", kind: "industry" },
      { id: "ministry", kind: "government" },
      { id: "bureau", kind: "government" },
      ...PROVIDERS.map((id) => ({ id, kind: "enterprise" as const, attributes: { sector: "17" }, reachable: true })),
    ],
    policy: (member) => ({ minimumOrganisations: 5, ...(member === "alpha" ? { answers: 4 } : {}) }),
  });
  const planned = async (draft: object) =>
    await network.call<PlanView>("ministry", "POST", "/api/v1/requests/plan", { ...draftOf(), ...draft });
  const summed = async (id: string) => {
    const request = await network.submit({ query: named(TOTAL, id), method: "bfv" });
    await network.state(request, ["released"]);
    await network.call("ministry", "GET", `/api/v1/requests/${request}/result`);
  };
  await summed("warm");
  const bfv = await planned({ query: TOTAL, method: "bfv" });
  expect(bfv).toMatchObject({ outcome: "planned", protocol: { method: "bfv" } });
  const sealed = [await sums.run(() => summed("one")), await sums.run(() => summed("two"))];
  const { bytes, seconds } = bfv.estimate!;
  nearly({ bytes: bytes.total, seconds: seconds.total }, sealed, "bfv");

  const draft = {
    assets: ["alpha:panel"],
    query: { ...TOTAL, groupBy: [{ element: "year" }] },
    receiverMode: "direct",
    receiver: "ministry",
    encryptedQuery: { figures: 1 },
  };
  const asked = async (): Promise<Measured> => {
    const request = await network.submit(draft);
    await network.state(request, ["agreed"]);
    const figure = { id: "a", terms: [{ group: { year: "2024" }, measure: "output", weight: "1" }] };
    const path = `/api/v1/requests/${request}/queries`;
    return await queries.run(() => network.call("ministry", "POST", path, { figures: [figure] }));
  };
  const { alone } = await planned(draft);
  expect(alone?.kind).toBe("encrypted-query");
  const answered = [await asked(), await asked()];
  nearly({ bytes: alone!.estimate.bytes.total, seconds: alone!.estimate.seconds }, answered, "queries");
});

test("of a join, bytes and processor time are within twice the plan", async () => {
  const joins = meter(/\/(?:joins|matches)\//);
  await using joined = await createJoined(
    { operations: ["intersection", "cardinality", "statistics"], leastItems: 20, minimumGroup: 5, runs: 40 },
    { observe: joins.observe },
  );
  const labels = ["north", "south"];
  for (const [operation, query, join] of [
    ["intersection", COUNT, {}],
    ["cardinality", COUNT, {}],
    ["statistics", SUMS, { labels }],
  ] as const) {
    const asked = { element: "credit-code", items: ITEMS, operation, ...join };
    const { alone } = await joined.network.call<PlanView>("ministry", "POST", "/api/v1/requests/plan", {
      ...draftOf(),
      assets: [ASSET],
      query,
      receiverMode: "direct",
      receiver: "ministry",
      join: asked,
    });
    expect(alone?.kind).toBe(operation);
    const request = await joined.ask(asked, { query });
    const run = async () => {
      const { state } = await joined.run(request, operation === "statistics" ? LIST : undefined);
      expect(state).toBe("released");
    };
    await run();
    const runs = [await joins.run(run), await joins.run(run)];
    nearly({ bytes: alone!.estimate.bytes.total, seconds: alone!.estimate.seconds }, runs, operation);
  }
});

test("bytes and processor time of real runs are within twice what the planner said, and it filed nothing", async () => {
  const { observe, run: measured } = meter(/\/computations\//);
  await using network = await createNetwork({ observe, suite: "intl-pq" });
  const run = (query: Query) =>
    measured(async () => {
      const request = await network.submit({ query });
      await network.state(request, ["released"]);
      await network.call("ministry", "GET", `/api/v1/requests/${request}/result`);
    });
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
    const { bytes, seconds } = plan.estimate!;
    nearly({ bytes: bytes.total, seconds: seconds.total }, runs, cells);
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
    refusals: [{ reason: "purpose-not-allowed", compared: { allowed: ["industry-statistics"], got: "advertising" } }],
  });
});
