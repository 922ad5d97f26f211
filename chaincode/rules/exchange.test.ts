import { describe, expect, test } from "vitest";
import { digest, uuid } from "../../ledger/conformance/fixture.ts";
import {
  agreementBody,
  agreementOf,
  assetBody,
  assetOf,
  decisionBody,
  foundedWorld,
  minutes,
  providers,
  REQUEST,
  receiver,
  requestBody,
  requestedWorld,
  requester,
} from "./_world.ts";
import {
  readAgreement,
  readAsset,
  readAssetVersion,
  readDecisions,
  readRequest,
  readRequestAgreements,
} from "./keys.ts";

const provider = providers[0]!;
const other = providers[1]!;
const asset = assetOf(provider);

describe("assets", () => {
  test("a provider registers, revises and withdraws its own asset", async () => {
    const world = await foundedWorld();
    await world.must(provider, "asset.register", assetBody(provider));
    await world.must(provider, "asset.register", assetBody(provider, 2));
    expect(await readAsset(world.state, asset)).toMatchObject({ version: 2, policyVersion: 1, state: "active" });
    expect(await readAssetVersion(world.state, asset, 1)).toMatchObject({ metadataDigest: digest("metadata 1") });
    await world.must(provider, "asset.withdraw", { asset, reason: "old" });
    expect(await world.submit(provider, "asset.register", assetBody(provider, 3))).toMatchObject({
      code: "ERR_CONTRACT_STATE",
    });
    expect(await world.submit(provider, "asset.withdraw", { asset, reason: "old" })).toMatchObject({
      code: "ERR_CONTRACT_STATE",
    });
  });

  test("nobody touches another provider's asset", async () => {
    const world = await foundedWorld();
    const code = "ERR_CONTRACT_NOT_PERMITTED";
    expect(await world.submit(other, "asset.register", assetBody(provider))).toMatchObject({ code });
    await world.must(provider, "asset.register", assetBody(provider));
    expect(await world.submit(other, "asset.withdraw", { asset, reason: "x" })).toMatchObject({ code });
    const policy = { asset, version: 2, policyDigest: digest("new") };
    expect(await world.submit(other, "policy.activate", policy)).toMatchObject({ code });
  });

  test("a policy names who of its provider agreed to it, and nobody else", async () => {
    const world = await foundedWorld();
    await world.must(provider, "asset.register", assetBody(provider));
    const policy = { asset, version: 2, policyDigest: digest("new") };
    for (const stranger of [`${other.id}/li`, `${provider.id}/`, "li", provider.id]) {
      const approvedBy = [`${provider.id}/li`, stranger];
      expect(await world.submit(provider, "policy.activate", { ...policy, approvedBy })).toMatchObject({
        code: "ERR_CONTRACT_MISMATCH",
      });
    }
    const approvedBy = [`${provider.id}/li`, `${provider.id}/wang`];
    await world.must(provider, "policy.activate", { ...policy, approvedBy });
  });

  test("versions of assets and policies go up by one", async () => {
    const world = await foundedWorld();
    const code = "ERR_CONTRACT_VERSION";
    expect(await world.submit(provider, "asset.register", assetBody(provider, 2))).toMatchObject({ code });
    await world.must(provider, "asset.register", assetBody(provider));
    expect(await world.submit(provider, "asset.register", assetBody(provider))).toMatchObject({ code });
    const policy = (version: number) => ({ asset, version, policyDigest: digest(`policy ${version}`) });
    expect(await world.submit(provider, "policy.activate", policy(1))).toMatchObject({ code });
    await world.must(provider, "policy.activate", policy(2));
    expect(await readAsset(world.state, asset)).toMatchObject({ policyVersion: 2, policyDigest: digest("policy 2") });
    expect(
      await world.submit(provider, "policy.activate", { ...policy(1), asset: `${provider.id}:none` }),
    ).toMatchObject({
      code: "ERR_CONTRACT_NOT_FOUND",
    });
  });
});

