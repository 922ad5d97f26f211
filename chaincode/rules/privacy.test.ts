import { describe, expect, test } from "vitest";
import { digest, uuid } from "../../ledger/conformance/fixture.ts";
import {
  agreedWorld,
  assetBody,
  assetOf,
  COMPUTATION,
  closeBody,
  coordinator,
  header,
  openingBody,
  providers,
  receiverKey,
  registryCells,
  requester,
  setBody,
  type World,
} from "./_world.ts";
import { readPrivacyAccount, readPrivacyAccounts } from "./keys.ts";

const [alpha] = providers as unknown as [(typeof providers)[number]];
const content = digest("bytes");
const noise = (cost: number) => ({ cost, components: [{ granule: "10", steps: 100, variance: 5_000 }] });
const opening = (cost: number, computation = COMPUTATION) =>
  openingBody({ computation, cells: registryCells, privacy: noise(cost), receiverKey: receiverKey(computation) });

/** One asset's policy leaves 100; the agreements stand on its first version. */
async function budgeted(budget = 100): Promise<World> {
  const world = await agreedWorld();
  const privacy = { content, budget };
  await world.must(alpha, "policy.activate", {
    asset: assetOf(alpha),
    version: 2,
    policyDigest: digest("noise"),
    privacy,
  });
  return world;
}
const account = (world: World, asset = assetOf(alpha)) => readPrivacyAccount(world.state, asset);
const copy = (asset: string, more: object = {}) => ({ ...assetBody(alpha), asset, privacy: { content, ...more } });

describe("openings take their cost", () => {
  test("and are refused by name once less is left, before anything is written", async () => {
    const world = await budgeted();
    await world.must(requester, "computation.open", opening(60));
    expect(await account(world)).toEqual({ budget: 100, spent: 60 });
    const other = await budgeted(59);
    expect(await other.submit(requester, "computation.open", opening(60))).toMatchObject({
      code: "ERR_CONTRACT_PRIVACY_SPENT",
    });
    expect(await account(other)).toEqual({ budget: 59, spent: 0 });
  });
  test("exact sums over an asset with an account are refused, under whatever policy it has by then", async () => {
    const world = await budgeted();
    const policy = { asset: assetOf(alpha), version: 3, policyDigest: digest("without noise") };
    await world.must(alpha, "policy.activate", policy);
    expect(await world.submit(requester, "computation.open", openingBody({ cells: registryCells }))).toMatchObject({
      code: "ERR_CONTRACT_PRIVACY",
    });
  });
  test("and get it back where nothing was opened, once; not after the second phase closed", async () => {
    const world = await budgeted();
    await world.must(requester, "computation.open", opening(60));
    await world.must(requester, "computation.fail", { computation: COMPUTATION, reason: "gone" });
    expect(await account(world)).toEqual({ budget: 100, spent: 0 });
    const again = uuid("again");
    await world.must(requester, "computation.open", { ...opening(70, again), restartOf: COMPUTATION });
    await world.must(coordinator, "computation.keyset", setBody(providers, again));
    await world.must(coordinator, "computation.maskset", setBody(providers, again));
    const headers = providers.map((provider) => header(provider, 2, { computation: again }));
    await world.must(coordinator, "computation.close", { ...closeBody(2, providers), computation: again, headers });
    await world.must(coordinator, "computation.fail", { computation: again, reason: "gone" });
    expect(await account(world)).toEqual({ budget: 100, spent: 70 });
  });
});

describe("an asset's account", () => {
  test("stays over versions and policies; its budget only becomes smaller", async () => {
    const world = await budgeted();
    await world.must(requester, "computation.open", opening(60));
    const next = { ...assetBody(alpha, 2), privacy: { content: digest("revised"), budget: 5_000 } };
    await world.must(alpha, "asset.register", next);
    expect(await account(world)).toEqual({ budget: 100, spent: 60 });
    const less = { asset: assetOf(alpha), version: 4, policyDigest: digest("less"), privacy: { content, budget: 80 } };
    await world.must(alpha, "policy.activate", less);
    expect(await account(world)).toEqual({ budget: 80, spent: 60 });
  });
  test("is the account of every copy, whether it was registered before or after, with noise or without", async () => {
    const world = await agreedWorld();
    const [before, after] = [`${alpha.id}:before`, `${alpha.id}:after`];
    await world.must(alpha, "asset.register", copy(before));
    expect(await readPrivacyAccounts(world.state, before)).toEqual([]);
    const privacy = { content, budget: 100 };
    await world.must(alpha, "policy.activate", {
      asset: assetOf(alpha),
      version: 2,
      policyDigest: digest("p"),
      privacy,
    });
    await world.must(alpha, "asset.register", copy(after, { budget: 1_000 }));
    for (const asset of [before, after]) {
      expect(await readPrivacyAccounts(world.state, asset)).toEqual([assetOf(alpha)]);
    }
    expect(await account(world)).toEqual({ budget: 100, spent: 0 });
  });
  test("is not left by a version that says nothing of its content", async () => {
    const world = await budgeted();
    expect(await world.submit(alpha, "asset.register", assetBody(alpha, 2))).toMatchObject({
      code: "ERR_CONTRACT_PRIVACY",
    });
  });
  test("of another provider is not found by its content", async () => {
    const world = await budgeted();
    const other = providers[1]!;
    await world.must(other, "asset.register", { ...assetBody(other, 2), privacy: { content } });
    expect(await readPrivacyAccounts(world.state, assetOf(other))).toEqual([]);
  });
});
