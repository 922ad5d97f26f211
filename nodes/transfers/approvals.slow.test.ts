/** Records that a policy leaves to the provider's steward, between nodes over real TLS, decided on at the command line. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readReleaseDecision } from "../../chaincode/rules/keys.ts";
import { sealane } from "../cli/_transcript.ts";
import type { PendingView } from "../http/routes/transfers/approvals.ts";
import {
  BEHIND_NAT,
  CONSUMER,
  createPair,
  type Pair,
  PROVIDER,
  policyFor,
  releasedText,
  type TransferView,
} from "./_pair.ts";

const WEEK_MS = 7 * 86_400_000;
const ROWS = 20;
let pair: Pair;
let asset: string;
beforeAll(async () => {
  pair = await createPair(1);
  asset = await pair.offer("left-to-a-person", ROWS, {}, { approval: "steward" });
}, 240_000);
afterAll(() => pair.close());

const at = (member: string, line: string) =>
  sealane(`${line} --dir ${join(pair.net.dir, member)}`, { cwd: pair.net.dir });
async function json<T>(member: string, line: string): Promise<T> {
  const { stdout, stderr } = await at(member, `${line} --json`);
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout) as T;
}
const pending = async () => (await json<{ approvals: readonly PendingView[] }>(PROVIDER, "transfer pending")).approvals;
const shown = (member: string, id: string) => json<TransferView>(member, `transfer show ${id}`);

/** Asks for the records, and waits until that lies before the steward. */
async function asked(
  member: string,
  want: object = {},
): Promise<{ readonly id: string; readonly negotiation: string }> {
  const before = (await pending()).map(({ negotiation }) => negotiation);
  const { transfer: id } = await pair.json(member, "POST", "/transfers", { asset, ...want });
  let found: readonly PendingView[] = [];
  await expect
    .poll(async () => {
      found = (await pending()).filter(({ negotiation }) => !before.includes(negotiation));
      return found.length;
    })
    .toBe(1);
  return { id, negotiation: found[0]!.negotiation };
}
async function decision(member: string, negotiation: string) {
  return (await readReleaseDecision(pair.net.node(member).services.ledger, PROVIDER, negotiation))?.decision;
}

test("P-approval: records wait, over a restart of their provider, and leave once its steward has approved", async () => {
  const { id, negotiation } = await asked(CONSUMER);
  await expect.poll(() => shown(CONSUMER, id)).toMatchObject({ state: "NEGOTIATING", reason: "approval-pending" });
  const [before] = await pending();
  expect(before).toMatchObject({
    ...{ negotiation, consumer: CONSUMER, asset, assetVersion: 1 },
    columns: [
      { name: "year", element: "year" },
      { name: "output", element: "output-value" },
    ],
    formats: ["HttpData-PULL", "HttpData-PUSH"],
    declared: { territory: "CN" },
  });
  await pair.net.stop(PROVIDER);
  await pair.net.start(PROVIDER);
  expect(await pending()).toEqual([before]);
  const human = await at(PROVIDER, "transfer pending");
  expect(human.stdout).toMatch(/year, output/);

  // Whoever asks has no word on it.
  expect(await at(CONSUMER, `transfer approve ${negotiation}`)).toMatchObject({ exitCode: 1, stdout: "" });
  expect(await shown(CONSUMER, id)).toMatchObject({ state: "NEGOTIATING" });
  expect(await json(PROVIDER, `transfer approve ${negotiation}`)).toEqual({
    negotiation,
    outcome: "permit",
    reasons: ["all-rules-permit"],
  });
  await pair.state(CONSUMER, id, ["STARTED"]);
  const answer = await pair.api(CONSUMER, "GET", `/transfers/${id}/data`);
  expect([answer.status, await answer.text()]).toEqual([200, releasedText(ROWS)]);
  expect(await pending()).toEqual([]);

  await pair.net.settled();
  for (const member of [CONSUMER, PROVIDER]) {
    expect(await decision(member, negotiation)).toMatchObject({
      ...{ outcome: "permit", asset, assetVersion: 1, consumer: CONSUMER },
      decidedBy: `${PROVIDER}/operator`,
    });
  }
  const { accessLog } = pair.net.node(PROVIDER).services;
  const calls = await accessLog.read(0, accessLog.size());
  expect(calls.map(({ event }) => event)).toContainEqual(
    expect.objectContaining({ actor: `${PROVIDER}/operator`, target: negotiation, outcome: "200" }),
  );
  expect((await at(CONSUMER, "ledger show")).stdout).toMatch(new RegExp(`release\\.decide +${PROVIDER}`));
  await json(CONSUMER, "trust export --out trust.json");
  expect(await json(CONSUMER, "audit ledger --trust trust.json")).toMatchObject({ verdict: "verified" });
  // The agreement is used again, and nobody is asked again.
  const again = await pair.begin({ asset, format: "HttpData-PUSH" }, ["COMPLETED"]);
  const { agreement } = await shown(CONSUMER, id);
  expect(again.agreement).toBe(agreement);
  for (const member of [CONSUMER, PROVIDER]) {
    const { agreements } = await json<{ agreements: readonly { agreement: string }[] }>(member, "agreement list");
    const standing = { agreement, use: "records", asset, provider: PROVIDER, consumer: CONSUMER, state: "FINALIZED" };
    expect(agreements.filter((one) => one.agreement === agreement)).toMatchObject([standing]);
    expect(await json(member, `agreement show ${String(agreement)}`)).toMatchObject({
      ...standing,
      negotiation: { state: "FINALIZED" },
    });
  }
});