describe("requests", () => {
  test("a request names existing assets and an active receiver, and its id is new", async () => {
    const world = await foundedWorld();
    expect(await world.submit(requester, "request.submit", requestBody())).toMatchObject({
      code: "ERR_CONTRACT_NOT_FOUND",
      field: "assets[0]",
    });
    const ready = await requestedWorld();
    expect(await readRequest(ready.state, REQUEST)).toMatchObject({ requester: requester.id, state: "submitted" });
    expect(await ready.submit(requester, "request.submit", requestBody())).toMatchObject({
      code: "ERR_CONTRACT_EXISTS",
    });
    const another = { ...requestBody(), request: uuid("another"), receiver: "nobody" };
    expect(await ready.submit(requester, "request.submit", another)).toMatchObject({
      code: "ERR_CONTRACT_UNKNOWN_MEMBER",
    });
    await ready.must(provider, "asset.withdraw", { asset, reason: "old" });
    expect(await ready.submit(requester, "request.submit", { ...another, receiver: receiver.id })).toMatchObject({
      code: "ERR_CONTRACT_STATE",
    });
  });

  test("only the requester cancels, once; nothing is decided on a cancelled request", async () => {
    const world = await requestedWorld();
    const cancel = { request: REQUEST, reason: "obsolete" };
    expect(await world.submit(receiver, "request.cancel", cancel)).toMatchObject({
      code: "ERR_CONTRACT_NOT_PERMITTED",
    });
    await world.must(requester, "request.cancel", cancel);
    expect(await world.submit(requester, "request.cancel", cancel)).toMatchObject({ code: "ERR_CONTRACT_STATE" });
    expect(await world.submit(provider, "decision.record", decisionBody(provider))).toMatchObject({
      code: "ERR_CONTRACT_STATE",
    });
    expect(await world.submit(requester, "request.cancel", { ...cancel, request: uuid("none") })).toMatchObject({
      code: "ERR_CONTRACT_NOT_FOUND",
    });
  });
});

describe("decisions", () => {
  test("the provider decides under its active policy", async () => {
    const world = await requestedWorld();
    await world.must(provider, "decision.record", decisionBody(provider));
    expect(await readDecisions(world.state, REQUEST)).toMatchObject([{ provider: provider.id }]);
    expect(await world.submit(other, "decision.record", decisionBody(provider))).toMatchObject({
      code: "ERR_CONTRACT_NOT_PERMITTED",
    });
    const stale = decisionBody(other, { policyVersion: 2 });
    expect(await world.submit(other, "decision.record", stale)).toMatchObject({ code: "ERR_CONTRACT_POLICY" });
    const elsewhere = decisionBody(provider, { asset: `${provider.id}:another` });
    expect(await world.submit(provider, "decision.record", elsewhere)).toMatchObject({ code: "ERR_CONTRACT_MISMATCH" });
  });

  test("waiting leads to a decision, a permit can still be refused, a refusal stands", async () => {
    const world = await requestedWorld();
    const decide = (outcome: "permit" | "refuse" | "wait") =>
      world.submit(provider, "decision.record", decisionBody(provider, { outcome }));
    expect(await decide("wait")).toEqual({ ok: true });
    expect(await decide("wait")).toMatchObject({ code: "ERR_CONTRACT_STATE" });
    expect(await decide("permit")).toEqual({ ok: true });
    expect(await decide("refuse")).toEqual({ ok: true });
    expect(await decide("permit")).toMatchObject({ code: "ERR_CONTRACT_STATE" });
  });
});

