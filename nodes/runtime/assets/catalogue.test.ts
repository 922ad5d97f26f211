import { pino } from "pino";
import { expect, test } from "vitest";
import { digestOf } from "../../../crypto/suites/digest.ts";
import { type CatalogueEntry, publishEntry } from "../../../exchange/catalog/catalogue.ts";
import { unpacked } from "../../../exchange/catalog/packed-text.ts";
import { founding, NETWORK, testMember, transaction } from "../../../ledger/conformance/fixture.ts";
import { memoryStore } from "../../../ledger/embedded/_memory-store.ts";
import { createSequencer } from "../../../ledger/embedded/sequencer.ts";
import { draft, asset as plausible } from "../../../policies/_fixture.ts";
import { policyOf } from "../../../policies/model/policy-of.ts";
import { memoryRecords } from "../../peer/_memory-records.ts";
import { PeerError } from "../../peer/peer-error.ts";
import { memoryTexts } from "../../store/_memory-texts.ts";
import { createCatalogue } from "./catalogue.ts";

const ASSETS = 20;
const PARALLEL = 8;
const operator = testMember("operator", { kind: "industry" });
const reader = testMember("reader");
const offer = policyOf(draft);
const entries = Array.from({ length: ASSETS }, (_, at) => {
  const asset = { ...plausible, id: `operator:a${String(at).padStart(2, "0")}`, provider: "operator" };
  return publishEntry(operator.identity, { asset, offer, publishedAt: "2026-01-01T00:00:00Z" });
});

test("what a busy operator did not answer is asked for again, and a round ends where it is busy", async () => {
  const { ledger } = await createSequencer({
    ...{ store: memoryStore(), network: NETWORK, identity: operator.identity },
    now: () => Date.parse("2026-01-01T00:00:00Z"),
  });
  const records = entries.map(({ statement: { asset } }) => {
    const { id, version, unitDomain } = asset;
    const body = { asset: id, version, metadataDigest: digestOf(asset), policyDigest: digestOf(offer), unitDomain };
    return transaction(operator, "asset.register", body);
  });
  await ledger.submit([founding(operator), ...records]);
  let status: number | undefined = 503;
  let calls = 0;
  const call = async ({ path }: { readonly path: string }) => {
    calls += 1;
    if (status !== undefined) throw new PeerError("ERR_PEER_REFUSED", path, { answer: { status, code: undefined } });
    return { entry: entries.find(({ statement }) => path.endsWith(encodeURIComponent(statement.asset.id))) };
  };
  const catalogue = createCatalogue(
    {
      ...{ identity: reader.identity, member: reader.id, ledger, log: pino({ level: "silent" }) },
      ...{ now: () => "2026-01-01T00:00:00Z", openStore: () => memoryRecords(), openTexts: memoryTexts },
      members: { target: async (member: string) => member } as never,
      peers: { call: (_: unknown, request: { readonly path: string }) => call(request) } as never,
    },
    () => ({ list: async () => [] }) as never,
  );

  expect(await catalogue.search({})).toEqual([]);
  expect(calls).toBe(PARALLEL);
  status = 429;
  expect(await catalogue.search({})).toEqual([]);
  expect(calls).toBe(2 * PARALLEL);
  status = undefined;
  expect((await catalogue.search({})).map(({ statement }) => statement.asset.id)).toEqual(
    entries.map(({ statement }) => statement.asset.id),
  );
  expect(calls).toBe(2 * PARALLEL + ASSETS);
  catalogue.close();
  await ledger.close();
});

