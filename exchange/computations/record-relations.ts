/**
 * What holds between record keys by definition: a total over an element dimension is the sum of its cells, a filter on
 * codes the sum of the cells of those codes. So a table by year and a total over all years are solved together, and so
 * are periods and ranges of numbers and dates (record-ranges.ts).
 * Classes of a number add up to the total over their own cut; a class that two cuts share is the same sum in both.
 */
import { canonicalJson } from "../../crypto/suites/digest.ts";
import type { Relation } from "../../policies/disclosure/equations.ts";
import { type Asset, leafCodes } from "../../policies/model/asset.ts";
import type { Query } from "../../policies/model/query.ts";
import { type Limits, limitsOf, piecesOf, type Ranges } from "./record-ranges.ts";

/** Element to its codes. */
export type CodeDomains = ReadonlyMap<string, ReadonlySet<string>>;

/** The same as JSON. */
export type CodeTables = Readonly<Record<string, readonly string[]>>;

export const codeTables = (domains: CodeDomains): CodeTables =>
  Object.fromEntries([...domains].map(([element, codes]) => [element, [...codes].sort()]));

/**
 * Where cohorts had other codes of an element, a total is over those of its own cohort: taken for one over all of them,
 * it would seem to hold cells that hide what total minus cells gives away. Undefined where all had the same.
 */
export function ownTables(
  tables: ReadonlySet<CodeTables>,
): ((record: string, table: CodeTables) => string) | undefined {
  const forms = new Map<string, Set<string>>();
  for (const [element, codes] of [...tables].flatMap((table) => Object.entries(table))) {
    forms.set(element, (forms.get(element) ?? new Set()).add(canonicalJson(codes)));
  }
  const unlike = [...forms].flatMap(([element, { size }]) => (size > 1 ? [element] : []));
  if (unlike.length === 0) return undefined;
  return (record, table) => {
    const parts = JSON.parse(record) as RecordParts;
    const limited = new Set(parts.cell.flatMap((one) => Object.keys(one)));
    const open = unlike.filter((element) => Object.hasOwn(table, element) && !limited.has(element));
    if (open.length === 0) return record;
    return canonicalJson({ ...parts, within: Object.fromEntries(open.map((element) => [element, table[element]])) });
  };
}

/** Above this many cells of one family its relations are not worked out. */
export const MAX_FAMILY_CELLS = 10_000;

/** Shape of `recordKey` and `sumRecords` of exchange/statistics/layout.ts. */
interface RecordParts {
  readonly word: unknown;
  readonly filters: Query["filters"];
  readonly period: Query["period"] | null;
  readonly cell: readonly Readonly<Record<string, string>>[];
  /** Element to the cut that its class is of. */
  readonly cuts?: Readonly<Record<string, string>>;
  /** Codes there are of elements that the record is not limited in: see `ownTables`. */
  readonly within?: CodeTables;
}
/** A record key: its family, and the codes it is limited to, by element. */
interface Place {
  readonly record: string;
  readonly family: string;
  readonly codes: ReadonlyMap<string, ReadonlySet<string>>;
  /** What it is limited to of numbers, dates and periods. */
  readonly limits: Limits;
  /** The same for places that differ in nothing but the cut of a class. */
  readonly cell: string;
}

export function codeDomains(assets: readonly Asset[]): CodeDomains {
  const domains = new Map<string, Set<string>>();
  for (const { fields, codeTables } of assets) {
    for (const field of fields) {
      const table = field.codeTable === undefined ? undefined : codeTables[field.codeTable];
      if (table === undefined) continue;
      const codes = domains.get(field.element) ?? new Set();
      for (const code of leafCodes(table)) codes.add(code);
      domains.set(field.element, codes);
    }
  }
  return domains;
}

/** What it takes to place a record among others. */
export interface Places {
  readonly domains: CodeDomains;
  /** Absent: nothing is known of what there is below and above a range. */
  readonly ranges?: Ranges;
  /** There may be rows in no range at all: without a value, or with one that is out of bounds. */
  readonly beyond?: boolean;
}

/** Keys of one family are sums of the same cells; keys of two families never tell anything of each other. */
export const familyOf = (record: string, among: Places): string => placeOf(record, among).family;

/** Limited to a period, or to numbers or dates. */
export function isRanged(record: string, among: Places): boolean {
  return placeOf(record, among).limits.size > 0;
}

/** Records of two kinds are never of one family, whatever codes there are. */
export function kindOf(record: string): string {
  const { word } = JSON.parse(record) as RecordParts;
  return canonicalJson({ word });
}

/** Undefined where a family has too many cells. */
export function relationsOf(records: Iterable<string>, among: Places): readonly Relation[] | undefined {
  const families = new Map<string, Place[]>();
  for (const record of new Set(records)) {
    const place = placeOf(record, among);
    const places = families.get(place.family);
    if (places === undefined) families.set(place.family, [place]);
    else places.push(place);
  }
  const relations: Relation[] = [];
  for (const [family, places] of families) {
    const cut = cutPlaces(places, among);
    for (const together of apart(cut.places)) {
      const found = relationsWithin(family, together, cut.domains);
      if (found === undefined) return undefined;
      relations.push(...found);
    }
  }
  return relations;
}

