/** Releases with noise: what comes out, what it costs, and what happens when nothing is left. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Static } from "typebox";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { EvidenceBundle } from "../../ledger/audit/bundle.ts";
import type { ResultDocument } from "../../ledger/audit/result.ts";
import { verifyEvidence } from "../../ledger/audit/verify.ts";
import type { Policy } from "../../policies/model/policy.ts";
import { sealane } from "../cli/_transcript.ts";
import type { PrivacyView } from "../http/routes/assets/privacy.ts";
import { exportTrust } from "../runtime/network/trust.ts";
import { createNetwork, type Network, TOTAL } from "./_network.ts";

const PRIVACY = { epsilon: "2", budget: "4", clips: [{ element: "output-value", minimum: "0", maximum: "12000" }] };
let network: Network;
beforeAll(async () => {
  network = await createNetwork({ policy: () => ({ counts: "closed", privacy: PRIVACY }) });
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
});

const budgetOf = (asset: string, at: string) =>
  network.call<Static<typeof PrivacyView>>(at, "GET", `/api/v1/assets/${asset}/privacy`);
/** Each asks something else: an equal question is answered with what was released. */
const asking = (id: string) => ({ query: { ...TOTAL, measures: [{ ...TOTAL.measures[0]!, id }] } });

async function released(request: string): Promise<ResultDocument> {
  await network.state(request, ["released"]);
  const { outcome } = await network.call<{ outcome: { document: ResultDocument } }>(
    "ministry",
    "GET",
    `/api/v1/requests/${request}/result`,
  );
  return outcome.document;
}

const openingIn = (opened: EvidenceBundle["body"]["opened"]) => opened.record.transaction.statement.body;
const EXACT = 40_925.1;

test("a figure differs from the exact one by noise of the stated error; cost and budget are shown; the evidence holds", async () => {
  await expect(budgetOf("alpha:none", "alpha")).rejects.toThrow("ERR_ASSET_NO_PRIVACY");
  const before = await budgetOf("alpha:panel", "alpha");
  expect(before).toMatchObject({ delta: "0.000001", spent: "0", next: { epsilon: "2" } });
  expect(Number(before.budget)).toBeCloseTo(4, 4);
  const request = await network.submit(asking("output"));
  const document = await released(request);
  const [cell] = document.cells;
  const error = Number(cell!.standardError);
  // Five of five, none may drop: an honest share is a fifth, of 12,000 at ρ of ε 2.
  expect(error).toBeGreaterThan(20_000);
  expect(error).toBeLessThan(60_000);
  expect(cell!.value).not.toBe(String(EXACT));
  expect(Math.abs(Number(cell!.value) - EXACT)).toBeLessThan(7 * error);
  expect(document.privacy!.cost).toBeGreaterThan(0);
  const after = await budgetOf("alpha:panel", "bureau");
  expect(Number(after.spent)).toBeCloseTo(2, 4);
  expect(after.accounts).toEqual([
    { account: "alpha:panel", budget: before.accounts[0]!.budget, spent: document.privacy!.cost },
  ]);
  const evidence = await network.call<EvidenceBundle>("ministry", "GET", `/api/v1/requests/${request}/evidence`);
  const trust = await exportTrust(network.net.node("beta").services);
  const report = verifyEvidence(evidence, trust);
  expect(report.checks.find(({ id }) => id === "privacy")).toMatchObject({ status: "passed" });
  expect(report.verdict).toBe("verified");

  // Less noise than is paid for, more than is said of it, or none where the policies want it.
  const lies: ((body: EvidenceBundle["body"]) => void)[] = [
    ({ outcome }) =>
      outcome.kind === "released" && Object.assign(outcome.result.document.cells[0]!, { standardError: "9" }),
    ({ opened }) => Object.assign(openingIn(opened).privacy!, { cost: openingIn(opened).privacy!.cost - 10_000 }),
    ({ opened }) => Object.assign(openingIn(opened), { privacy: undefined }),
  ];
  for (const lie of lies) {
    const bundle = structuredClone(evidence);
    lie(bundle.body);
    const { checks } = verifyEvidence(JSON.parse(JSON.stringify(bundle)), trust);
    expect(checks.find(({ id }) => id === "privacy")).toMatchObject({ status: "failed" });
  }
});

