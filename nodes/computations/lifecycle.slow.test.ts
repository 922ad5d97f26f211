/** Restarts, dropouts, stewards and revocation, on running nodes. Each test takes its own request over one network. */
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ObservedMessage } from "../peer/client.ts";
import { createNetwork, type Network, PROVIDERS, ROWS, SUM_BY_YEAR } from "./_network.ts";

const STEP_MS = 9_000;
const COUNTED = {
  measures: [{ id: "tax", statistic: { kind: "sum", element: "tax-paid" } }],
  groupBy: [{ element: "year" }],
  filters: [],
};

/** The fixture's rows, and eight years more. */
const rows = Object.fromEntries(
  PROVIDERS.map((member, index) => [
    member,
    [
      ...Array.from({ length: 9 }, (_, back): readonly [string, string, string] => [
        String(2015 + back),
        `${2001 + 137 * index + 59 * back}.${index}`,
        `${31 + 17 * index + 5 * back}.${back}`,
      ]),
      ...ROWS[member]!,
    ],
  ]),
);
const outputOf = (year?: string): number =>
  PROVIDERS.flatMap((member) => rows[member]!)
    .filter((row) => year === undefined || row[0] === year)
    .reduce((tenths, row) => tenths + Math.round(Number(row[1]) * 10), 0);
const YEARS = rows.alpha!.map(([year]) => year);

interface Result {
  readonly outcome: { readonly document: { readonly cells: readonly { readonly value: string | null }[] } };
}

