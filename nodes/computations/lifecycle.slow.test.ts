/** Restarts, dropouts, stewards and revocation, on running nodes. Each test takes its own request over one network. */
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { computationIdOf } from "../../exchange/computations/opening.ts";
import type { ObservedMessage } from "../peer/client.ts";
import { skippingDeadlines } from "./_deadlines.ts";
import {
  createNetwork,
  type Network,
  PATIENCE_MS,
  PROVIDERS,
  type RequestState,
  ROWS,
  SUM_BY_YEAR,
} from "./_network.ts";
import { computationInPath } from "./gauges.ts";

const GAMMA = "gamma:panel";
/** Messages to the coordinator, each with a year that no other test asks for. */
const LAST_MESSAGES = [
  ["keys", "2015"],
  ["shares", "2016"],
  ["accept", "2017"],
  ["contribution-1", "2018"],
  ["view-1", "2019"],
  ["unmask-1", "2020"],
  ["contribution-2", "2021"],
  ["view-2", "2022"],
  ["unmask-2", "2023"],
] as const;
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
const taxOf = (year: string) => ({
  query: { ...COUNTED, groupBy: [], filters: [{ element: "year", operator: "eq", values: [year] }] },
});
const taxSum = (members: readonly string[], year: string): string =>
  (
    members
      .map((member) => rows[member]!.find(([one]) => one === year)![2])
      .reduce((tenths, tax) => tenths + Math.round(10 * Number(tax)), 0) / 10
  ).toString();
