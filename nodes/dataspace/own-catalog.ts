/** This node's assets as other participants see them: those that are on the ledger and have a policy. */
import { type DataService, type Dataset, datasetOf } from "../../exchange/catalog/dcat.ts";
import type { NodeServices } from "../runtime/services.ts";

type Assets = Pick<NodeServices["assets"], "find" | "list">;
type Own = Awaited<ReturnType<Assets["list"]>>[number];

export interface Place {
  readonly after?: string;
  readonly before?: string;
}

export function createOwnCatalog(assets: Assets, service: DataService) {
  const shown = ({ asset, policy, state }: Own): Dataset[] =>
    policy === undefined || state !== "registered" ? [] : [datasetOf(asset, policy, service)];
  return Object.freeze({
    async page(_participant: string, place: Place, size: number) {
      const all = (await assets.list()).flatMap(shown);
      return pageOf(all, place, size);
    },
    async dataset(_participant: string, id: string) {
      const own = await assets.find(id);
      return own === undefined ? undefined : shown(own)[0];
    },
  });
}

/** `all` ascends by id. */
export function pageOf(all: readonly Dataset[], { after, before }: Place, size: number) {
  const firstAt = (isThere: (id: string) => boolean): number => {
    const at = all.findIndex((one) => isThere(one["@id"]));
    return at < 0 ? all.length : at;
  };
  const from =
    before === undefined
      ? firstAt((id) => after === undefined || id > after)
      : Math.max(0, firstAt((id) => id >= before) - size);
  const datasets = all.slice(from, from + size);
  return { datasets, hasPrevious: from > 0 && datasets.length > 0, hasNext: from + size < all.length };
}