test("the command line says what is left and what a release costs, and a result its standard error, in both languages", async () => {
  const dir = (member: string) => join(network.net.dir, member);
  const run = (member: string, line: string) => sealane(`${line} --dir ${dir(member)}`, { cwd: network.net.dir });
  const english = await run("alpha", "asset privacy alpha:panel");
  expect([english.exitCode, english.stderr]).toEqual([0, ""]);
  expect(english.stdout).toMatch(/alpha:panel[\s\S]*2 at δ 0\.000001/);
  const { stdout: chinese } = await run("alpha", "asset privacy alpha:panel --lang zh-CN");
  for (const row of chinese.trim().split("\n")) expect(row).toMatch(/[\u4e00-\u9fff]/);
  const object = JSON.parse((await run("bureau", "asset privacy alpha:panel --json")).stdout);
  expect(object).toMatchObject({ asset: "alpha:panel", delta: "0.000001", accounts: [{ account: "alpha:panel" }] });
  expect((await run("alpha", "asset privacy alpha:nothing")).exitCode).toBe(1);

  const { requests } = await network.call<{ requests: { id: string }[] }>("ministry", "GET", "/api/v1/requests");
  const told = await run("ministry", `request result ${requests[0]!.id}`);
  expect(told.stdout).toMatch(/-?\d[\d.]* ± \d[\d.]*[\s\S]*standard error[\s\S]*ε 2 at δ 0\.000001/);
  expect((await run("ministry", `request result ${requests[0]!.id} --lang zh-CN`)).stdout).toContain("标准误差");
});

test("of many requests at once, over a stop, as many are released as the budget holds; the others are refused by name", async () => {
  const { accounts, left } = await budgetOf("alpha:panel", "alpha");
  const cost = accounts[0]!.spent;
  const more = Math.floor((accounts[0]!.budget - cost) / cost);
  expect(Number(left)).toBeGreaterThan(0);
  // All of them wait for one provider, and come to it together.
  await network.net.stop("beta");
  const requests = await Promise.all(Array.from({ length: more + 5 }, (_, i) => network.submit(asking(`output-${i}`))));
  await network.net.start("beta");
  const spent = async () => (await budgetOf("alpha:panel", "alpha")).accounts[0]!.spent;
  const until = Date.now() + 240_000;
  const views = () =>
    Promise.all(
      requests.map((id) =>
        network.call<{ state: string; reasons?: string[]; assets: { reasons: string[] }[] }>(
          "ministry",
          "GET",
          `/api/v1/requests/${id}`,
        ),
      ),
    );
  for (;;) {
    const present = await views();
    if (present.every(({ state }) => ["released", "cancelled"].includes(state)) || Date.now() > until) break;
    await sleep(200);
  }
  const states = await views();
  expect(states.filter(({ state }) => state === "released")).toHaveLength(more);
  for (const { state, reasons, assets } of states) {
    if (state === "released") continue;
    // Decided when nothing was left, or too late for the ledger.
    const said = [...(reasons ?? []), ...assets.flatMap((one) => one.reasons)];
    expect([state, said]).toEqual(["cancelled", expect.arrayContaining(["privacy-budget-spent"])]);
  }
  expect(await spent()).toBe(cost * (1 + more));
  // Whoever asks now is told why.
  const late = await network.submit(asking("late"));
  const view = await network.state(late, ["cancelled"]);
  expect(view.assets.flatMap(({ reasons }) => reasons)).toContain("privacy-budget-spent");
});

test("a policy without noise over a table that has a budget is remarked on, and its provider refuses by that name", async () => {
  const path = "/api/v1/assets/alpha:panel/policy";
  const { policy } = await network.call<{ policy: Policy }>("alpha", "GET", path);
  const [use, ...others] = policy.permission;
  const constraint = use!.constraint!.filter(({ leftOperand }) => leftOperand !== "sealane:privacy");
  const exact = { ...policy, "sealane:version": 2, permission: [{ ...use!, constraint }, ...others] };
  const set = await network.call<{ remarks: { code: string }[] }>("alpha", "PUT", path, { policy: exact });
  expect(set.remarks.map(({ code }) => code)).toEqual(["privacy-account"]);
  const view = await network.state(await network.submit(asking("exact")), ["cancelled"]);
  expect(view.assets.find(({ asset }) => asset === "alpha:panel")).toMatchObject({
    outcome: "refuse",
    reasons: ["privacy-account"],
  });
});