const typeOf = (body: Uint8Array) =>
  /^\{"type":"([a-z0-9-]+)"/.exec(Buffer.from(body.subarray(0, 40)).toString("utf8"))?.[1];
const YEARS = rows.alpha!.map(([year]) => year);

interface Result {
  readonly outcome: { readonly document: { readonly cells: readonly { readonly value: string | null }[] } };
}

describe("a running network", () => {
  let network: Network;
  /** Called for every message a member is about to send. */
  let onSent: (member: string, message: ObservedMessage) => void = () => undefined;
  /** Called for every answer it got. */
  let onAnswer: (member: string, message: ObservedMessage) => void = () => undefined;

  beforeAll(async () => {
    network = await createNetwork({
      logLevel: process.env.LOG ?? "silent",
      rows,
      observe: (member, message) => {
        if (message.direction === "sent") onSent(member, message);
        else onAnswer(member, message);
      },
      policy: (member) => (member === "gamma" ? { approval: "steward" } : {}),
    });
  });
  afterAll(async () => {
    await network[Symbol.asyncDispose]();
  });

  /** Waits until gamma's decision is its steward's to make. */
  async function waitsForGamma(request: string): Promise<void> {
    await vi.waitFor(
      async () => {
        const { assets } = await network.call<RequestState>("gamma", "GET", `/api/v1/requests/${request}`);
        expect(assets.find(({ asset }) => asset === GAMMA)?.outcome).toBe("wait");
      },
      { timeout: PATIENCE_MS, interval: 50 },
    );
  }
  async function approve(request: string): Promise<void> {
    await waitsForGamma(request);
    await network.call("gamma", "POST", `/api/v1/requests/${request}/decisions`, { asset: GAMMA, outcome: "approved" });
  }
  async function values(request: string): Promise<readonly (string | null)[]> {
    const result = await network.call<Result>("ministry", "GET", `/api/v1/requests/${request}/result`);
    return result.outcome.document.cells.map(({ value }) => value);
  }
  const inflightOf = async (member: string, computation: string) =>
    (await network.net.node(member).services.inflight.names()).filter((name) => name.startsWith(computation));
  /** Every role is over, and its secrets are unlinked. */
  async function leavesNothing(computation: string): Promise<void> {
    await vi.waitFor(
      async () => {
        const left = await Promise.all([...PROVIDERS, "operator", "bureau"].map((one) => inflightOf(one, computation)));
        expect(left.flat()).toEqual([]);
      },
      { timeout: PATIENCE_MS, interval: 100 },
    );
  }
  /** Stops `victim` when `who` sends the first message of a type about this computation; resolves when it has stopped. */
  function stopAt(victim: string, who: string, type: string, computation: () => string | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      onSent = (member, { path, body }) => {
        const id = computation();
        if (id === undefined || member !== who || !path.includes(id) || typeOf(body) !== type) return;
        onSent = () => undefined;
        setImmediate(() => void network.net.stop(victim).then(resolve, reject));
      };
    });
  }
  /** Submits, lets gamma's steward approve, and stops `victim` at that message. */
  async function stoppedAt(victim: string, who: string, type: string, draft: object) {
    let request: string | undefined;
    const stopped = stopAt(victim, who, type, () => request && computationIdOf(request, 0));
    request = await network.submit(draft);
    await approve(request);
    await stopped;
    return { request, computation: computationIdOf(request, 0) };
  }

  test("a request that needs a person waits, and goes on with the steward's name on the decision", async () => {
    const request = await network.submit();
    await approve(request);
    const view = await network.state(request, ["released", "failed"]);
    expect(view).toMatchObject({ state: "released" });
    expect(view.assets.find(({ asset }) => asset === "gamma:panel")?.decidedBy).toBe("gamma/operator");
    expect((await values(request)).map(Number)).toEqual([outputOf() / 10]);
  });

  test("a steward's refusal is recorded with its reason, and the others are opened without that provider", async () => {
    const request = await network.submit({ query: { ...SUM_BY_YEAR, groupBy: [{ attribute: "sector" }] } });
    await expect(
      network.call("alpha", "POST", `/api/v1/requests/${request}/decisions`, {
        asset: "gamma:panel",
        outcome: "approved",
      }),
    ).rejects.toThrow("ERR_REQUEST");
    await waitsForGamma(request);
    await network.call("gamma", "POST", `/api/v1/requests/${request}/decisions`, {
      asset: "gamma:panel",
      outcome: "refused",
      reason: "trade-secret",
    });
    const view = await network.state(request, ["failed", "released"]);
    expect(view.assets.find(({ asset }) => asset === "gamma:panel")).toMatchObject({
      outcome: "refuse",
      reasons: ["trade-secret"],
    });
    // The four others would differ from the first release by gamma alone.
    expect(view).toMatchObject({ state: "failed", reasons: ["history"] });
  });

  test.each([
    ["a provider", "beta", "beta", "shares"],
    ["the coordinator", "operator", "delta", "accept"],
    ["the receiver", "bureau", "alpha", "view-2"],
    ["the requester", "ministry", "gamma", "contribution-2"],
  ])("%s that is stopped in the middle resumes from its files", async (_name, victim, who, type) => {
    const measures = [{ id: `resume-${victim}`, statistic: { kind: "mean", element: "output-value" } }];
    const { request } = await stoppedAt(victim, who, type, { query: { ...SUM_BY_YEAR, measures } });
    await network.net.start(victim);
    const view = await network.state(request, ["released", "withheld", "failed"]);
    expect(view).toMatchObject({ state: "released" });
    expect((await values(request)).map(Number)).toEqual(YEARS.map((year) => (2 * outputOf(year)) / 100));
  });

  test("a revoked agreement ends the running computation", async () => {
    const { request, computation } = await stoppedAt("delta", "delta", "keys", { query: COUNTED });
    const { agreements } = await network.call<{ agreements: { agreement: string; request: string }[] }>(
      "alpha",
      "GET",
      "/api/v1/agreements",
    );
    const agreement = agreements.find((one) => one.request === request)!.agreement;
    await network.call("alpha", "POST", `/api/v1/agreements/${agreement}/revoke`, { reason: "no-longer-needed" });
    expect(await network.state(request, ["failed", "released"])).toMatchObject({ reasons: ["agreement-revoked"] });
    await network.net.start("delta");
    await leavesNothing(computation);
  });

  test("a cancelled request ends the running computation", async () => {
    const { request, computation } = await stoppedAt("delta", "delta", "keys", { query: COUNTED });
    await network.call("ministry", "POST", `/api/v1/requests/${request}/cancel`, { reason: "filed-in-error" });
    expect(await network.state(request, ["cancelled", "failed"])).toMatchObject({ state: "cancelled" });
    await network.net.start("delta");
    await leavesNothing(computation);
  });

  describe("with one provider out of reach", () => {
    /** By the type of the last message the coordinator gets from omega. */
    const requests = new Map<string, string>();
    /** What omega still says, by computation: until that message has gone. */
    const lastWords = new Map<string, { readonly type: string; isGone: boolean; isHeard: boolean }>();
    let ends: ReadonlyMap<string, RequestState>;
    let rolledBack: { readonly request: string; readonly computation: string };

    // All at once; each has a year of its own: over the same cells history would rightly refuse the next set.
    beforeAll(async () => {
      rolledBack = await stoppedAt("beta", "beta", "accept", taxOf("2024"));
      await unlink(join(network.net.dir, "beta", "inflight", `${rolledBack.computation}-member.json`));
      await network.net.start("beta");
      onSent = (member, { path, body }) => {
        const words = member === "omega" ? lastWords.get(computationInPath(path) ?? "") : undefined;
        if (words?.isGone) throw new Error("the coordinator is out of reach");
        if (words !== undefined && words.type === typeOf(body)) words.isGone = true;
      };
      onAnswer = (member, { method, path }) => {
        const words = member === "omega" ? lastWords.get(computationInPath(path) ?? "") : undefined;
        if (words?.isGone && method === "POST") words.isHeard = true;
      };
      await Promise.all(
        LAST_MESSAGES.map(async ([type, year]) => {
          const request = await network.submit(taxOf(year));
          requests.set(type, request);
          lastWords.set(computationIdOf(request, 0), { type, isGone: false, isHeard: false });
          await approve(request);
        }),
      );
      const all = [rolledBack.request, ...requests.values()];
      const ended = all.map(
        async (request) => [request, await network.state(request, ["released", "withheld", "failed"])] as const,
      );
      const from = (computation: string) => {
        if (computation === rolledBack.computation) return ["beta"];
        return lastWords.get(computation)?.isHeard ? ["omega"] : [];
      };
      const computations = all.map((request) => computationIdOf(request, 0));
      ends = new Map(await skippingDeadlines(network, { from, computations }, Promise.all(ended)));
    });
    afterAll(() => {
      onSent = () => undefined;
      onAnswer = () => undefined;
    });

    test.each(LAST_MESSAGES)(
      "a provider that is gone after its message %s is left out or recovered, and the rest is released",
      async (type, year) => {
        const request = requests.get(type)!;
        const view = ends.get(request)!;
        const { isGone } = lastWords.get(computationIdOf(request, 0))!;
        expect({ state: view.state, reasons: view.reasons, isGone }).toEqual({ state: "released", isGone: true });
        // Recovered or left out: what had been contributed to phase 2 before it was gone stays in the sum.
        const isIn = type === "contribution-2" || type === "view-2" || type === "unmask-2";
        const present = isIn ? PROVIDERS : PROVIDERS.filter((member) => member !== "omega");
        expect(await values(request)).toEqual([taxSum(present, year)]);
        await vi.waitFor(async () => expect(await inflightOf("omega", view.computation!)).toEqual([]), {
          timeout: PATIENCE_MS,
        });
      },
    );

    test("a provider whose store was rolled back takes no further part", async () => {
      const { request, computation } = rolledBack;
      expect(ends.get(request)).toMatchObject({ state: "released", computation });
      const others = PROVIDERS.filter((member) => member !== "beta");
      expect(await values(request)).toEqual([taxSum(others, "2024")]);
      expect(await inflightOf("beta", computation)).toEqual([]);
    });
  });
});
