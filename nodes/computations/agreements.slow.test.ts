/** Policies that come back, and agreements as both sides list them. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { readComputationOpened, readRequestComputation } from "../../chaincode/rules/keys.ts";
import { verifyEvidenceFile } from "../../ledger/audit/verify.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import { createNetwork, defaultPolicy, type Network, PROVIDERS } from "./_network.ts";

let network: Network;
beforeAll(async () => {
  network = await createNetwork({ logLevel: process.env.LOG ?? "silent" });
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
});

async function setPolicy(member: string, policy: object): Promise<void> {
  const { address, token } = network.net.node(member);
  const answer = await fetch(`${address.api}/api/v1/assets/${member}:panel/policy`, {
    method: "PUT",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ policy }),
  });
  expect(answer.status).toBe(200);
}

test("evidence shows the activation in force where a policy was replaced and came back", async () => {
  const first = defaultPolicy("alpha");
  for (const draft of [{ ...first, version: 2, countUnits: false }, first]) {
    await setPolicy("alpha", policyOf(draft));
  }
  const request = await network.submit();
  expect(await network.state(request, ["released", "failed", "cancelled"])).toMatchObject({ state: "released" });
  const { address, token } = network.net.node("ministry");
  const answer = await fetch(`${address.api}/api/v1/requests/${request}/evidence`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const report = verifyEvidenceFile(bytes, await network.call("ministry", "GET", "/api/v1/trust"));
  expect(report.checks.filter(({ status }) => status === "failed")).toEqual([]);
  expect(report.verdict).toBe("verified");
  const { body } = JSON.parse(Buffer.from(bytes).toString("utf8"));
  expect(body.assets[0].policy.transaction.statement.body).toMatchObject({ asset: "alpha:panel", version: 3 });
  expect(body.assets[1]).not.toHaveProperty("policy");
  expect(body.agreements[0].document["sealane:request"]).toEqual({
    id: request,
    digest: body.submitted.record.transaction.statement.body.digest,
  });
});

test("both sides end in the DSP state FINALIZED, to the end of the last day in Asia/Shanghai", async () => {
  const request = await network.submit({
    validity: { from: "2026-01-01", to: "2098-06-30" },
    query: { measures: [{ id: "units", statistic: { kind: "count" } }], groupBy: [], filters: [] },
  });
  const list = async (member: string) =>
    (
      await network.call<{ agreements: { request: string; state: string; validUntil: string }[] }>(
        member,
        "GET",
        "/api/v1/agreements",
      )
    ).agreements.filter((one) => one.request === request);
  await network.state(request, ["released"]);
  await expect.poll(async () => (await list("ministry")).filter(({ state }) => state !== "FINALIZED")).toEqual([]);
  const agreements = [...(await list("ministry")), ...(await list("beta"))];
  expect(agreements.map(({ state }) => state)).toEqual(Array(PROVIDERS.length + 1).fill("FINALIZED"));
  for (const { validUntil } of agreements) expect(validUntil).toBe("2098-06-30T15:59:59.999Z");
});

test("of requests that come at the same time a quota of two more serves exactly two; the third goes on without it", async () => {
  // Two were served before.
  await setPolicy("alpha", policyOf({ ...defaultPolicy("alpha"), version: 4, uses: 4 }));
  const sum = (element: string, groupBy: object[] = []) => ({
    measures: [{ id: "sum", statistic: { kind: "sum", element } }],
    groupBy,
    filters: [],
  });
  const queries = [sum("tax-paid"), sum("output-value", [{ element: "year" }]), sum("tax-paid", [{ element: "year" }])];
  const requests = await Promise.all(queries.map((query) => network.submit({ query })));
  const { ledger } = network.net.node("ministry").services;
  const cohorts = [];
  for (const request of requests) {
    // Without one organisation a sum may have to be withheld, beside those with all.
    await network.state(request, ["released", "withheld"]);
    const computation = await readRequestComputation(ledger, request);
    const opened = await readComputationOpened(ledger, computation!.computation);
    cohorts.push(opened!.body.cohort.map(({ member }) => member));
  }
  expect(cohorts.filter((members) => members.includes("alpha"))).toHaveLength(2);
  expect(cohorts.map(({ length }) => length).sort()).toEqual([
    PROVIDERS.length - 1,
    PROVIDERS.length,
    PROVIDERS.length,
  ]);
});
