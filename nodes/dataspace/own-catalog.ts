/**
 * This node's assets as one participant sees them, page by page. A page goes on where the one before ended, by id:
 * whatever is registered, changed or withdrawn meanwhile, a dataset that stays is in exactly one page.
 */
import type { CatalogFilter } from "../../exchange/catalog/filter.ts";
import type { From } from "../../exchange/catalog/matching.ts";
import type { PackedText } from "../../exchange/catalog/packed-text.ts";
import type { Viewer } from "../../policies/model/audience.ts";
import type { CatalogPage, CatalogPlace } from "../http/dataspace/catalog-routes.ts";
import type { MemberDirectory } from "../peer/member-directory.ts";
import type { OwnOffers, SeenOffers } from "../runtime/assets/own-offers.ts";

export interface PageLimits {
  readonly datasets: number;
  /** Of the datasets' text in UTF-8; one is always in a page. */
  readonly bytes: number;
}
const LIMITS: PageLimits = Object.freeze({ datasets: 100, bytes: 1024 * 1024 });

export function createOwnCatalog(
  offers: Pick<OwnOffers, "look" | "full">,
  members: Pick<MemberDirectory, "find">,
  limits: PageLimits = LIMITS,
) {
  async function viewerOf(participant: string): Promise<Viewer | undefined> {
    const member = await members.find(participant);
    return member?.status === "active" ? member.record : undefined;
  }

  function read(seen: SeenOffers, { after, before }: CatalogPlace): CatalogPage {
    const direction: From["direction"] = before === undefined ? "up" : "down";
    const ids: string[] = [];
    const datasets: PackedText[] = [];
    let bytes = 0;
    for (const found of seen.from({ direction, id: before ?? after }, limits.datasets)) {
      const text = seen.text(found);
      bytes += text.length;
      if (bytes > limits.bytes && ids.length > 0) break;
      ids.push(found);
      datasets.push(text);
    }
    if (direction === "down") {
      ids.reverse();
      datasets.reverse();
    }
    const [first, last] = [ids[0], ids.at(-1)];
    const isThere = (place: From) => seen.from(place, 1).length > 0;
    const next = last !== undefined && isThere({ direction: "up", id: last }) ? last : undefined;
    const previous = first !== undefined && isThere({ direction: "down", id: first }) ? first : undefined;
    return {
      datasets,
      ...(next === undefined ? {} : { next: { after: next } }),
      ...(previous === undefined ? {} : { previous: { before: previous } }),
    };
  }

  return Object.freeze({
    async page(participant: string, filter: readonly CatalogFilter[], place: CatalogPlace): Promise<CatalogPage> {
      const viewer = await viewerOf(participant);
      return viewer === undefined ? { datasets: [] } : await offers.look(viewer, filter, (seen) => read(seen, place));
    },
    async dataset(participant: string, id: string): Promise<PackedText | undefined> {
      const viewer = await viewerOf(participant);
      return viewer === undefined ? undefined : await offers.full(viewer, id);
    },
  });
}
