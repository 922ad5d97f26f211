/** A provider's ledger, entries and catalogue without a node around them, for tests. */
import { digestOf } from "../../crypto/suites/digest.ts";
import { type CatalogueEntry, publishEntry } from "../../exchange/catalog/catalogue.ts";
import { type PackedText, unpacked } from "../../exchange/catalog/packed-text.ts";
import { founding, NETWORK, testMember, transaction } from "../../ledger/conformance/fixture.ts";
import { memoryStore } from "../../ledger/embedded/_memory-store.ts";
import { createSequencer } from "../../ledger/embedded/sequencer.ts";
import { draft, asset as plausible } from "../../policies/_fixture.ts";
import type { Asset } from "../../policies/model/asset.ts";
import { type PolicyDraft, policyOf } from "../../policies/model/policy-of.ts";
import { createOwnOffers } from "../runtime/assets/own-offers.ts";
import { memoryTexts } from "../store/_memory-texts.ts";
import { createOwnCatalog, type PageLimits } from "./own-catalog.ts";

export const provider = testMember("operator", { kind: "industry" });
const KINDS: Readonly<Record<string, "government" | "enterprise">> = {
  bureau: "government",
  office: "government",
  works: "enterprise",
};

export async function testProvider(limits?: PageLimits) {
  const clock = { now: "2026-06-01T00:00:00.000Z" };
  const now = () => clock.now;
  const { ledger } = await createSequencer({
    ...{ store: memoryStore(), network: NETWORK, identity: provider.identity, now: () => Date.parse(clock.now) },
  });
  await ledger.submit([founding(provider)]);
  const shelf = new Map<string, CatalogueEntry>();
  const versions = new Map<string, number>();
  const texts = memoryTexts();
  const labels = new Map<string, string>();
  let onRead: (list: string) => Promise<void> = async () => undefined;
  const store: typeof texts = {
    ...texts,
    async keys(range) {
      const found = await texts.keys(range);
      const [, list] = (range.gte ?? range.gt ?? "").split("|");
      if (list !== undefined) await onRead(list);
      return found;
    },
  };
  const held = async (asset: string) => {
    const entry = shelf.get(asset);
    const onLedger = await ledger.get<{ policyDigest: string }>(`asset/${asset}`);
    return entry !== undefined && onLedger?.policyDigest === digestOf(entry.statement.offer) ? entry : undefined;
  };
  const offersNow = () => createOwnOffers({ member: provider.id, ledger, held, store, now });
  let offers = offersNow();
  const suspended = new Set<string>();
  const members = {
    find: async (id: string) =>
      KINDS[id] === undefined
        ? undefined
        : ({
            status: suspended.has(id) ? "suspended" : "active",
            record: { id, kind: KINDS[id], attributes: labels.has(id) ? { clearance: labels.get(id) } : {} },
          } as never),
  };
  let catalog = createOwnCatalog(offers, members, limits);

  const idOf = (slug: string) => `${provider.id}:${slug}`;
  const policy = (slug: string, terms: Partial<PolicyDraft>) =>
    policyOf({ ...draft, asset: idOf(slug), provider: provider.id, ...terms });
  function shelve(slug: string, offer: CatalogueEntry["statement"]["offer"], about: Partial<Asset> = {}) {
    const asset: Asset = { ...plausible, ...about, id: idOf(slug), provider: provider.id };
    shelf.set(asset.id, publishEntry(provider.identity, { asset, offer, publishedAt: "2026-01-01T00:00:00Z" }));
    return asset;
  }

  return {
    clock,
    ledger,
    offers: () => offers,
    catalog: () => catalog,
    /** Once, when this list was read and its reader has not heard yet. */
    whenRead(list: string, work: () => Promise<void>) {
      onRead = async (read) => {
        if (read !== list) return;
        onRead = async () => undefined;
        await work();
      };
    },
    /** The operator admits the member with this label. */
    label: (member: string, label: string) => void labels.set(member, label),
    suspend: (member: string) => void suspended.add(member),
    /** A new process over the same index. */
    restart() {
      offers = offersNow();
      catalog = createOwnCatalog(offers, members, limits);
    },
    async register(slug: string, terms: Partial<PolicyDraft> = {}, about: Partial<Asset> = {}) {
      const offer = policy(slug, terms);
      const asset = shelve(slug, offer, about);
      const body = {
        ...{ asset: asset.id, version: 1, metadataDigest: digestOf(asset), policyDigest: digestOf(offer) },
        unitDomain: asset.unitDomain,
      };
      await ledger.submit([transaction(provider, "asset.register", body)]);
      versions.set(slug, 1);
      offers.changed(asset.id);
    },
    /** On the ledger only; `publish` brings the entry. */
    async activate(slug: string, terms: Partial<PolicyDraft>) {
      const version = versions.get(slug)! + 1;
      const offer = policy(slug, { ...terms, version });
      const body = { asset: idOf(slug), version, policyDigest: digestOf(offer) };
      await ledger.submit([transaction(provider, "policy.activate", body)]);
      versions.set(slug, version);
      return { publish: () => void shelve(slug, offer), tell: () => offers.changed(idOf(slug)) };
    },
    /** The same entry, signed at another time; nobody is told. */
    resign(slug: string, publishedAt: string) {
      const { asset, offer } = shelf.get(idOf(slug))!.statement;
      shelf.set(asset.id, publishEntry(provider.identity, { asset, offer, publishedAt }));
    },
    async withdraw(slug: string) {
      await ledger.submit([transaction(provider, "asset.withdraw", { asset: idOf(slug), reason: "moved" })]);
    },
    /** Ids of one participant's whole catalogue, page after page. */
    async seenBy(participant: string, filter: Parameters<typeof catalog.page>[1] = []) {
      const ids: string[] = [];
      for (let place: Parameters<typeof catalog.page>[2] | undefined = {}; place !== undefined; ) {
        const page = await catalog.page(participant, filter, place);
        ids.push(...idsOf(page.datasets));
        place = page.next;
      }
      return ids;
    },
  };
}

export const idsOf = (datasets: readonly PackedText[]): string[] =>
  datasets.map((text) => String(read(text)["@id"]).split(":")[1]!);

export const read = (dataset: PackedText) => JSON.parse(`{${unpacked(dataset)}`) as Record<string, unknown>;