/** Ranges as sets of the pieces that all of them cut. */
function cutPlaces(
  places: readonly Place[],
  among: Places,
): { readonly places: readonly Place[]; readonly domains: CodeDomains } {
  const { domains, beyond = false } = among;
  const axes = [...new Set(places.flatMap(({ limits }) => [...limits.keys()]))].sort();
  if (axes.length === 0) return { places, domains };
  const all = new Map(domains);
  const codes = new Map(places.map((one) => [one, new Map(one.codes)]));
  for (const axis of axes) {
    const name = `range ${axis}`;
    const pieces = piecesOf(
      axis,
      places.map(({ limits }) => limits),
      among,
    );
    all.set(name, beyond ? new Set([...pieces.all, "beyond"]) : pieces.all);
    for (const one of places) {
      const own = pieces.of.get(one.limits);
      // In no piece but what may be beyond: what is not limited.
      if (own !== undefined && (beyond || own.size < pieces.all.size)) codes.get(one)!.set(name, own);
    }
  }
  return { places: places.map((one) => ({ ...one, codes: codes.get(one)! })), domains: all };
}

/** Places of pieces that share none, as months are without a year that holds them, tell nothing of each other. */
function apart(places: readonly Place[]): readonly (readonly Place[])[] {
  const axis = places.flatMap(({ codes }) => [...codes.keys()]).find((name) => name.startsWith("range "));
  if (axis === undefined || places.some(({ codes }) => !codes.has(axis))) return [places];
  const parents = new Map<string, string>();
  const root = (piece: string): string => {
    let at = piece;
    for (let up = parents.get(at); up !== undefined && up !== at; up = parents.get(at)) at = up;
    return at;
  };
  const first = ({ codes }: Place): string => codes.get(axis)!.values().next().value ?? "";
  for (const one of places) for (const piece of one.codes.get(axis)!) parents.set(root(piece), root(first(one)));
  return [...Map.groupBy(places, (one) => root(first(one))).values()];
}

function placeOf(record: string, { domains, ranges }: Places): Place {
  const { word, filters, period, cell, cuts = {}, within = {} } = JSON.parse(record) as RecordParts;
  const codes = new Map<string, ReadonlySet<string>>();
  const limit = (element: string, to: readonly string[]) => {
    const before = codes.get(element);
    codes.set(element, new Set(before === undefined ? to : to.filter((code) => before.has(code))));
  };
  const isCoded = ({ element, operator }: Query["filters"][number]) =>
    domains.has(element) && (operator === "eq" || operator === "isAnyOf");
  for (const filter of filters) if (isCoded(filter)) limit(filter.element, filter.values);
  for (const [element, code] of cell.flatMap((one) => Object.entries(one))) {
    limit(Object.hasOwn(cuts, element) ? `${element} ${cuts[element]}` : element, [code]);
  }
  for (const [element, all] of Object.entries(within)) limit(element, all);
  const uncoded = filters.filter((filter) => !isCoded(filter));
  const { limits, others } = limitsOf(uncoded, period, ranges);
  const family = canonicalJson({ word, filters: others });
  return { record, family, codes, limits, cell: canonicalJson({ filters, period, cell, within }) };
}

/** Every key as the sum of the finest cells that the family's keys tell apart. */
function relationsWithin(
  family: string,
  places: readonly Place[],
  domains: CodeDomains,
): readonly Relation[] | undefined {
  const shared = sharedClasses(places);
  if (shared.length === 0 && isPlainTable(places)) return [];
  const elements = [...new Set(places.flatMap(({ codes }) => [...codes.keys()]))].sort();
  const blocks = new Map(elements.map((element) => [element, blocksOf(element, places, domains)]));
  const size = [...blocks.values()].reduce((cells, { length }) => cells * length, 1);
  if (size > MAX_FAMILY_CELLS) return undefined;
  const cellsOf = ({ codes }: Place): readonly string[] => {
    let cells: readonly (readonly string[])[] = [[]];
    for (const [element, all] of blocks) {
      const within = all.filter((code) => codes.get(element)?.has(code) ?? true);
      cells = cells.flatMap((cell) => within.map((code) => [...cell, code]));
    }
    return cells.map((cell) => canonicalJson({ family, cell }));
  };
  const sums = places.map((place) => ({ record: place.record, cells: cellsOf(place) }));
  const used = sums.flatMap(({ cells }) => cells);
  const isTable = sums.every(({ cells }) => cells.length === 1) && new Set(used).size === used.length;
  if (isTable) return shared;
  const totals = sums.map(({ record, cells }) => [
    { record, coefficient: 1n },
    ...cells.map((cell) => ({ record: cell, coefficient: -1n })),
  ]);
  return [...shared, ...totals];
}

/** Records of one class in several cuts are equal. */
function sharedClasses(places: readonly Place[]): readonly Relation[] {
  return [...Map.groupBy(places, ({ cell }) => cell).values()].flatMap(([first, ...others]) =>
    others.map(({ record }) => [
      { record: first!.record, coefficient: 1n },
      { record, coefficient: -1n },
    ]),
  );
}

/** Every key is another single cell of the same elements: nothing is a sum of others, whatever the size of the table. */
function isPlainTable(places: readonly Place[]): boolean {
  const elements = [...(places[0]?.codes.keys() ?? [])].sort();
  const cells = new Set<string>();
  for (const { codes } of places) {
    if (codes.size !== elements.length || elements.some((element) => codes.get(element)?.size !== 1)) return false;
    cells.add(JSON.stringify(elements.map((element) => [...codes.get(element)!])));
  }
  return cells.size === places.length;
}

/** Codes that every key treats alike are one block; each block is named by its first code. */
function blocksOf(element: string, places: readonly Place[], domains: CodeDomains): readonly string[] {
  const limits = places.flatMap(({ codes }) => codes.get(element) ?? []);
  const codes = new Set([...(domains.get(element) ?? []), ...limits.flatMap((limit) => [...limit])]);
  const first = new Map<string, string>();
  for (const code of [...codes].sort()) {
    const pattern = limits.map((limit) => (limit.has(code) ? "1" : "0")).join("");
    if (!first.has(pattern)) first.set(pattern, code);
  }
  return [...first.values()];
}
