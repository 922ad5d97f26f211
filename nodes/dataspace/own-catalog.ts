/**
 * This node's assets as one participant sees them, page by page. A page goes on where the one before ended, by id:
 * whatever is registered, changed or withdrawn meanwhile, a dataset that stays is in exactly one page.
 */
import type { CatalogFilter } from "../../exchange/catalog/filter.ts";
import type { Viewer } from "../../exchange/catalog/offer-index.ts";
import type { Place } from "../../exchange/catalog/sorted-ids.ts";
import type { CatalogPage, CatalogPlace } from "../http/dataspace/catalog-routes.ts";
import type { MemberDirectory } from "../peer/member-directory.ts";
import type { OwnOffers } from "../runtime/assets/own-offers.ts";

export interface PageLimits {
  readonly datasets: number;
  /** Of the datasets' text; one is always in a page. */
  readonly characters: number;
}
const LIMITS: PageLimits = Object.freeze({ datasets: 100, characters: 1024 * 1024 });
/** Of all pages that are remembered. */
const REMEMBERED_CHARACTERS = 16 * 1024 * 1024;
/** Reads beside writes; then one in between. */
const TRIES = 3;

export function createOwnCatalog(
  offers: Omit<OwnOffers, "changed">,
  members: Pick<MemberDirectory, "find">,
  limits: PageLimits = LIMITS,
) {
  const remembered = createRemembered();

  async function viewerOf(participant: string): Promise<Viewer | undefined> {
    const member = await members.find(participant);
    return member?.status === "active" ? member.record : undefined;
  }

  async function read(viewer: Viewer, filter: readonly CatalogFilter[], place: CatalogPlace): Promise<CatalogPage> {
    const { after, before } = place;
    const direction = before === undefined ? "up" : "down";
    const id = before ?? after;
    const from = { place: id === undefined ? undefined : { id, beyond: true }, direction } as const;
    const ids: string[] = [];
    const datasets: string[] = [];
    let characters = 0;
    for (const found of await offers.find(viewer, filter, from, limits.datasets)) {
      const text = offers.text(found);
      if (text === undefined) continue;
      characters += text.length;
      if (characters > limits.characters && ids.length > 0) break;
      ids.push(found);
      datasets.push(text);
    }
    if (direction === "down") {
      ids.reverse();
      datasets.reverse();
    }
    const [first, last] = [ids[0], ids.at(-1)];
    const isThere = async (beyond: Place, way: "up" | "down") =>
      (await offers.find(viewer, filter, { place: beyond, direction: way }, 1)).length > 0;
    const next = last !== undefined && (await isThere({ id: last, beyond: true }, "up")) ? last : undefined;
    const previous = first !== undefined && (await isThere({ id: first, beyond: true }, "down")) ? first : undefined;
    return {
      datasets,
      ...(next === undefined ? {} : { next: { after: next } }),
      ...(previous === undefined ? {} : { previous: { before: previous } }),
    };
  }

  /** What nobody wrote beside: a text belongs to the lists that its id was found in. */
  async function settled<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly generation: number }> {
    for (let tried = 1; ; tried += 1) {
      await offers.catchUp();
      const generation = offers.generation();
      if (generation % 2 === 0) {
        const value = await work();
        if (offers.generation() === generation) return { value, generation };
      }
      if (tried >= TRIES)
        return await offers.alone(async () => ({ value: await work(), generation: offers.generation() }));
    }
  }

  return Object.freeze({
    async page(participant: string, filter: readonly CatalogFilter[], place: CatalogPlace): Promise<CatalogPage> {
      const viewer = await viewerOf(participant);
      if (viewer === undefined) return { datasets: [] };
      const { value, generation } = await settled(async () => {
        // Whose page it is follows from the same lists as what is in it.
        const who = (await offers.isOrdinary(viewer)) ? viewer.kind : `${viewer.kind}/${viewer.id}`;
        const key = JSON.stringify([who, filter, place.after ?? null, place.before ?? null]);
        return { key, page: remembered.get(key, offers.generation()) ?? (await read(viewer, filter, place)) };
      });
      remembered.put(value.key, generation, value.page);
      return value.page;
    },
    /** JSON text. */
    async dataset(participant: string, id: string): Promise<string | undefined> {
      const viewer = await viewerOf(participant);
      if (viewer === undefined) return undefined;
      return (await settled(async () => offers.full(viewer, id))).value;
    },
  });
}

/** Pages that are still what would be read; the ones that were asked for the longest ago go first. */
function createRemembered() {
  const pages = new Map<string, CatalogPage>();
  let of = -1;
  let characters = 0;
  const lengthOf = (key: string, page: CatalogPage) =>
    page.datasets.reduce((sum, text) => sum + text.length, key.length);
  function forget(key: string, page: CatalogPage): void {
    pages.delete(key);
    characters -= lengthOf(key, page);
  }
  return {
    get(key: string, generation: number): CatalogPage | undefined {
      const page = generation === of ? pages.get(key) : undefined;
      if (page === undefined) return undefined;
      pages.delete(key);
      pages.set(key, page);
      return page;
    },
    put(key: string, generation: number, page: CatalogPage): void {
      if (generation < of) return;
      if (generation > of) {
        pages.clear();
        characters = 0;
        of = generation;
      }
      const before = pages.get(key);
      if (before !== undefined) forget(key, before);
      pages.set(key, page);
      characters += lengthOf(key, page);
      for (const [oldest, one] of pages) {
        if (characters <= REMEMBERED_CHARACTERS) return;
        forget(oldest, one);
      }
    },
  };
}