test.each(["before", "after"] as const)(
  "an entry that is signed anew is what others find, also after a kill right %s it is on disk",
  async (when) => {
    const { ledger } = await createSequencer({
      ...{ store: memoryStore(), network: NETWORK, identity: operator.identity },
      now: () => Date.parse("2026-01-01T00:00:00Z"),
    });
    const [first] = entries as [(typeof entries)[number]];
    const { asset } = first.statement;
    const { id, version, unitDomain } = asset;
    const body = { asset: id, version, metadataDigest: digestOf(asset), policyDigest: digestOf(offer), unitDomain };
    await ledger.submit([founding(operator), transaction(operator, "asset.register", body)]);
    const shelf = memoryRecords<CatalogueEntry>();
    const texts = memoryTexts();
    /** One life of the node; in the last write that it does to its shelf it dies. */
    const born = (isKilled: boolean) => {
      const mortal: typeof shelf = {
        ...shelf,
        async put(key, entry) {
          if (!isKilled || when === "after") await shelf.put(key, entry);
          if (isKilled) await new Promise(() => undefined);
        },
      };
      const openStore = (name: string) => (name === "catalogue" ? mortal : memoryRecords());
      return createCatalogue(
        {
          ...{ identity: operator.identity, member: operator.id, ledger, log: pino({ level: "silent" }) },
          ...{ now: () => "2026-06-01T00:00:00Z", openStore: openStore as never, openTexts: () => texts },
          ...{ members: {} as never, peers: {} as never },
        },
        () => ({ list: async () => [] }) as never,
      );
    };
    const viewer = { id: "bureau", kind: "government" } as never;
    const publishedAt = async (catalogue: ReturnType<typeof born>) => {
      const text = await catalogue.offers.full(viewer, id);
      return text && JSON.parse(`{${unpacked(text)}`)["sealane:entry"].publishedAt;
    };
    const alive = born(false);
    await alive.accept(first, "operator");
    expect(await publishedAt(alive)).toBe("2026-01-01T00:00:00Z");
    alive.close();
    const again = publishEntry(operator.identity, { ...first.statement, publishedAt: "2026-05-01T00:00:00Z" });
    const dying = born(true);
    void dying.accept(again, "operator");
    await expect.poll(() => texts.get(`open|${id}`)).toBe("");
    // Whatever is looked at while the entry is written does not take the mark away.
    dying.offers.changed("operator:other");
    await dying.offers.catchUp();
    if (when === "after") await expect.poll(async () => (await shelf.get(id))?.signature).toBe(again.signature);
    dying.close();
    const reborn = born(false);
    expect(await publishedAt(reborn)).toBe(when === "after" ? "2026-05-01T00:00:00Z" : "2026-01-01T00:00:00Z");
    expect(texts.get(`open|${id}`)).toBeUndefined();
    reborn.close();
    await ledger.close();
  },
);

const ENDS = {
  "asset.withdraw": (asset: string) => ({ asset, reason: "moved" }),
  "policy.activate": (asset: string) => ({ asset, version: 2, policyDigest: digestOf("closed") }),
};
test.each([
  ["withdrawn", "asset.withdraw"],
  ["replaced", "policy.activate"],
] as const)(
  "the shelf shows an entry to the members whom its policy is for, now, and to its provider, until it is %s",
  async (_name, type) => {
    const end = (asset: string) => [type, ENDS[type](asset) as never] as const;
    const { ledger } = await createSequencer({
      ...{ store: memoryStore(), network: NETWORK, identity: operator.identity },
      now: () => Date.parse("2026-01-01T00:00:00Z"),
    });
    const entry = entries[0]!;
    const { asset } = entry.statement;
    const { id, version, unitDomain } = asset;
    const body = { asset: id, version, metadataDigest: digestOf(asset), policyDigest: digestOf(offer), unitDomain };
    await ledger.submit([founding(operator), transaction(operator, "asset.register", body)]);
    const kinds: Readonly<Record<string, string>> = { operator: "industry", bureau: "government", works: "enterprise" };
    let now = "2026-06-01T00:00:00Z";
    const catalogue = createCatalogue(
      {
        ...{ identity: operator.identity, member: operator.id, ledger, log: pino({ level: "silent" }) },
        ...{ now: () => now, openStore: () => memoryRecords(), openTexts: memoryTexts, peers: {} as never },
        members: { find: async (member: string) => ({ record: { id: member, kind: kinds[member] } }) } as never,
      },
      () => ({ list: async () => [] }) as never,
    );
    await catalogue.accept(entry, "operator");
    const seenBy = async (member: string) => (await catalogue.shown(id, member))?.statement.asset.id;
    expect([await seenBy("bureau"), await seenBy("works"), await seenBy("operator")]).toEqual([id, undefined, id]);
    now = "2028-01-01T00:00:00Z";
    expect([await seenBy("bureau"), await seenBy("operator")]).toEqual([undefined, id]);
    now = "2026-06-01T00:00:00Z";
    await ledger.submit([transaction(operator, ...end(id))]);
    expect([await seenBy("bureau"), await seenBy("operator")]).toEqual([undefined, undefined]);
    catalogue.close();
    await ledger.close();
  },
);
