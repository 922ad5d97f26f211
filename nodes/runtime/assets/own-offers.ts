/**
 * This node's entries as datasets that other participants find: kept on disk in the lists of offer-index.ts, in step
 * with the ledger. Every change of an asset replaces its text and its places in all lists in one write. What the ledger
 * has recorded since is looked at before anything is answered, so a policy that was replaced shows nothing any more.
 *
 *   at                        the first record that was not looked at
 *   text/<asset>, full/<asset>   the dataset in a list; by itself, where that is longer
 *   lists/<asset>             names of the lists it is in, and of its alarm
 *   in|<list>|<asset>
 *   due|<instant>|<asset>     a policy begins or ends then
 *   open|<asset>              on the ledger, but its signed entry is not here yet
 */
import { setImmediate } from "node:timers/promises";
import { readAsset } from "../../../chaincode/rules/keys.ts";
import type { AssetState } from "../../../chaincode/rules/records.ts";
import type { CatalogueEntry } from "../../../exchange/catalog/catalogue.ts";
import { datasetOf, formatsOf } from "../../../exchange/catalog/dcat.ts";
import type { CatalogFilter } from "../../../exchange/catalog/filter.ts";
import { deciding, listsOf, nextChange, type Viewer, visibleIds } from "../../../exchange/catalog/offer-index.ts";
import type { Direction, Place, ReadIds } from "../../../exchange/catalog/sorted-ids.ts";
import type { Ledger } from "../../../ledger/port.ts";
import { audienceOf } from "../../../policies/model/audience.ts";
import { parsePolicy } from "../../../policies/model/parse-policy.ts";
import type { TextChange, TextStore } from "../../store/texts.ts";
import { changedAsset } from "./changed-asset.ts";

/** Assets in one write; others get their turn in between. */
const SLICE = 50;
/** Longer metadata are not repeated in every list. */
const LISTED_METADATA_CHARACTERS = 32 * 1024;
/** Rebuilt where it was written by another version of this file. */
const FORMAT = "1";
const LAST = "~";
/** Later instants are written with more digits, and nobody waits for them. */
const LATEST_MS = Date.parse("9999-12-31T23:59:59.999Z");

export interface OwnOffers {
  /** Up to the ledger's present height, every `changed` before the call, and the present time. */
  catchUp(): Promise<void>;
  /** Runs while nothing is written. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  /** The entry of this asset that is here is another one now. */
  changed(asset: string): void;
  /** Another number before and after every change of what anybody sees; odd in between. */
  generation(): number;
  /** Up to `size` ids from a place on. */
  find(
    viewer: Viewer,
    filter: readonly CatalogFilter[],
    from: { readonly place: Place | undefined; readonly direction: Direction },
    size: number,
  ): Promise<readonly string[]>;
  /** JSON text of a dataset as it stands in a list. */
  text(asset: string): string | undefined;
  /** With all its metadata; undefined: this participant does not see it. */
  full(viewer: Viewer, asset: string): string | undefined;
  /** This member's lists are those of everybody of its kind: true of the generation that is the same before and after. */
  isOrdinary(viewer: Viewer): Promise<boolean>;
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
  let generation = 0;
  let isOpened = false;
  let due = 0;

  async function changesOf(asset: string): Promise<TextChange[]> {
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
    return [
      ...[...gone].filter((key) => !put.has(key)).map((key) => ({ key, text: undefined })),
      ...[...put].map(([key, text]) => ({ key, text })),
      { key: `text/${asset}`, text: listed },
      { key: `full/${asset}`, text: full },
      { key: `lists/${asset}`, text: shown === undefined ? undefined : JSON.stringify(kept) },
      { key: `open|${asset}`, text: wanted ? "" : undefined },
    ];
  }

