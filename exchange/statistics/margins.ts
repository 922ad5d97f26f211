/**
 * Totals over the dimensions of a table, worked out by the receiver from the cells it has (`totals` of a query). What is
 * asked for has to add up: statistical units are counted once in each code, so over codes their numbers do not.
 */
import type { Query, Statistic } from "../../policies/model/query.ts";
import { aboveOf, atomCodes, type CellCodes, type Layout, type LayoutDomain } from "./layout.ts";

export interface Margin {
  /** Per dimension: a code, a level of codes, or undefined: all codes. At least one is no code. */
  readonly codes: CellCodes;
  /** Cells that it adds up, ascending. */
  readonly atoms: readonly number[];
}

/** None where the query asks for none; those over one dimension first. */
export function marginsOf(layout: Pick<Layout, "query" | "domains" | "atoms">): readonly Margin[] {
  if (layout.query.totals !== true) return [];
  const margins = new Map<string, { readonly codes: CellCodes; readonly over: number; readonly atoms: number[] }>();
  for (let atom = 0; atom < layout.atoms; atom++) {
    const own = atomCodes(layout as Layout, atom);
    let places: readonly { readonly codes: CellCodes; readonly over: number }[] = [{ codes: [], over: 0 }];
    for (const [i, code] of own.entries()) {
      const above = chainOf(layout.domains[i]!, code);
      places = places.flatMap(({ codes, over }) => [
        { codes: [...codes, code], over },
        ...above.map((one) => ({ codes: [...codes, one], over: over | (1 << i) })),
      ]);
    }
    for (const { codes, over } of places) {
      if (over === 0) continue;
      const key = JSON.stringify(codes.map((code) => code ?? null));
      const margin = margins.get(key) ?? { codes, over, atoms: [] };
      margins.set(key, margin);
      margin.atoms.push(atom);
    }
  }
  return [...margins.values()]
    .sort((a, b) => bitsIn(a.over) - bitsIn(b.over) || a.over - b.over)
    .map(({ codes, atoms }) => ({ codes, atoms }));
}

/** Levels above a code, the nearest first, and all codes. */
function chainOf(domain: LayoutDomain, code: string): readonly (string | undefined)[] {
  const chain: (string | undefined)[] = [];
  for (let up = aboveOf(domain, code); up !== undefined; up = aboveOf(domain, up)) chain.push(up);
  return [...chain, undefined];
}

const bitsIn = (number: number): number => number.toString(2).replaceAll("0", "").length;

/** `overAttributes`: every dimension is one of the registry, so that nobody is counted twice. */
export const isAdditive = (kind: Statistic["kind"], overAttributes: boolean): boolean =>
  ADDITIVE.includes(kind) || (kind === "count" && overAttributes);

const ADDITIVE: readonly string[] = ["sum", "mean", "ratio", "weighted-sum", "weighted-ratio"];

export interface TotalsProblem {
  readonly why: "no-dimension" | "classes" | "not-additive";
  readonly measure?: string;
}

/** Why no totals can be had of a query that asks for them; undefined: they can. */
export function totalsProblem({
  totals,
  measures,
  groupBy,
}: Pick<Query, "totals" | "measures" | "groupBy">): TotalsProblem | undefined {
  if (totals !== true) return undefined;
  if (groupBy.length === 0) return { why: "no-dimension" };
  if (groupBy.some((dimension) => "element" in dimension && dimension.edges !== undefined)) return { why: "classes" };
  const overAttributes = groupBy.every((dimension) => "attribute" in dimension);
  const measure = measures.find(({ statistic: { kind } }) => !isAdditive(kind, overAttributes));
  return measure === undefined ? undefined : { why: "not-additive", measure: measure.id };
}
