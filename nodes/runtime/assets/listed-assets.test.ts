import { expect, test } from "vitest";
import { readAsset } from "../../../chaincode/rules/keys.ts";
import { digestOf } from "../../../crypto/suites/digest.ts";
import { type CatalogueEntry, publishEntry } from "../../../exchange/catalog/catalogue.ts";
import { anchors, founding, NETWORK, testMember, transaction } from "../../../ledger/conformance/fixture.ts";
import { memoryStore } from "../../../ledger/embedded/_memory-store.ts";
import { createSequencer } from "../../../ledger/embedded/sequencer.ts";
import { draft, asset as plausible } from "../../../policies/_fixture.ts";
import { policyOf } from "../../../policies/model/policy-of.ts";
import { createListedAssets } from "./listed-assets.ts";

const operator = testMember("operator", { kind: "industry" });
const offer = policyOf(draft);
const CLOSED = digestOf(null);
const entryOf = (slug: string, version = 1): CatalogueEntry => {
  const asset = { ...plausible, id: `operator:${slug}`, provider: "operator", version, keywords: [`v${version}`] };
  return publishEntry(operator.identity, { asset, offer, publishedAt: "2026-01-01T00:00:00Z" });
};

test("a search looks through what the ledger says now, and names what is to be pulled once", async () => {
  const now = () => Date.parse("2026-01-01T00:00:00Z");
  const { ledger } = await createSequencer({
    ...{ store: memoryStore(), network: NETWORK, identity: operator.identity, now },
  });
  const shelf = new Map<string, CatalogueEntry>();
  const held = async (asset: string) => {
    const entry = shelf.get(asset);
    return entry?.statement.asset.version === (await readAsset(ledger, asset))?.version ? entry : undefined;
  };
  const listed = createListedAssets({ ledger, held, closed: CLOSED });
  const register = async (entry: CatalogueEntry, policyDigest = digestOf(offer)) => {
    const { id, version, unitDomain } = entry.statement.asset;
    const body = { asset: id, version, metadataDigest: digestOf(entry.statement.asset), policyDigest, unitDomain };
    await ledger.submit([transaction(operator, "asset.register", body)]);
  };
  const search = async (text = "") => {
    await listed.catchUp();
    return listed.search({ text });
  };

  await ledger.submit([founding(operator)]);
  for (const slug of ["a", "b"]) shelf.set(`operator:${slug}`, entryOf(slug));
  await register(entryOf("b"));
  await register(entryOf("c"));
  await register(entryOf("d"), CLOSED);
  expect(await search()).toEqual(["operator:b"]);
  expect([listed.toAsk(9), listed.toAsk(9)]).toEqual([["operator:c"], []]);

  // Recorded after the first search, between other records.
  await ledger.submit(anchors(operator, 0, 70));
  await register(entryOf("a"));
  await register(entryOf("b", 2));
  expect(await search()).toEqual(["operator:a"]);
  expect(listed.toAsk(9)).toEqual(["operator:b"]);
  expect([listed.toAskAgain(1), listed.toAskAgain(9)]).toEqual([["operator:c"], ["operator:b", "operator:c"]]);

  // The entries come.
  shelf.set("operator:b", entryOf("b", 2));
  listed.changed("operator:b");
  expect(await search("v2")).toEqual(["operator:b"]);
  expect(listed.toAskAgain(9)).toEqual(["operator:c"]);

  await ledger.submit([transaction(operator, "asset.withdraw", { asset: "operator:a", reason: "moved" })]);
  await ledger.submit([
    transaction(operator, "policy.activate", { asset: "operator:b", version: 2, policyDigest: CLOSED }),
  ]);
  await Promise.all([listed.catchUp(), listed.catchUp()]);
  expect(listed.search({})).toEqual([]);
  await ledger.close();
});

test("an asset whose entry and record change while it is looked at is looked at again", async () => {
  const { ledger } = await createSequencer({
    ...{ store: memoryStore(), network: NETWORK, identity: operator.identity },
    now: () => Date.parse("2026-01-01T00:00:00Z"),
  });
  const withdrawn = entryOf("a");
  const { id, version, unitDomain } = withdrawn.statement.asset;
  const metadataDigest = digestOf(withdrawn.statement.asset);
  const body = { asset: id, version, metadataDigest, policyDigest: digestOf(offer), unitDomain };
  await ledger.submit([founding(operator), transaction(operator, "asset.register", body)]);
  const reading = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<CatalogueEntry>();
  const held = async () => {
    reading.resolve();
    return await answer.promise;
  };
  const listed = createListedAssets({ ledger, held, closed: CLOSED });

  const first = listed.catchUp();
  await reading.promise;
  await ledger.submit([transaction(operator, "asset.withdraw", { asset: id, reason: "moved" })]);
  listed.changed(id);
  const second = listed.catchUp();
  answer.resolve(withdrawn);
  await Promise.all([first, second]);
  expect([listed.search({}), listed.toAsk(9)]).toEqual([[], []]);
  await ledger.close();
});