describe("agreements", () => {
  test("a permitted request is agreed once per asset, for good", async () => {
    const world = await requestedWorld();
    await world.must(provider, "decision.record", decisionBody(provider));
    await world.must(provider, "agreement.conclude", agreementBody(provider));
    expect(await readRequestAgreements(world.state, REQUEST)).toMatchObject([{ state: "finalized" }]);
    const conclude = (changes: object) =>
      world.submit(provider, "agreement.conclude", agreementBody(provider, changes));
    expect(await conclude({})).toMatchObject({ code: "ERR_CONTRACT_EXISTS" });
    const refusal = decisionBody(provider, { outcome: "refuse" });
    expect(await world.submit(provider, "decision.record", refusal)).toMatchObject({ code: "ERR_CONTRACT_STATE" });
  });

  test("an agreement stands on a permit, the request, the asset's present version and a future end", async () => {
    const world = await requestedWorld();
    const conclude = (changes: object, author = provider) =>
      world.submit(author, "agreement.conclude", agreementBody(provider, changes));
    expect(await conclude({})).toMatchObject({ code: "ERR_CONTRACT_DECISION" });
    await world.must(provider, "decision.record", decisionBody(provider));
    expect(await conclude({}, other)).toMatchObject({ code: "ERR_CONTRACT_NOT_PERMITTED" });
    expect(await conclude({ agreement: uuid("another") })).toMatchObject({ code: "ERR_CONTRACT_MISMATCH" });
    expect(await conclude({ negotiation: uuid("negotiation") })).toMatchObject({ code: "ERR_CONTRACT_MISMATCH" });
    expect(await conclude({ consumer: receiver.id })).toMatchObject({ code: "ERR_CONTRACT_MISMATCH" });
    expect(await conclude({ asset: `${provider.id}:another` })).toMatchObject({ code: "ERR_CONTRACT_MISMATCH" });
    const none = { request: uuid("none"), agreement: agreementOf(provider, uuid("none")) };
    expect(await conclude(none)).toMatchObject({ code: "ERR_CONTRACT_NOT_FOUND" });
    expect(await conclude({ assetVersion: 2 })).toMatchObject({ code: "ERR_CONTRACT_VERSION" });
    expect(await conclude({ validUntil: minutes(0) })).toMatchObject({ code: "ERR_CONTRACT_DEADLINE" });
    expect(await conclude({ validUntil: "2026-13-01T00:00:00Z" })).toMatchObject({ code: "ERR_CONTRACT_INSTANT" });
  });

  test("an agreement on records stands on the policy in force, and serves no request", async () => {
    const world = await requestedWorld();
    const negotiation = uuid("negotiation");
    const { request: _, ...body } = agreementBody(provider, {
      agreement: agreementOf(provider, negotiation),
      policy: { digest: digest("policy"), version: 1 },
      negotiation,
    });
    const conclude = (changes: object) => world.submit(provider, "agreement.conclude", { ...body, ...changes });
    expect(await conclude({ policy: undefined })).toMatchObject({ code: "ERR_CONTRACT_MISMATCH" });
    expect(await conclude({ request: REQUEST })).toMatchObject({ code: "ERR_CONTRACT_MISMATCH" });
    expect(await conclude({ policy: { digest: digest("policy"), version: 2 } })).toMatchObject({
      code: "ERR_CONTRACT_POLICY",
    });
    expect(await conclude({ policy: { digest: digest("other"), version: 1 } })).toMatchObject({
      code: "ERR_CONTRACT_POLICY",
    });
    expect(await conclude({ consumer: "nobody" })).toMatchObject({ code: "ERR_CONTRACT_UNKNOWN_MEMBER" });
    expect(await conclude({ consumer: provider.id })).toMatchObject({ code: "ERR_CONTRACT_ROLES" });
    expect(await conclude({})).toEqual({ ok: true });
    expect(await readAgreement(world.state, body.agreement)).toMatchObject({ state: "finalized" });
    expect(await readRequestAgreements(world.state, REQUEST)).toEqual([]);
  });

  test("nobody takes the id of another provider's agreement before it is concluded", async () => {
    const world = await requestedWorld();
    await world.must(provider, "decision.record", decisionBody(provider));
    const policy = { digest: digest("policy"), version: 1 };
    const { request: _, ...release } = agreementBody(other, { policy, consumer: requester.id });
    const squat = (negotiation: string) =>
      world.submit(other, "agreement.conclude", { ...release, agreement: agreementOf(provider), negotiation });
    expect(await squat(REQUEST)).toMatchObject({ code: "ERR_CONTRACT_MISMATCH", field: "agreement" });
    expect(await squat(uuid("negotiation"))).toMatchObject({ code: "ERR_CONTRACT_MISMATCH", field: "agreement" });
    await world.must(provider, "agreement.conclude", agreementBody(provider));
  });

  test("only the provider revokes, once", async () => {
    const world = await requestedWorld();
    await world.must(provider, "decision.record", decisionBody(provider));
    await world.must(provider, "agreement.conclude", agreementBody(provider));
    const revoke = { agreement: agreementOf(provider), reason: "changed" };
    expect(await world.submit(requester, "agreement.revoke", revoke)).toMatchObject({
      code: "ERR_CONTRACT_NOT_PERMITTED",
    });
    await world.must(provider, "agreement.revoke", revoke);
    expect(await readAgreement(world.state, agreementOf(provider))).toMatchObject({
      state: "revoked",
      reason: "changed",
    });
    expect(await world.submit(provider, "agreement.revoke", revoke)).toMatchObject({ code: "ERR_CONTRACT_STATE" });
    expect(await world.submit(provider, "agreement.revoke", { ...revoke, agreement: uuid("none") })).toMatchObject({
      code: "ERR_CONTRACT_NOT_FOUND",
    });
  });
});
