import { Type } from "typebox";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifyEvidenceFile } from "../../ledger/audit/verify.ts";
import { createNetwork, draftOf, type Network, PROVIDERS, ROWS, SUM_BY_YEAR } from "./_network.ts";
import { createLeakDetector, type Leak } from "./leak-detector.ts";

interface Cell {
  readonly group: Readonly<Record<string, string>>;
  readonly measure: string;
  readonly value: string | null;
  readonly withheld?: string;
}
interface Result {
  readonly outcome: { readonly kind: string; readonly document: { readonly cells: readonly Cell[] } };
}

async function openedComputation(network: Network, request: string): Promise<string> {
  const { computation } = await network.state(request, ["opened", "counted", "computed"]);
  return computation!;
}

const plainSum = (column: 1 | 2, year?: string): string => {
  const rows = PROVIDERS.flatMap((member) => ROWS[member]!).filter((row) => year === undefined || row[0] === year);
  const tenths = rows.reduce((sum, row) => sum + Math.round(Number(row[column]) * 10), 0);
  return (tenths / 10).toString();
};

describe("five providers, a requester, a receiver and a coordinator over HTTPS", () => {
  let network: Network;
  const leaks: Leak[] = [];
  let inspected = 0;

  beforeAll(async () => {
    const detector = createLeakDetector(
      PROVIDERS.flatMap((member) =>
        ROWS[member]!.flatMap(([year, output, tax]) =>
          [output, tax].filter((text) => text !== "").map((text) => ({ label: `${member} ${year}`, text, scale: 1 })),
        ),
      ),
    );
    network = await createNetwork({
      logLevel: process.env.LOG ?? "silent",
      observe(_member, { body }) {
        if (body.length === 0) return;
        inspected += 1;
        leaks.push(...detector.inspect(JSON.parse(Buffer.from(body).toString("utf8"))));
      },
    });
  });
  afterAll(async () => {
    await network[Symbol.asyncDispose]();
  });

  async function cellsOf(draft: object): Promise<readonly Cell[]> {
    const request = await network.submit(draft);
    const view = await network.state(request, ["released", "withheld", "failed", "cancelled"]);
    expect(view).toMatchObject({ state: "released" });
    const result = await network.call<Result>("ministry", "GET", `/api/v1/requests/${request}/result`);
    return result.outcome.document.cells;
  }

  test("a sum is exact, and its evidence verifies offline", async () => {
    const request = await network.submit();
    expect(await network.state(request, ["released", "failed"])).toMatchObject({ state: "released" });
    const result = await network.call<Result>("ministry", "GET", `/api/v1/requests/${request}/result`);
    expect(result.outcome.document.cells).toMatchObject([{ group: {}, value: plainSum(1) }]);
    const { address, token } = network.net.node("ministry");
    const answer = await fetch(`${address.api}/api/v1/requests/${request}/evidence`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const trust = await network.call("ministry", "GET", "/api/v1/trust");
    expect(verifyEvidenceFile(bytes, trust)).toMatchObject({ verdict: "verified" });
  });

  test("a count counts organisations", async () => {
    const query = { measures: [{ id: "units", statistic: { kind: "count" } }], groupBy: [], filters: [] };
    expect(await cellsOf({ query })).toMatchObject([{ value: "5" }]);
  });

  test("groups of a public code table are exact in registry mode", async () => {
    const cells = await cellsOf({ query: SUM_BY_YEAR });
    expect(cells.map(({ group, value }) => [group.year, value])).toEqual([
      ["2024", plainSum(1, "2024")],
      ["2025", plainSum(1, "2025")],
    ]);
  });

  test("a group without enough organisations is withheld by name", async () => {
    const cells = await cellsOf({ query: { ...SUM_BY_YEAR, groupBy: [{ attribute: "sector" }] } });
    expect(cells).toMatchObject([
      { group: { sector: "17" }, value: plainSum(1) },
      { group: { sector: "28" }, value: null, withheld: "disclosure-control" },
    ]);
  });

  test("counted mode sums a field that is not always present", async () => {
    const query = {
      measures: [{ id: "tax", statistic: { kind: "sum", element: "tax-paid" } }],
      groupBy: [{ element: "year" }],
      filters: [],
    };
    const request = await network.submit({ query });
    const view = await network.state(request, ["released", "withheld", "failed"]);
    expect(view).toMatchObject({ state: "released" });
    const result = await network.call<Result>("ministry", "GET", `/api/v1/requests/${request}/result`);
    expect(result.outcome.document.cells.map(({ value }) => value)).toEqual([plainSum(2, "2024"), plainSum(2, "2025")]);
    const { mode } = await network.call<{ mode: string }>(
      "ministry",
      "GET",
      `/api/v1/computations/${view.computation}`,
    );
    expect(mode).toBe("counted");
  });

  test("direct mode gives the requester the sums itself", async () => {
    const cells = await cellsOf({
      receiverMode: "direct",
      receiver: "ministry",
      query: { ...SUM_BY_YEAR, measures: [{ id: "mean", statistic: { kind: "mean", element: "output-value" } }] },
    });
    expect(cells).toHaveLength(2);
    expect(cells[0]?.value).toBe("4020.64");
  });

  test("an identical question over the same versions is answered from the first release", async () => {
    const answer = await network.call<{ cached: boolean }>("ministry", "POST", "/api/v1/requests", draftOf());
    expect(answer.cached).toBe(true);
  });

  test("a question that is to be kept longer is another one: the policy decides on it anew", async () => {
    const longer = { ...draftOf(), retentionDays: 4_000 };
    const answer = await network.call<{ id: string; cached: boolean }>("ministry", "POST", "/api/v1/requests", longer);
    expect(answer.cached).toBe(false);
    const { assets } = await network.state(answer.id, ["cancelled"]);
    expect(assets.map(({ outcome }) => outcome)).toEqual(PROVIDERS.map(() => "refuse"));
  });

  test("a purpose outside the policy is refused with its reason, and the request ends", async () => {
    const request = await network.submit({ purpose: { code: "enforcement", text: "fines" } });
    const view = await network.state(request, ["cancelled"]);
    expect(view.reasons).toEqual(["no-agreement"]);
    expect(view.assets.map(({ outcome }) => outcome)).toEqual(PROVIDERS.map(() => "refuse"));
    expect(view.assets[0]?.reasons.join()).toContain("purpose");
  });

  test("a request that would tell one organisation apart from an earlier release is refused by history", async () => {
    const request = await network.submit({ assets: PROVIDERS.slice(0, 4).map((member) => `${member}:panel`) });
    const view = await network.state(request, ["released", "withheld", "failed", "cancelled"]);
    expect(view).toMatchObject({ state: "failed", reasons: ["history"] });
  });

  test("a lying member is refused and named: malformed, oversized, foreign and out-of-cohort messages", async () => {
    const { computations } = await network.call<{ computations: { computation: string; state: string }[] }>(
      "alpha",
      "GET",
      "/api/v1/computations",
    );
    const { computation } = computations.at(-1)!;
    const request = await network.submit({
      query: {
        ...SUM_BY_YEAR,
        groupBy: [{ element: "year" }],
        measures: [
          { id: "hostile", statistic: { kind: "sum", element: "output-value" } },
          { id: "hostile-count", statistic: { kind: "count" } },
        ],
      },
    });
    const opened = await openedComputation(network, request);
    const say = async (member: string, about: string, body: object) => {
      const { services } = network.net.node(member);
      const call = {
        method: "POST" as const,
        path: `/peer/v1/computations/${about}/messages`,
        body,
        response: Type.Any(),
        // The coordinator says 503 until it has read the opening on its own replica.
        attempts: 8,
      };
      return await services.peers.call(await services.members.target("operator"), call).then(
        () => "accepted",
        (error: unknown) => (error as { answer?: { status: number } }).answer?.status,
      );
    };
    const noise = "A".repeat(43);
    expect(await say("beta", opened, { type: "keys", computation: opened, keys: {} })).toBe(400);
    expect(await say("beta", opened, { type: "contribution-2", computation: opened, words: "A".repeat(100_000) })).toBe(
      413,
    );
    expect(await say("beta", opened, { type: "nonsense", computation: opened })).toBe(400);
    expect(await say("beta", opened, { type: "keys", computation, keys: { statement: noise } })).toBe(400);
    expect(await say("bureau", opened, { type: "keys", computation: opened, keys: {} })).toBe(403);
    expect(await network.state(request, ["released", "failed"])).toMatchObject({ state: "released" });
    const { faults } = await network.call<{ faults: { member: string; reason: string }[] }>(
      "operator",
      "GET",
      `/api/v1/computations/${opened}`,
    );
    expect(faults).toContainEqual(expect.objectContaining({ member: "beta", reason: "oversized-message" }));
  });

  test("everything wrong with a request is said at once, and nothing of it is kept", async () => {
    const kept = async () => {
      const drafts: string[] = [];
      for await (const [id] of network.net.node("ministry").services.openStore("filed-drafts").entries())
        drafts.push(id);
      return drafts;
    };
    const before = await kept();
    const { problem } = await network
      .call("ministry", "POST", "/api/v1/requests", { ...draftOf(), coordinator: "bureau", assets: ["alpha:none"] })
      .then(
        () => {
          throw new Error("was accepted");
        },
        (error: unknown) => error as { problem: { code: string; errors: readonly { field: string }[] } },
      );
    expect(problem.code).toBe("ERR_REQUEST_INVALID");
    expect(problem.errors.map(({ field }) => field)).toEqual(expect.arrayContaining(["coordinator", "assets.0"]));
    expect(await kept()).toEqual(before);
  });

  test("every use is in the provider's access log before anything left", async () => {
    const { accessLog } = network.net.node("alpha").services;
    const entries = await accessLog.read(0, accessLog.size());
    const uses = entries.filter(({ event }) => event.outcome === "contributed");
    expect(uses.length).toBeGreaterThanOrEqual(5);
    expect(uses.every(({ event }) => event.actor === "ministry" && event.target.startsWith("alpha:panel#1"))).toBe(
      true,
    );
  });

  test("no secret is left in the in-flight folders", async () => {
    for (const [member, node] of network.net.nodes) {
      const names = await node.services.inflight.names();
      expect({ member, names: names.filter((name) => name.endsWith("-member")) }).toEqual({ member, names: [] });
    }
  });

  test("no message held a private value", () => {
    expect(inspected).toBeGreaterThan(100);
    expect(leaks).toEqual([]);
  });
});
