/** A steward's word on records: whose, on what, once, and what an agreement makes of it. */
import { describe, expect, test } from "vitest";
import { digest, type TestMember, uuid } from "../../ledger/conformance/fixture.ts";
import { agreementBody, agreementOf, assetBody, assetOf, foundedWorld, providers, requester } from "./_world.ts";
import { keys, readReleaseDecision } from "./keys.ts";
import type { TransactionBody } from "./transactions.ts";

const provider = providers[0]!;
const other = providers[1]!;
const NEGOTIATION = uuid("negotiation");
type Decision = TransactionBody<"release.decide">;

const decision = (changes: Partial<Decision> = {}): Decision => ({
  negotiation: NEGOTIATION,
  asset: assetOf(provider),
  assetVersion: 1,
  consumer: requester.id,
  outcome: "permit",
  reasons: ["all-rules-permit"],
  policyDigest: digest("policy"),
  policyVersion: 1,
  explanationDigest: digest("explanation"),
  decidedBy: `${provider.id}/steward`,
  ...changes,
});

async function world() {
  const world = await foundedWorld();
  for (const one of [provider, other]) await world.must(one, "asset.register", assetBody(one));
  return {
    ...world,
    decide: (changes: object = {}, author: TestMember = provider) =>
      world.submit(author, "release.decide", { ...decision(), ...changes }),
    conclude(changes: object = {}) {
      const { request: _, ...body } = agreementBody(provider, {
        agreement: agreementOf(provider, NEGOTIATION),
        policy: { digest: digest("policy"), version: 1 },
        negotiation: NEGOTIATION,
      });
      return world.submit(provider, "agreement.conclude", { ...body, ...changes });
    },
    policy: (version: number) =>
      world.must(provider, "policy.activate", {
        asset: assetOf(provider),
        version,
        policyDigest: digest(version % 2 === 0 ? "another" : "policy"),
      }),
  };
}

describe("a decision on records", () => {
  test("is the provider's, once for each negotiation, and stands", async () => {
    const { decide, state } = await world();
    expect(await decide()).toEqual({ ok: true });
    expect(await readReleaseDecision(state, provider.id, NEGOTIATION)).toMatchObject({
      provider: provider.id,
      decision: { outcome: "permit", decidedBy: `${provider.id}/steward` },
    });
    for (const outcome of ["permit", "refuse"]) {
      expect(await decide({ outcome })).toMatchObject({ code: "ERR_CONTRACT_EXISTS", field: "negotiation" });
    }
  });

  test.each<readonly [string, object, string]>([
    ["for an asset of another provider", { asset: assetOf(other) }, "ERR_CONTRACT_NOT_PERMITTED"],
    ["on an asset that is not registered", { asset: `${provider.id}:none` }, "ERR_CONTRACT_NOT_FOUND"],
    ["on another version of the asset", { assetVersion: 2 }, "ERR_CONTRACT_VERSION"],
    ["under another policy", { policyDigest: digest("another") }, "ERR_CONTRACT_POLICY"],
    ["under another version of the policy", { policyVersion: 2 }, "ERR_CONTRACT_POLICY"],
    ["for whoever is no member", { consumer: "nobody" }, "ERR_CONTRACT_UNKNOWN_MEMBER"],
    ["for the provider itself", { consumer: provider.id }, "ERR_CONTRACT_ROLES"],
    ["that leaves it open", { outcome: "wait" }, "ERR_CONTRACT_SCHEMA"],
    ["without a reason", { reasons: [] }, "ERR_CONTRACT_SCHEMA"],
    ["of nobody", { decidedBy: "" }, "ERR_CONTRACT_SCHEMA"],
    ["with words beside its digest", { explanation: "because" }, "ERR_CONTRACT_SCHEMA"],
    ["on what is no negotiation's id", { negotiation: "n" }, "ERR_CONTRACT_SCHEMA"],
  ])("is not taken %s", async (_name, changes, code) => {
    const { decide, state } = await world();
    expect(await decide(changes)).toMatchObject({ ok: false, code });
    expect([...state.values.keys()].filter((key) => key.startsWith("release-decision/"))).toEqual([]);
  });

  test("of another member counts for that member's own assets alone, whatever negotiation it names", async () => {
    const { decide, state, conclude } = await world();
    expect(await decide({}, other)).toMatchObject({ code: "ERR_CONTRACT_NOT_PERMITTED" });
    expect(await decide({ asset: assetOf(other), outcome: "refuse" }, other)).toEqual({ ok: true });
    expect(state.values.has(keys.releaseDecision(provider.id, NEGOTIATION))).toBe(false);
    expect(await decide()).toEqual({ ok: true });
    expect(await conclude()).toEqual({ ok: true });
  });

  test("comes before the agreement", async () => {
    const { decide, conclude } = await world();
    expect(await conclude()).toEqual({ ok: true });
    expect(await decide({ outcome: "refuse" })).toMatchObject({ code: "ERR_CONTRACT_STATE" });
  });
});

describe("an agreement on records that a person has decided on", () => {
  test("follows from an approval of these very records", async () => {
    const { decide, conclude } = await world();
    await decide();
    expect(await conclude()).toEqual({ ok: true });
  });

  test("does not follow from a refusal", async () => {
    const { decide, conclude } = await world();
    await decide({ outcome: "refuse" });
    expect(await conclude()).toMatchObject({ code: "ERR_CONTRACT_DECISION" });
  });

  test("does not follow from an approval for another consumer", async () => {
    const { decide, conclude } = await world();
    await decide({ consumer: other.id });
    expect(await conclude()).toMatchObject({ code: "ERR_CONTRACT_DECISION" });
  });

  test("does not follow from an approval of another version of the asset", async () => {
    const { decide, conclude, must } = await world();
    await decide();
    await must(provider, "asset.register", assetBody(provider, 2));
    expect(await conclude({ assetVersion: 2 })).toMatchObject({ code: "ERR_CONTRACT_DECISION" });
  });

  test("does not follow from an approval under an earlier policy, not where its words have come back either", async () => {
    const { decide, conclude, policy } = await world();
    await decide();
    await policy(2);
    expect(await conclude({ policy: { digest: digest("another"), version: 2 } })).toMatchObject({
      code: "ERR_CONTRACT_DECISION",
    });
    await policy(3);
    expect(await conclude({ policy: { digest: digest("policy"), version: 3 } })).toMatchObject({
      code: "ERR_CONTRACT_DECISION",
    });
  });
});