  async function look(assets: readonly string[]): Promise<void> {
    for (let at = 0; at < assets.length; at += SLICE) {
      const some = assets.slice(at, at + SLICE);
      const changes = (await Promise.all(some.map(changesOf))).flat();
      generation += 1;
      await store.write(changes).finally(() => {
        generation += 1;
      });
      // A policy that begins or ends before the next alarm is the next alarm.
      due = 0;
      await setImmediate();
    }
  }

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
        await look(assets);
        assets = [];
      }
      await look(assets);
      await store.write([
        { key: "format", text: FORMAT },
        { key: "at", text: String(height) },
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
      await look(assets);
    } catch (error) {
      for (const asset of assets) changed.add(asset);
      throw error;
    }
    if (next > from) await store.write([{ key: "at", text: String(next) }]);
  }

  async function addDue(): Promise<void> {
    const now = clock();
    const past = await store.keys({ gt: "due|", lte: dueKey(now, LAST), limit: -1 });
    for (const key of past) changed.add(key.slice(key.lastIndexOf("|") + 1));
    const [first] = await store.keys({ gt: dueKey(now, LAST), lt: `due|${LAST}`, limit: 1 });
    due = first === undefined ? Number.POSITIVE_INFINITY : Date.parse(first.split("|")[1]!);
  }

  const readList =
    (list: string): ReadIds =>
    async (place, direction, limit) => {
      const [first, last] = [placeOf(list, ""), placeOf(list, LAST)];
      const start = place === undefined ? undefined : placeOf(list, place.id);
      const keys =
        direction === "up"
          ? await store.keys({ ...(place?.beyond ? { gt: start! } : { gte: start ?? first }), lt: last, limit })
          : await store.keys({
              ...(place?.beyond ? { lt: start! } : { lte: start ?? last }),
              gt: first,
              reverse: true,
              limit,
            });
      return keys.map((key) => key.slice(first.length));
    };

  // One at a time; what was recorded before the call is looked at when it resolves.
  let turn: Promise<void> = Promise.resolve();
  const ordinary = { generation: -1, viewers: new Map<string, boolean>() };
  return Object.freeze({
    catchUp() {
      turn = turn.then(readOn, readOn);
      return turn;
    },
    alone<T>(work: () => Promise<T>): Promise<T> {
      const done = turn.then(work, work);
      turn = done.then(
        () => undefined,
        () => undefined,
      );
      return done;
    },
    changed: (asset: string) => void (asset.startsWith(own) && changed.add(asset)),
    generation: () => generation,
    async find(viewer, filter, { place, direction }, size) {
      const ids = visibleIds(readList, viewer, filter, direction);
      const found: string[] = [];
      let id = await ids.seek(place);
      for (; id !== undefined && found.length < size; id = await ids.seek({ id, beyond: true })) found.push(id);
      return found;
    },
    text: (asset) => store.get(`text/${asset}`),
    full(viewer, asset) {
      const { some, none } = deciding(viewer);
      const isIn = (list: string) => store.get(placeOf(list, asset)) !== undefined;
      if (!some.some(isIn) || isIn(none)) return undefined;
      return store.get(`full/${asset}`) ?? store.get(`text/${asset}`);
    },
    async isOrdinary(viewer) {
      const of = generation;
      const known = ordinary.generation === of ? ordinary.viewers.get(viewer.id) : undefined;
      if (known !== undefined) return known;
      const { some, none } = deciding(viewer);
      const isEmpty = async (list: string) => (await readList(list)(undefined, "up", 1)).length === 0;
      const found = (await isEmpty(some[1]!)) && (await isEmpty(none));
      // Odd: these lists are being written. Another: they were.
      if (of % 2 === 1 || of !== generation) return found;
      if (ordinary.generation !== of) {
        ordinary.viewers.clear();
        ordinary.generation = of;
      }
      ordinary.viewers.set(viewer.id, found);
      return found;
    },
  } satisfies OwnOffers);
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
  const full = JSON.stringify(dataset);
  const { "sealane:asset": asset, ...listed } = dataset;
  if (JSON.stringify(asset).length <= LISTED_METADATA_CHARACTERS) return { listed: full };
  return { listed: JSON.stringify(listed), full };
}
