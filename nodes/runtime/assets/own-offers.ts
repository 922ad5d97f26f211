/**
 * This node's entries as datasets that other participants find: kept on disk in the lists of offer-index.ts, in step
 * with the ledger. Every change of an asset replaces its text and its places in all lists in one write. What the ledger
 * has recorded since is looked at before anything is answered, so a policy that was replaced shows nothing any more.
 *
 *   at                        the first record that was not looked at
 *   text/<asset>, full/<asset>   the packed dataset in a list; by itself, where that is longer
 *   lists/<asset>             names of the lists it is in, and of its alarm
 *   in|<list>|<asset>
 *   due|<instant>|<asset>     a policy begins or ends then
 *   open|<asset>              looked at again after a start: on the ledger, but its signed entry is not here yet, or
 *                             about to be another one
 */
import { setImmediate } from "node:timers/promises";
import { readAsset } from "../../../chaincode/rules/keys.ts";
import type { AssetState } from "../../../chaincode/rules/records.ts";
import type { CatalogueEntry } from "../../../exchange/catalog/catalogue.ts";
import { datasetOf, formatsOf, packedDataset } from "../../../exchange/catalog/dcat.ts";
import type { CatalogFilter } from "../../../exchange/catalog/filter.ts";
import { type Matching, matching, type Wanted } from "../../../exchange/catalog/matching.ts";
import type { NumberSet } from "../../../exchange/catalog/number-set.ts";
import { deciding, listsOf, nextChange, wantedLists } from "../../../exchange/catalog/offer-index.ts";
import { type PackedText, packedBytes, packedFrom } from "../../../exchange/catalog/packed-text.ts";
import type { Ledger } from "../../../ledger/port.ts";
import { audienceOf, type Viewer } from "../../../policies/model/audience.ts";
import { parsePolicy } from "../../../policies/model/parse-policy.ts";
import type { TextChange, TextStore } from "../../store/texts.ts";
import { changedAsset } from "./changed-asset.ts";
import { createHeldLists } from "./held-lists.ts";
import { createHeldTexts } from "./held-texts.ts";

/** Assets in one write; others get their turn in between. */
const SLICE = 50;
/** Longer metadata are not repeated in every list. */
const LISTED_METADATA_CHARACTERS = 32 * 1024;
/** Rebuilt where it was written by another version of this file. */
const FORMAT = "3";
const LAST = "~";
/** Of lists in memory; the ids, each of them once, are beside it. */
const HELD_BYTES = 32 * 1024 * 1024;
/** Of packed texts in memory, some 1 kB for each dataset. */
const HELD_TEXT_BYTES = 128 * 1024 * 1024;
/** Reads beside writes; then one in between. */
const TRIES = 3;
/** Later instants are written with more digits, and nobody waits for them. */
const LATEST_MS = Date.parse("9999-12-31T23:59:59.999Z");

export interface OwnOffers {
  /** Up to the ledger's present height, every `changed` before the call, and the present time. */
  catchUp(): Promise<void>;
  /** The entry of this asset that is here is about to be another one. Before it is on disk: a start looks again. */
  changing(asset: string): Promise<void>;
  /** It is another one now. */
  changed(asset: string): void;
  /** Caught up, and while nothing is written: `work` sees what belongs together, and awaits nothing. */
  look<T>(viewer: Viewer, filter: readonly CatalogFilter[], work: (seen: SeenOffers) => T): Promise<T>;
  /** With all its metadata; undefined: this participant does not see it. */
  full(viewer: Viewer, asset: string): Promise<PackedText | undefined>;
}

export interface SeenOffers extends Matching {
  /** The dataset as it stands in a list. */
  text(asset: string): PackedText;
}

