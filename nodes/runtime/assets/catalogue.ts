/**
 * The catalogue over all nodes. Providers push their signed entries to the operator, anyone pulls them from there, and
 * every entry counts only while it matches the digests on the puller's own replica of the ledger. Nobody connects to a
 * data node.
 */

import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { Type } from "typebox";
import { readAsset, readAssetVersion, readKey, readNetwork } from "../../../chaincode/rules/keys.ts";
import { closed } from "../../../chaincode/rules/vocabulary.ts";
import { digestOf } from "../../../crypto/suites/digest.ts";
import { readPublicKey } from "../../../crypto/suites/suite.ts";
import { acceptEntry, type CatalogueEntry, publishEntry } from "../../../exchange/catalog/catalogue.ts";
import { CatalogError } from "../../../exchange/catalog/errors.ts";
import type { CatalogueSearch } from "../../../exchange/catalog/search-index.ts";
import { audienceOf, isVisibleTo } from "../../../policies/model/audience.ts";
import { parsePolicy } from "../../../policies/model/parse-policy.ts";
import { PeerError } from "../../peer/peer-error.ts";
import type { CoreServices } from "../core-services.ts";
import { AssetError } from "./asset-error.ts";
import { createListedAssets } from "./listed-assets.ts";
import { NO_POLICY_DIGEST, type OwnAssets } from "./own-assets.ts";
import { createOwnOffers, type OwnOffers } from "./own-offers.ts";

export const EntryMessage = closed({ entry: Type.Unknown() });
export const EntryStored = closed({ done: Type.Literal(true) });
const RETRY_MS = 5_000;
const PARALLEL_PULLS = 8;
/** How long a search waits for entries that are not here yet; the pulling goes on. */
const PULL_PATIENCE_MS = 2_000;
/** Results read before others get their turn. */
const READ_AT_ONCE = 50;
/** So that no search has to read what a long time has recorded. */
const CATCH_UP_MS = 10_000;

export interface Catalogue {
  /** The entry of an active asset that matches the ledger, pulled from the operator when needed. Throws AssetError ERR_ASSET_NOT_LISTED. */
  find(asset: string): Promise<CatalogueEntry>;
  /** Over every active asset of the ledger whose entry can be had now; the first 1,000 by id. */
  search(search: CatalogueSearch): Promise<readonly CatalogueEntry[]>;
  /** Takes in an entry that another node sent; checked against the ledger. Throws CatalogError or AssetError. */
  accept(value: unknown, from: string): Promise<void>;
  /**
   * What this node holds, for another member to pull: undefined where the ledger has it in force no more, or the policy
   * is not for that member now.
   */
  shown(asset: string, member: string): Promise<CatalogueEntry | undefined>;
  /**
   * Signs and pushes the entry of an own asset that changed, or of all of them; keeps trying in the background when the
   * operator is away.
   */
  publish(asset?: string): Promise<void>;
  /** Own entries as other participants find them. */
  readonly offers: OwnOffers;
  close(): void;
}

type Deps = Pick<
  CoreServices,
  "identity" | "ledger" | "log" | "member" | "members" | "now" | "openStore" | "openTexts" | "peers"
>;

