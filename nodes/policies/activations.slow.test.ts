/** Policies of a real node: on their day, after a second person, and once whatever a crash cuts off. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type PolicyDraft, policyOf } from "../../policies/model/policy-of.ts";
import { personToken } from "../http/person-token.ts";
import type { ActivationView } from "../http/routes/activations/activations.ts";
import type { NodeServices } from "../runtime/services.ts";
import { createTestnet, type Testnet } from "../testnet/testnet.ts";
import { createActivations } from "./activations.ts";

let net: Testnet;
beforeAll(async () => {
  net = await createTestnet({
    members: [
      { id: "operator", kind: "industry" },
      { id: "alpha", kind: "enterprise" },
      { id: "beta", kind: "enterprise" },
      { id: "gamma", kind: "enterprise" },
    ],
    config: { stewards: ["li", "wang"], reviewers: ["zhao"] },
  });
  const path = join(net.dir, "output.csv");
  await writeFile(path, "year,output\n2024,10.5\n2025,12.0\n");
  for (const member of ["alpha", "beta", "gamma"]) {
    const field = {
      name: "output",
      element: "output",
      type: "decimal",
      scale: 1,
      bounds: { minimum: "0", maximum: "99" },
    };
    const description = {
      id: `${member}:table`,
      title: { en: "Output" },
      keywords: [],
      fields: [field],
      codeTables: {},
      unit: { kind: "provider" },
      unitDomain: member,
      grade: { legal: "general", level: "L1" },
    };
    await net.node(member).services.assets.register({ description, source: { kind: "csv", path } });
  }
});
afterAll(() => net.close());

const draftOf = (member: string, purpose: string): PolicyDraft => ({
  id: `${member}:policy`,
  version: 1,
  asset: `${member}:table`,
  provider: member,
  purposes: [purpose],
  requesterKinds: ["government"],
  validUntil: "2099-12-31T00:00:00Z",
  receiverModes: ["direct"],
  approval: "none",
  aggregate: { output: ["sum"] },
});
const policy = (member: string, purpose: string) => policyOf(draftOf(member, purpose));

/** A node as configured, except that so many persons decide, and that its clock may stand at an instant. */
const withPersons = (member: string, persons: number, change: Partial<NodeServices["assets"]> = {}, at?: string) => {
  const { services } = net.node(member);
  const config = () => ({ ...services.config(), policies: { persons } });
  const now = at === undefined ? services.now : () => at;
  return createActivations({ ...services, config, now, assets: { ...services.assets, ...change } });
};
const inForce = async (member: string) => {
  const own = await net.node(member).services.assets.find(`${member}:table`);
  return [own!.policyVersion, own!.policy === undefined ? undefined : own!.policyDigest];
};
async function call(token: (own: string) => string, method: string, path: string, body?: unknown) {
  const { address, token: own } = net.node("alpha");
  const authorization = `Bearer ${token(own)}`;
  const sent =
    body === undefined
      ? { headers: { authorization } }
      : { headers: { authorization, "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(`${address.api}/api/v1${path}`, { method, ...sent });
  return { status: answer.status, value: (await answer.json()) as ActivationView & { code: string } };
}
const person = (name: string) => (own: string) => personToken(own, name);
const operator = (own: string) => own;

test("a policy comes in force at once where one person decides, and a dated one waits, over a restart", async () => {
  const asset = "/assets/alpha:table/policy/activations";
  const first = await call(person("li"), "POST", asset, { policy: policy("alpha", "first") });
  expect([first.status, first.value.state, first.value.version]).toEqual([201, "active", 2]);
  const misspelt = policyOf({ ...draftOf("alpha", "first"), aggregate: { outptu: ["sum"] }, requesters: ["nobody"] });
  const waiting = await call(operator, "POST", asset, { policy: misspelt, from: "2099-01-01T00:00:00Z" });
  expect(waiting.value).toMatchObject({
    state: "scheduled",
    remarks: [
      { field: "sealane:element", code: "policy-element-unknown", parameters: { element: "outptu", known: "output" } },
      { field: "sealane:requester", code: "policy-member-unknown", parameters: { member: "nobody" } },
    ],
  });
  await call(operator, "POST", `/policies/activations/${waiting.value.id}/withdraw`, { reason: "misspelt" });
  const from = "2098-01-01T00:00:00Z";
  const dated = await call(operator, "POST", asset, { policy: policy("alpha", "second"), from });
  expect([dated.value.state, dated.value.approvals.map(({ by }) => by)]).toEqual(["scheduled", ["alpha/operator"]]);
  expect((await call(operator, "POST", asset, { policy: policy("alpha", "second"), from })).value.id).toBe(
    dated.value.id,
  );

  // Who may not, and what is no policy or no day of it.
  expect((await call(person("zhao"), "POST", asset, { policy: policy("alpha", "x") })).status).toBe(403);
  expect((await call(person("li"), "GET", "/assets")).status).toBe(403);
  expect((await call(operator, "POST", asset, { policy: {} })).status).toBe(400);
  expect(
    (await call(operator, "POST", asset, { policy: policy("alpha", "x"), from: "2100-01-01T00:00:00Z" })).status,
  ).toBe(400);
  const past = { policy: policy("alpha", "past"), from: "2020-01-01T00:00:00Z" };
  expect(await call(operator, "POST", asset, past)).toMatchObject({
    status: 400,
    value: { errors: [{ field: "from", code: "activation-past" }] },
  });
  const unknown = "/policies/activations/00000000-0000-4000-8000-000000000000/approve";
  expect((await call(operator, "POST", unknown)).status).toBe(404);

  await net.stop("alpha");
  await net.start("alpha");
  const path = `/policies/activations/${dated.value.id}`;
  expect((await call(person("wang"), "GET", path)).value.state).toBe("scheduled");
  const gone = await call(person("wang"), "POST", `${path}/withdraw`, { reason: "a better one follows" });
  expect([gone.value.state, gone.value.endedBy]).toEqual(["withdrawn", "alpha/wang"]);
  expect((await call(operator, "POST", `${path}/approve`)).status).toBe(409);
  expect((await inForce("alpha"))[0]).toBe(2);
});

test("a dated policy comes in force on its day, not before, also where the node was away on it; then only once", async () => {
  const from = "2098-01-01T00:00:00Z";
  const [eve, day, later] = ["2097-12-31T23:59:59Z", from, "2098-01-09T00:00:00Z"];
  const proposing = withPersons("gamma", 1);
  const { activation } = await proposing.propose("gamma:table", policy("gamma", "dated"), { by: "gamma/li", from });
  const next = { by: "gamma/li", from: "2098-01-05T00:00:00Z" };
  const { activation: second } = await proposing.propose("gamma:table", policy("gamma", "next"), next);
  await proposing.stop();
  const seen = [];
  for (const now of [eve, day, day, later, later]) {
    const started = withPersons("gamma", 1, {}, now);
    await started.start();
    const states = [(await started.show(activation.id)).activation, (await started.show(second.id)).activation];
    seen.push([...states.map(({ state }) => state), ...(await inForce("gamma"))]);
    await started.stop();
  }
  const first = ["active", "scheduled", 2, activation.policyDigest];
  const both = ["active", "active", 3, second.policyDigest];
  expect(seen[0]!.slice(0, 3)).toEqual(["scheduled", "scheduled", 1]);
  expect(seen.slice(1)).toEqual([first, first, both, both]);
});

test("where two persons decide, nobody puts a policy in force alone", async () => {
  const activations = withPersons("beta", 2);
  const { activation } = await activations.propose("beta:table", policy("beta", "two"), { by: "beta/li" });
  expect([activation.state, (await inForce("beta"))[0]]).toEqual(["waiting", 1]);
  await expect(activations.approve(activation.id, "beta/li")).rejects.toMatchObject({
    code: "ERR_ACTIVATION_SAME_PERSON",
  });
  expect((await activations.approve(activation.id, "beta/wang")).activation).toMatchObject({
    state: "active",
    version: 2,
  });
  expect(await inForce("beta")).toEqual([2, activation.policyDigest]);
  await activations.stop();
  // Everybody's ledger says who agreed.
  await net.settled();
  const recorded = [];
  for await (const { transaction } of net.node("alpha").services.ledger.entries(0)) {
    const { type, body } = transaction.statement;
    if (type === "policy.activate") recorded.push(body as { policyDigest: string });
  }
  expect(recorded.filter(({ policyDigest }) => policyDigest === activation.policyDigest)).toMatchObject([
    { asset: "beta:table", version: 2, approvedBy: ["beta/li", "beta/wang"] },
  ]);
});

test("an activation that a crash cut off is finished once: before the ledger had it, and after", async () => {
  const before = withPersons("beta", 1, { activate: () => new Promise(() => undefined) });
  // Never answered: the node is killed while it waits.
  void before.propose("beta:table", policy("beta", "cut"), { by: "beta/li" });
  await expect
    .poll(async () => (await withPersons("beta", 1).list())[0]?.state, { timeout: 20_000 })
    .toBe("activating");
  expect((await inForce("beta"))[0]).toBe(2);
  const next = withPersons("beta", 1);
  await next.start();
  expect([(await next.list())[0]?.state, (await inForce("beta"))[0]]).toEqual(["active", 3]);

  const { assets } = net.node("beta").services;
  const lost = withPersons("beta", 1, {
    async activate(...given) {
      await assets.activate(...given);
      throw new Error("killed");
    },
  });
  const { activation } = await lost.propose("beta:table", policy("beta", "lost"), { by: "beta/li" });
  await lost.stop();
  expect([activation.state, (await inForce("beta"))[0]]).toEqual(["activating", 4]);
  // Another policy is set before the node looks: what had its version keeps it, and nothing is put back.
  await assets.setPolicy("beta:table", policy("beta", "newer"));
  await withPersons("beta", 1).start();
  const after = (await withPersons("beta", 1).show(activation.id)).activation;
  expect([after.state, (await inForce("beta"))[0]]).toEqual(["active", 5]);
});