export function createOwnOffers(options: {
  readonly member: string;
  readonly ledger: Pick<Ledger, "entries" | "get" | "range" | "status">;
  /** The signed entry of an active asset that is here and matches the ledger. */
  readonly held: (asset: string) => Promise<CatalogueEntry | undefined>;
  readonly store: TextStore;
  readonly now: () => string;
}): OwnOffers {
  const { ledger, member, store } = options;
  const clock = () => Date.parse(options.now());
  const own = `${member}:`;
  const changed = new Set<string>();
  /** Their entries are being written. */
  const changing = new Set<string>();
  const lists = createHeldLists({ read: readList, bytes: HELD_BYTES });
  const texts = createHeldTexts({ read: (asset) => store.bytes(`text/${asset}`)!, bytes: HELD_TEXT_BYTES });
  /** Another number before and after every write; odd in between. */
  let generation = 0;
  let isOpened = false;
  let due = 0;

  async function changesOf(asset: string): Promise<AssetChange> {
    const before = read<Kept>(store.get(`lists/${asset}`)) ?? { lists: [] };
    const onLedger = await readAsset(ledger, asset);
    const entry = onLedger?.state === "active" ? await options.held(asset) : undefined;
    const parsed = entry === undefined ? undefined : parsePolicy(entry.statement.offer);
    const now = clock();
    const audience = parsed?.ok === true ? audienceOf(parsed.terms) : undefined;
    const shown =
      entry === undefined || audience === undefined
        ? undefined
        : {
            entry,
            lists: listsOf(entry.statement.asset, formatsOf(entry.statement.offer), audience, now),
            next: nextChange(audience, now),
          };
    const alarm = shown?.next === undefined || shown.next > LATEST_MS ? undefined : dueKey(shown.next, asset);
    const gone = new Set([...before.lists.map((list) => placeOf(list, asset)), ...(before.due ? [before.due] : [])]);
    const put = new Map<string, string>();
    for (const list of shown?.lists ?? []) put.set(placeOf(list, asset), "");
    if (alarm !== undefined) put.set(alarm, "");
    const { listed, full } = shown === undefined ? {} : textsOf(shown.entry);
    const kept = { lists: shown?.lists ?? [], ...(alarm === undefined ? {} : { due: alarm }) };
    const wanted = onLedger?.state === "active" && entry === undefined;
    return {
      asset,
      before: before.lists,
      after: kept.lists,
      texts: [
        ...[...gone].filter((key) => !put.has(key)).map((key) => ({ key, value: undefined })),
        ...[...put].map(([key, value]) => ({ key, value })),
        { key: `text/${asset}`, value: listed },
        { key: `full/${asset}`, value: full },
        { key: `lists/${asset}`, value: shown === undefined ? undefined : JSON.stringify(kept) },
        { key: `open|${asset}`, value: wanted ? "" : undefined },
      ],
    };
  }

  async function renew(assets: readonly string[]): Promise<void> {
    for (let at = 0; at < assets.length; at += SLICE) {
      const some = assets.slice(at, at + SLICE);
      const changes = await Promise.all(some.map(changesOf));
      generation += 1;
      try {
        await store.write(changes.flatMap((change) => [...change.texts, ...markOf(change.asset)]));
        for (const { asset, before, after } of changes) {
          lists.change(asset, before, after);
          texts.forget(lists.order.numberOf(asset)!);
        }
      } catch (error) {
        lists.forget();
        texts.clear();
        throw error;
      } finally {
        generation += 1;
      }
      // A policy that begins or ends before the next alarm is the next alarm.
      due = 0;
      await setImmediate();
    }
  }

  /** What has changed since it was read keeps its mark. */
  const markOf = (asset: string): readonly TextChange[] =>
    changing.has(asset) || changed.has(asset) ? [{ key: `open|${asset}`, value: "" }] : [];

  /** What the index on disk is behind by is on the ledger, or marked in it. */
  async function open(): Promise<void> {
    await store.opened();
    const { height } = await ledger.status();
    const at = store.get("at");
    if (at === undefined || store.get("format") !== FORMAT || Number(at) > height) {
      await store.clear();
      let assets: string[] = [];
      for await (const [, { asset }] of ledger.range<AssetState>(`asset/${own}`)) {
        assets.push(asset);
        if (assets.length < SLICE) continue;
        await renew(assets);
        assets = [];
      }
      await renew(assets);
      await store.write([
        { key: "format", value: FORMAT },
        { key: "at", value: String(height) },
      ]);
    }
    for (const key of await store.keys({ gt: "open|", lt: `open|${LAST}`, limit: -1 })) {
      changed.add(key.slice("open|".length));
    }
    isOpened = true;
  }

  async function readOn(): Promise<void> {
    if (!isOpened) await open();
    const from = Number(store.get("at"));
    const { height } = await ledger.status();
    let next = from;
    if (height > from) {
      for await (const entry of ledger.entries(from)) {
        const asset = changedAsset(entry);
        if (asset?.startsWith(own) === true) changed.add(asset);
        next = entry.position + 1;
      }
    }
    if (clock() >= due) await addDue();
    const assets = [...changed];
    // Before they are read: what changes while it is read is looked at again.
    for (const asset of assets) changed.delete(asset);
    try {
      await renew(assets);
    } catch (error) {
      for (const asset of assets) changed.add(asset);
      throw error;
    }
    if (next > from) await store.write([{ key: "at", value: String(next) }]);
  }

  async function addDue(): Promise<void> {
    const now = clock();
    const past = await store.keys({ gt: "due|", lte: dueKey(now, LAST), limit: -1 });
    for (const key of past) changed.add(key.slice(key.lastIndexOf("|") + 1));
    const [first] = await store.keys({ gt: dueKey(now, LAST), lt: `due|${LAST}`, limit: 1 });
    due = first === undefined ? Number.POSITIVE_INFINITY : Date.parse(first.split("|")[1]!);
  }

  async function readList(list: string, after: string | undefined, limit: number): Promise<readonly string[]> {
    const first = placeOf(list, "");
    const keys = await store.keys({ gt: placeOf(list, after ?? ""), lt: placeOf(list, LAST), limit });
    return keys.map((key) => key.slice(first.length));
  }

  async function setsOf({ all, none }: Wanted<string>): Promise<Wanted<NumberSet>> {
    const sets = (names: readonly string[]) => Promise.all(names.map(lists.get));
    return { all: await Promise.all(all.map(sets)), none: await lists.get(none) };
  }

  const text = (asset: string): PackedText => texts.get(lists.order.numberOf(asset)!, asset);

  // One at a time; what was recorded before the call is looked at when it resolves.
  let turn: Promise<void> = Promise.resolve();
  function catchUp(): Promise<void> {
    turn = turn.then(readOn, readOn);
    return turn;
  }
  /** Runs while nothing is written. */
  function alone<T>(work: () => Promise<T>): Promise<T> {
    const done = turn.then(work, work);
    turn = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  return Object.freeze({
    catchUp,
    async changing(asset: string) {
      if (!asset.startsWith(own)) return;
      changing.add(asset);
      await store.opened();
      await store.write([{ key: `open|${asset}`, value: "" }]);
    },
    changed(asset: string) {
      changing.delete(asset);
      if (asset.startsWith(own)) changed.add(asset);
    },
    async look<T>(viewer: Viewer, filter: readonly CatalogFilter[], work: (seen: SeenOffers) => T) {
      const wanted = wantedLists(viewer, filter);
      const seen = (sets: Wanted<NumberSet>): T => work({ ...matching(lists.order, sets), text });
      for (let tried = 1; tried <= TRIES; tried += 1) {
        await catchUp();
        const before = generation;
        const sets = await setsOf(wanted);
        if (before % 2 === 0 && before === generation) return seen(sets);
      }
      return await alone(async () => seen(await setsOf(wanted)));
    },
    async full(viewer: Viewer, asset: string) {
      await catchUp();
      const { all, none } = deciding(viewer);
      const isIn = (list: string) => store.get(placeOf(list, asset)) !== undefined;
      const read = async () => {
        if (!all.every((some) => some.some(isIn)) || isIn(none)) return undefined;
        return packedFrom((store.bytes(`full/${asset}`) ?? store.bytes(`text/${asset}`))!);
      };
      return await (generation % 2 === 0 ? read() : alone(read));
    },
  } satisfies OwnOffers);
}

interface AssetChange {
  readonly asset: string;
  /** Names of the lists it is in. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly texts: readonly TextChange[];
}

interface Kept {
  readonly lists: readonly string[];
  readonly due?: string;
}

const read = <T>(text: string | undefined): T | undefined => (text === undefined ? undefined : (JSON.parse(text) as T));
const placeOf = (list: string, asset: string): string => `in|${list}|${asset}`;
/** Instants of one length, so that they stand in their order. */
const dueKey = (at: number, asset: string): string => `due|${new Date(at).toISOString()}|${asset}`;

function textsOf(entry: CatalogueEntry) {
  const dataset = datasetOf(entry);
  const full = packedBytes(packedDataset(dataset));
  const { "sealane:asset": asset, ...listed } = dataset;
  if (JSON.stringify(asset).length <= LISTED_METADATA_CHARACTERS) return { listed: full };
  return { listed: packedBytes(packedDataset(listed)), full };
}