test("P-approval: a refusal ends it with the steward's words, for a consumer that takes no calls too", async () => {
  const words = "Not before the audit is over.";
  const { id, negotiation } = await asked(BEHIND_NAT);
  expect(await at(PROVIDER, `transfer refuse ${negotiation}`)).toMatchObject({ exitCode: 2 });
  expect(await json(PROVIDER, `transfer refuse ${negotiation} --reason "${words}"`)).toMatchObject({
    outcome: "refuse",
  });
  await expect
    .poll(() => shown(BEHIND_NAT, id))
    .toMatchObject({ state: "REFUSED", reason: "approval-refused", details: [words] });
  expect((await at(BEHIND_NAT, `transfer show ${id}`)).stdout).toContain(words);
  expect((await at(PROVIDER, `transfer approve ${negotiation}`)).exitCode).toBe(1);
  expect(await decision(PROVIDER, negotiation)).toMatchObject({ outcome: "refuse", reasons: ["approval-refused"] });
});

test("P-approval: a new policy ends what waits, and stops what was approved under the old one", async () => {
  const { id, negotiation } = await asked(BEHIND_NAT);
  const { transfer: running } = await pair.begin({ asset });
  // In a word that has nothing to do with the release.
  const policy = { approval: "steward", minimumOrganisations: 4 } as const;
  await pair.net.node(PROVIDER).services.assets.setPolicy(asset, policyFor("left-to-a-person", {}, 2, policy));
  await expect.poll(() => shown(BEHIND_NAT, id)).toMatchObject({ state: "REFUSED", reason: "policy-replaced" });
  expect((await at(PROVIDER, `transfer approve ${negotiation}`)).exitCode).toBe(1);
  const refused = await pair.api(CONSUMER, "GET", `/transfers/${running}/data`);
  expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining("policy-replaced")]);
  // What was approved is asked for anew.
  const { negotiation: anew } = await asked(CONSUMER);
  await json(PROVIDER, `transfer approve ${anew}`);
  await expect.poll(pending).toEqual([]);
});

test("P-approval: nobody's word in time ends it", async () => {
  const { id, negotiation } = await asked(BEHIND_NAT);
  pair.clock.moveTo(pair.clock.time() + WEEK_MS);
  await expect.poll(() => shown(BEHIND_NAT, id)).toMatchObject({ state: "REFUSED", reason: "approval-not-given" });
  expect((await at(PROVIDER, `transfer approve ${negotiation}`)).exitCode).toBe(1);
  expect(await decision(PROVIDER, negotiation)).toBeUndefined();
});
