/** Search over the assets of a catalogue: what is looked at is prepared once for each asset, not for each search. */
import type { Asset } from "../../policies/model/asset.ts";

export interface CatalogueSearch {
  /** Words that must all occur in id, titles, description, keywords, or element ids and titles; any case. */
  readonly text?: string;
  readonly element?: string;
  readonly provider?: string;
  /** Grade level at most this one. */
  readonly level?: "L1" | "L2" | "L3" | "L4";
  readonly legal?: "core" | "important" | "general";
}

export interface CatalogueIndex {
  /** Takes the place of an earlier version. */
  put(asset: Asset): void;
  delete(asset: string): void;
  /** Ids of matching assets, ascending; at most 1,000. */
  search(search: CatalogueSearch): readonly string[];
  size(): number;
}

const MAX_RESULTS = 1000;

interface Row {
  readonly id: string;
  readonly grade: Asset["grade"];
  readonly elements: readonly string[];
  readonly text: string;
}

export function createCatalogueIndex(): CatalogueIndex {
  /** Ascending by id, so that a search can stop when it has enough, and one provider's assets stand together. */
  const rows: Row[] = [];
  const elements = new Map<string, string>();

  /** Where `id` is, or would be. */
  function placeOf(id: string): number {
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle]!.id < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  /** Few elements are named by many assets: each is kept once. */
  function shared(element: string): string {
    const known = elements.get(element);
    if (known === undefined) elements.set(element, element);
    return known ?? element;
  }

  return Object.freeze({
    put(asset: Asset) {
      const { id, grade } = asset;
      const named = [...new Set(asset.fields.map(({ element }) => shared(element)))];
      const row: Row = { id, grade: { ...grade }, elements: named, text: textOf(asset) };
      const at = placeOf(id);
      rows.splice(at, rows[at]?.id === id ? 1 : 0, row);
    },
    delete(asset: string) {
      const at = placeOf(asset);
      if (rows[at]?.id === asset) rows.splice(at, 1);
    },
    search(search: CatalogueSearch) {
      const words = (search.text ?? "")
        .toLowerCase()
        .split(/\s+/)
        .filter((word) => word !== "");
      const own = search.provider === undefined ? "" : `${search.provider}:`;
      const found: string[] = [];
      for (let at = placeOf(own); at < rows.length && found.length < MAX_RESULTS; at += 1) {
        const row = rows[at]!;
        if (!row.id.startsWith(own)) break;
        if (matches(row, search, words)) found.push(row.id);
      }
      return found;
    },
    size: () => rows.length,
  });
}

function matches({ grade, elements, text }: Row, search: CatalogueSearch, words: readonly string[]): boolean {
  if (search.level !== undefined && grade.level > search.level) return false;
  if (search.legal !== undefined && grade.legal !== search.legal) return false;
  if (search.element !== undefined && !elements.includes(search.element)) return false;
  return words.every((word) => text.includes(word));
}

const textOf = (asset: Asset): string =>
  [
    asset.id,
    ...Object.values(asset.title),
    asset.description ?? "",
    ...asset.keywords,
    ...asset.fields.flatMap((field) => [field.element, field.name, ...Object.values(field.title ?? {})]),
  ]
    .join("\n")
    .toLowerCase();