export function createCatalogue(services: Deps, own: () => OwnAssets): Catalogue {
  const entries = services.openStore<CatalogueEntry>("catalogue");
  /** Digest of the entry that the operator has, by asset. */
  const pushed = services.openStore<{ readonly digest: string }>("pushed-entries");
  let retry: NodeJS.Timeout | undefined;
  let stopped = false;

  /** Same metadata and policy as the ledger's active version. */
  async function matchesLedger(entry: CatalogueEntry): Promise<boolean> {
    const { asset, offer } = entry.statement;
    const onLedger = await readAsset(services.ledger, asset.id);
    if (onLedger?.state !== "active" || onLedger.version !== asset.version) return false;
    const version = await readAssetVersion(services.ledger, asset.id, asset.version);
    return version?.metadataDigest === digestOf(asset) && onLedger.policyDigest === digestOf(offer);
  }

  async function checked(value: unknown): Promise<CatalogueEntry> {
    const { signer, key } = (value ?? {}) as { signer?: unknown; key?: unknown };
    const state = await readKey(services.ledger, String(key));
    const usable = state?.member === signer && state?.state !== "revoked";
    const entry = acceptEntry(value, () => (usable && state ? readPublicKey(state).publicKey : undefined));
    if (await matchesLedger(entry)) return entry;
    const { id } = entry.statement.asset;
    throw new AssetError("ERR_ASSET_NOT_LISTED", `${id}: the entry is not what the ledger registered`);
  }

  const operator = async (): Promise<string> => (await readNetwork(services.ledger))?.operator ?? services.member;

  async function heldListed(asset: string): Promise<CatalogueEntry | undefined> {
    const held = await entries.get(asset);
    return held !== undefined && (await matchesLedger(held)) ? held : undefined;
  }

  /** Less than `heldListed`, for what the index has compared: is it still the ledger's version? */
  async function current(asset: string): Promise<CatalogueEntry | undefined> {
    const [held, onLedger] = await Promise.all([entries.get(asset), readAsset(services.ledger, asset)]);
    return onLedger?.state === "active" && onLedger.version === held?.statement.asset.version ? held : undefined;
  }

  const listed = createListedAssets({ ledger: services.ledger, held: heldListed, closed: NO_POLICY_DIGEST });

  const offers = createOwnOffers({ ...services, held: heldListed, store: services.openTexts("own-offers") });

  async function keep(asset: string, entry: CatalogueEntry): Promise<void> {
    await offers.changing(asset);
    await entries.put(asset, entry);
    listed.changed(asset);
    offers.changed(asset);
  }

  async function find(asset: string): Promise<CatalogueEntry> {
    const held = await heldListed(asset);
    if (held !== undefined) return held;
    const source = await operator();
    if (source === services.member) {
      throw new AssetError("ERR_ASSET_NOT_LISTED", `${asset}: its provider has not published it here yet`);
    }
    const target = await services.members.target(source);
    const path = `/peer/v1/catalogue/${encodeURIComponent(asset)}`;
    const { entry } = await services.peers
      .call(target, { method: "GET", path, response: EntryMessage })
      .catch(notListed(asset));
    const pulled = await checked(entry);
    if (pulled.statement.asset.id !== asset) {
      throw new AssetError("ERR_ASSET_NOT_LISTED", `${asset}: ${source} answered with ${pulled.statement.asset.id}`);
    }
    await keep(asset, pulled);
    return pulled;
  }

  async function publishOne(asset: string): Promise<void> {
    const mine = await own().find(asset);
    if (mine === undefined || mine.state !== "registered" || mine.policy === undefined) return;
    const statement = { asset: mine.asset, offer: mine.policy };
    const held = await entries.get(asset);
    const fresh =
      held !== undefined &&
      held.key === services.identity.key &&
      digestOf(held.statement.offer) === digestOf(statement.offer);
    const entry =
      fresh && digestOf(held.statement.asset) === digestOf(statement.asset)
        ? held
        : publishEntry(services.identity, { ...statement, publishedAt: services.now() });
    if (entry !== held) await keep(asset, entry);
    const target = await operator();
    const digest = digestOf(entry);
    if (target === services.member || (await pushed.get(asset))?.digest === digest) return;
    await services.peers.call(await services.members.target(target), {
      method: "POST",
      path: "/peer/v1/catalogue",
      body: { entry },
      response: EntryStored,
      attempts: 3,
    });
    await pushed.put(asset, { digest });
  }

  const unpublished = new Set<string>();
  let isAnyUnpublished = false;

  async function publishAll(): Promise<void> {
    clearTimeout(retry);
    try {
      if (isAnyUnpublished) for (const { asset } of await own().list()) unpublished.add(asset.id);
      isAnyUnpublished = false;
      for (const asset of unpublished) {
        // Before it is read: what changes meanwhile is published once more.
        unpublished.delete(asset);
        await publishOne(asset).catch((error: unknown) => {
          unpublished.add(asset);
          throw error;
        });
      }
    } catch (error) {
      if (stopped) return;
      services.log.warn({ err: error }, "catalogue: the operator does not take entries now; trying again");
      retry = setTimeout(() => void inTurn(), RETRY_MS);
      retry.unref();
    }
  }

  /** Asks the operator once for each entry that is not here; stops where it cannot be asked. One round at a time. */
  let pulling: Promise<void> | undefined;
  function pullMissing(): Promise<void> {
    pulling ??= pullAll().finally(() => {
      pulling = undefined;
    });
    return pulling;
  }
  async function pullAll(): Promise<void> {
    for (let next = listed.toAsk(PARALLEL_PULLS); next.length > 0 && !stopped; next = listed.toAsk(PARALLEL_PULLS)) {
      if (!(await pull(next))) return;
    }
    // Published since, perhaps; each search asks for some, so that many unpublished ones hold none up.
    await pull(listed.toAskAgain(PARALLEL_PULLS));
  }
  /** False where the operator is away or busy; what it did not answer is asked for in the next round. */
  async function pull(assets: readonly string[]): Promise<boolean> {
    const pulls = await Promise.allSettled(assets.map(find));
    const unanswered = assets.filter((_, at) => {
      const pulled = pulls[at]!;
      return pulled.status === "rejected" && !isAnswer(pulled.reason);
    });
    listed.notAnswered(unanswered);
    return unanswered.length === 0;
  }

  const catchingUp = setInterval(() => void listed.catchUp().catch(() => undefined), CATCH_UP_MS);
  catchingUp.unref();
  void listed.catchUp().catch(() => undefined);

  // One round at a time; whoever asks during a round gets the next one.
  let round: Promise<void> = Promise.resolve();
  function inTurn(): Promise<void> {
    round = round.then(publishAll);
    return round;
  }

  return Object.freeze({
    find,
    async search(search: CatalogueSearch) {
      await listed.catchUp();
      await Promise.race([pullMissing(), sleep(PULL_PATIENCE_MS, undefined, { ref: false })]);
      // What was pulled, and what was recorded meanwhile.
      await listed.catchUp();
      const ids = listed.search(search);
      const found: CatalogueEntry[] = [];
      for (let at = 0; at < ids.length; at += READ_AT_ONCE) {
        const some = await Promise.all(ids.slice(at, at + READ_AT_ONCE).map(current));
        found.push(...some.filter((entry) => entry !== undefined));
        await setImmediate();
      }
      return found;
    },
    async accept(value: unknown, from: string) {
      const entry = await checked(value);
      if (entry.signer !== from) {
        throw new AssetError("ERR_ASSET_NOT_LISTED", `entry of ${entry.signer} sent by ${from}`);
      }
      const { id } = entry.statement.asset;
      if ((await entries.get(id))?.signature !== entry.signature) await keep(id, entry);
    },
    async shown(asset: string, member: string) {
      const [entry, viewer] = await Promise.all([heldListed(asset), services.members.find(member)]);
      if (entry === undefined || viewer === undefined || entry.signer === member) return entry;
      const parsed = parsePolicy(entry.statement.offer);
      const isVisible = parsed.ok && isVisibleTo(audienceOf(parsed.terms), viewer.record, Date.parse(services.now()));
      return isVisible ? entry : undefined;
    },
    publish(asset?: string) {
      if (asset === undefined) isAnyUnpublished = true;
      else unpublished.add(asset);
      return inTurn();
    },
    offers,
    close() {
      stopped = true;
      clearInterval(catchingUp);
      clearTimeout(retry);
    },
  });
}

const notListed = (asset: string) => (error: unknown) => {
  const missing = error instanceof PeerError && error.answer?.status === 404;
  throw missing ? new AssetError("ERR_ASSET_NOT_LISTED", `${asset}: the operator has no entry of it yet`) : error;
};

/** The operator has been asked and has no entry that could be used; anything else may be different the next time. */
const isAnswer = (why: unknown): boolean =>
  why instanceof CatalogError ||
  (why instanceof AssetError && why.code === "ERR_ASSET_NOT_LISTED") ||
  (why instanceof PeerError && why.code === "ERR_PEER_TOO_LARGE");