describe("a running network", () => {
  let network: Network;
  /** Called for every message a member is about to send. */
  let onSent: (member: string, message: ObservedMessage) => void = () => undefined;

  beforeAll(async () => {
    network = await createNetwork({
      logLevel: process.env.LOG ?? "silent",
      stepMs: STEP_MS,
      releaseMs: 20_000,
      rows,
      observe: (member, message) => {
        if (message.direction === "sent") onSent(member, message);
      },
      policy: (member) => (member === "gamma" ? { approval: "steward" } : {}),
    });
  }, 120_000);
  afterAll(async () => {
    await network[Symbol.asyncDispose]();
  });

  async function approve(request: string): Promise<void> {
    const asset = "gamma:panel";
    const until = Date.now() + 20_000;
    for (;;) {
      const view = await network
        .call<{ assets: { asset: string; outcome: string }[] }>("gamma", "GET", `/api/v1/requests/${request}`)
        .catch(() => undefined);
      if (view?.assets.find((one) => one.asset === asset)?.outcome === "wait") break;
      if (Date.now() > until) throw new Error("gamma does not wait");
      await sleep(50);
    }
    await network.call("gamma", "POST", `/api/v1/requests/${request}/decisions`, { asset, outcome: "approved" });
  }
  async function values(request: string): Promise<readonly (string | null)[]> {
    const result = await network.call<Result>("ministry", "GET", `/api/v1/requests/${request}/result`);
    return result.outcome.document.cells.map(({ value }) => value);
  }
  /** Started again, and done with what it was in the middle of: its resumed messages belong to no later test. */
  async function restarted(member: string): Promise<void> {
    const { services } = await network.net.start(member);
    const until = Date.now() + 10_000;
    while ((await services.inflight.names()).some((name) => name.endsWith("-member")) && Date.now() < until)
      await sleep(50);
  }
  /** Stops `victim` when `who` sends the first message of a type; resolves when it has stopped. */
  function stopAt(victim: string, who: string, type: string): Promise<void> {
    return new Promise((resolve, reject) => {
      onSent = (member, { body }) => {
        if (member !== who || !Buffer.from(body).toString("utf8").startsWith(`{"type":"${type}"`)) return;
        onSent = () => undefined;
        setImmediate(() => void network.net.stop(victim).then(resolve, reject));
      };
    });
  }

  test("a request that needs a person waits, and goes on with the steward's name on the decision", async () => {
    const request = await network.submit();
    await approve(request);
    const view = await network.state(request, ["released", "failed"], 60_000);
    expect(view).toMatchObject({ state: "released" });
    expect(view.assets.find(({ asset }) => asset === "gamma:panel")?.decidedBy).toBe("gamma/operator");
    expect((await values(request)).map(Number)).toEqual([outputOf() / 10]);
  }, 90_000);

  test("a steward's refusal is recorded with its reason, and the others are opened without that provider", async () => {
    const request = await network.submit({ query: { ...SUM_BY_YEAR, groupBy: [{ attribute: "sector" }] } });
    await expect(
      network.call("alpha", "POST", `/api/v1/requests/${request}/decisions`, {
        asset: "gamma:panel",
        outcome: "approved",
      }),
    ).rejects.toThrow("ERR_REQUEST");
    await sleep(500);
    await network.call("gamma", "POST", `/api/v1/requests/${request}/decisions`, {
      asset: "gamma:panel",
      outcome: "refused",
      reason: "trade-secret",
    });
    const view = await network.state(request, ["failed", "released"], 60_000);
    expect(view.assets.find(({ asset }) => asset === "gamma:panel")).toMatchObject({
      outcome: "refuse",
      reasons: ["trade-secret"],
    });
    // The four others would differ from the first release by gamma alone.
    expect(view).toMatchObject({ state: "failed", reasons: ["history"] });
  }, 90_000);

  // Each message has a year of its own: over the same cells history would rightly refuse the next set.
  test.each([
    ["keys", "2015"],
    ["shares", "2016"],
    ["accept", "2017"],
    ["contribution-1", "2018"],
    ["view-1", "2019"],
    ["unmask-1", "2020"],
    ["contribution-2", "2021"],
    ["view-2", "2022"],
    ["unmask-2", "2023"],
  ])(
    "a provider that is gone after its message %s is left out or recovered, and the rest is released",
    async (type, year) => {
      const stopped = stopAt("omega", "omega", type);
      const filters = [{ element: "year", operator: "eq", values: [year] }];
      const request = await network.submit({ query: { ...COUNTED, groupBy: [], filters } });
      await approve(request);
      await stopped;
      const view = await network.state(request, ["released", "withheld", "failed"], 70_000);
      await restarted("omega");
      expect({ state: view.state, reasons: view.reasons }).toEqual({ state: "released" });
      const tax = Number((await values(request))[0]);
      const everyone = PROVIDERS.map((member) => Number(rows[member]!.find(([one]) => one === year)![2]));
      const sums = [everyone, everyone.slice(0, 4)].map((all) => Math.round(10 * all.reduce((a, b) => a + b)));
      expect(sums).toContain(Math.round(10 * tax));
    },
    120_000,
  );

  test.each([
    ["a provider", "beta", "beta", "shares"],
    ["the coordinator", "operator", "delta", "accept"],
    ["the receiver", "bureau", "alpha", "view-2"],
    ["the requester", "ministry", "gamma", "contribution-2"],
  ])(
    "%s that is stopped in the middle resumes from its files",
    async (_name, victim, who, type) => {
      const stopped = stopAt(victim, who, type);
      const request = await network.submit({
        query: {
          ...SUM_BY_YEAR,
          measures: [{ id: `resume-${victim}`, statistic: { kind: "mean", element: "output-value" } }],
        },
      });
      await approve(request);
      await stopped;
      await network.net.start(victim);
      const view = await network.state(request, ["released", "withheld", "failed"], 70_000);
      expect(view).toMatchObject({ state: "released" });
      expect((await values(request)).map(Number)).toEqual(YEARS.map((year) => (2 * outputOf(year)) / 100));
    },
    120_000,
  );

  test("a provider whose store was rolled back takes no further part", async () => {
    const stopped = stopAt("beta", "beta", "accept");
    const filters = [{ element: "year", operator: "eq", values: ["2024"] }];
    const request = await network.submit({ query: { ...COUNTED, groupBy: [], filters } });
    await approve(request);
    await stopped;
    const { computation } = await network.call<{ computation: string }>(
      "ministry",
      "GET",
      `/api/v1/requests/${request}`,
    );
    await unlink(join(network.net.dir, "beta", "inflight", `${computation}-member.json`));
    const { services } = await network.net.start("beta");
    const view = await network.state(request, ["released", "withheld", "failed"], 70_000);
    expect(view).toMatchObject({ state: "released" });
    expect((await values(request)).map(Number)).toEqual([
      PROVIDERS.filter((member) => member !== "beta").reduce(
        (sum, member) => sum + 10 * Number(ROWS[member]![0]![2]),
        0,
      ) / 10,
    ]);
    expect(await services.inflight.names()).not.toContain(`${computation}-member`);
  }, 120_000);

  test("a revoked agreement ends the running computation", async () => {
    const stopped = stopAt("delta", "delta", "keys");
    const request = await network.submit({ query: COUNTED });
    await approve(request);
    await stopped;
    const { agreements } = await network.call<{ agreements: { agreement: string; request: string }[] }>(
      "alpha",
      "GET",
      "/api/v1/agreements",
    );
    const agreement = agreements.find((one) => one.request === request)!.agreement;
    await network.call("alpha", "POST", `/api/v1/agreements/${agreement}/revoke`, { reason: "no-longer-needed" });
    const until = Date.now() + 20_000;
    let state = "";
    while (state !== "failed" && Date.now() < until) {
      const { computations } = await network.call<{ computations: { request: string; state: string }[] }>(
        "alpha",
        "GET",
        "/api/v1/computations",
      );
      state = computations.find((one) => one.request === request)?.state ?? "";
      await sleep(50);
    }
    await network.net.start("delta");
    expect(state).toBe("failed");
  }, 90_000);
});
