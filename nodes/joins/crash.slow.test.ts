/** kill -9 of each party to a join, between its calls: every run ends, none is told twice or otherwise, and none is forgotten. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countJoins, readJoinEnded } from "../../chaincode/rules/keys.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { JOIN_REASONS } from "../../exchange/joins/run.ts";
import { verifyEvidence } from "../../ledger/audit/verify.ts";
import { createFront } from "../attacks/_front.ts";
import { COMMON, createJoined, type Joined, type JoinView, LIST, SUMS } from "./_joined.ts";
import { type Moment, overhear, type Struck, striking, struckNode, type Told } from "./_struck.ts";

const around = (method: string, path: RegExp): readonly Moment[] => [
  ["before", method, path],
  ["after", method, path],
];
/** Before a call is after the one before it. */
const COUNTED: readonly Moment[] = [
  ...around("POST", /\/joins\/[^/]+$/),
  ["after", "PUT", /\/asker\/0$/],
  ["after", "GET", /\/holder\/0$/],
  ["after", "PUT", /\/again\/0$/],
  ["after", "GET", /\/answer\/0$/],
  ["after", "DELETE", /\/joins\/[^/]+$/],
];
const MATCHED: readonly Moment[] = [
  ...around("POST", /\/matches\/[^/]+$/),
  ...around("PUT", /\/matches\/[^/]+\/0$/),
  ...around("GET", /\/matches\/[^/]+$/),
];
const named = (moments: readonly Moment[]) =>
  moments.map((moment) => [`${moment[0]} ${moment[1]} ${moment[2].source}`, moment] as const);

const TERMS = { operations: ["intersection", "statistics"], leastItems: 20, minimumGroup: 5, runs: 40 } as const;
const WHOM: readonly { readonly what: string; readonly member: string; readonly moments: readonly Moment[] }[] = [
  { what: "the provider", member: "alpha", moments: COUNTED },
  { what: "the requester", member: "ministry", moments: COUNTED },
  { what: "the coordinator", member: "hub", moments: MATCHED },
];

describe.each(WHOM)("killed: $member", ({ member, moments }) => {
  const isMatched = member === "hub";
  const front = createFront();
  let joined: Joined;
  let struck: Struck;
  let request: string;
  let told: Told;

  beforeAll(async () => {
    const fronted = isMatched ? "hub" : "alpha";
    const [operator, ...others] = [
      { id: "operator", kind: "industry" },
      { id: "hub", kind: "industry" },
      { id: "ministry", kind: "government" },
      { id: "bureau", kind: "government" },
      { id: "alpha", kind: "enterprise", attributes: { sector: "17" }, reachable: true },
    ] as const;
    joined = await createJoined(
      { ...TERMS, operations: [...TERMS.operations] },
      { fronts: { [fronted]: front.open }, members: [operator!, ...others] },
    );
    const draft = { coordinator: "hub" };
    request = isMatched
      ? await joined.ask({ operation: "statistics", labels: ["north", "south"] }, { ...draft, query: SUMS })
      : await joined.ask({ operation: "intersection" }, draft);
    told = overhear(front);
    struck = await struckNode(joined.network.net, member);
  });
  afterAll(async () => {
    await struck?.strike();
    await joined?.[Symbol.asyncDispose]();
  });
  const items = isMatched ? LIST : undefined;

  test.each(named(moments))(
    "%s, the run ends as the ledger says, and is told once at most",
    async (_name, moment) => {
      const over = striking(front, struck, moment);
      // The requester may be gone before it has answered.
      const begun = await joined.begin(request, items).catch(() => undefined);
      await over;
      await struck.start();
      const { run, number } = begun ?? (await joined.joins(request)).at(-1)!;
      const view = (await joined.ended(request, number)) as JoinView & { release?: unknown };
      const ended = await endOf(run);
      expect(["released", "failed"]).toContain(ended?.outcome);
      const said = [...(told.released.get(run) ?? [])];
      expect(said.length).toBeLessThanOrEqual(1);
      if (said.length > 0 || told.answered.has(run)) expect(ended).toMatchObject({ outcome: "released" });
      for (const one of said) expect(one).toBe(ended?.release);
      if (view.state === "released") {
        expect(view.result?.keys).toBe(COMMON.length);
        expect(digestOf(view.release)).toBe(ended?.release);
      } else {
        expect(view.result).toBeUndefined();
        expect(JOIN_REASONS).toContain(view.reason);
      }
      // Whoever hangs up has its result.
      if (moment[1] === "DELETE") expect(view.state).toBe("released");
    },
    240_000,
  );

  test("every run counts, the next one works, all of it is in the evidence, and no file stays", async () => {
    const all = await joined.joins(request);
    expect(all).toHaveLength(moments.length);
    const { ledger } = joined.network.net.node("bureau").services;
    expect(await countJoins(ledger, (all[0] as unknown as { agreement: string }).agreement)).toBe(moments.length);
    expect(await joined.run(request, items)).toMatchObject({ state: "released", result: { keys: COMMON.length } });
    const { call } = joined.network;
    const bundle = await call("ministry", "GET", `/api/v1/requests/${request}/joins/evidence`);
    const { verdict, checks } = verifyEvidence(bundle, await call("bureau", "GET", "/api/v1/trust"));
    expect([verdict, checks.filter(({ status }) => status === "failed")]).toEqual(["verified", []]);
    await expect.poll(struck.leftovers).toEqual([]);
  });

  async function endOf(run: string) {
    const { ledger } = joined.network.net.node("bureau").services;
    for (let tries = 0; tries < 600; tries++) {
      const ended = await readJoinEnded(ledger, run);
      if (ended !== undefined) return ended.body;
      await sleep(100);
    }
    return undefined;
  }
});
