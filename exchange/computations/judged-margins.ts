/**
 * Totals of a table with margins, judged as one table of one to three ways: what is withheld beside a published margin stays
 * unknown by the protection interval to the public and to each contributor (policies/disclosure/suppress.ts).
 */

import type { SumRule } from "../../policies/disclosure/known-sums.ts";
import { largestContributors } from "../../policies/disclosure/largest-contributors.ts";
import { type CellFacts, primaryCells } from "../../policies/disclosure/primary.ts";
import type { Relation, Shape } from "../../policies/disclosure/shape.ts";
import { suppress } from "../../policies/disclosure/suppress.ts";
import { namesLargest } from "../../policies/model/output-terms.ts";
import type { LayoutDomain } from "../statistics/layout.ts";
import { inOneStep, isToldAlready, type Judges, knownRules, type PresentTotal } from "./judged-totals.ts";
import type { SumEquation } from "./release-check.ts";
import { marginSums, type ResultTable } from "./result-table.ts";

/** Above this many cells and margins nothing is proven, and all of them are withheld. */
export const MAX_TABLE_CELLS = 20_000;

export interface MarginInputs {
  readonly table: ResultTable;
  readonly domains: readonly LayoutDomain[];
  readonly present: readonly PresentTotal[];
  readonly earlier: readonly SumEquation[];
}

/** Each withheld total with the rule; nothing where no totals were asked for. */
export function judgeMargins(
  { table, domains, present, earlier }: MarginInputs,
  { output, need, solver, isLate }: Judges,
): ReadonlyMap<PresentTotal, SumRule> {
  const withheld = new Map<PresentTotal, SumRule>();
  if (table.margins.length === 0 || !namesLargest(output)) return withheld;
  const rules = knownRules(output, need);
  const sums = marginSums(table, domains);
  for (const totals of Map.groupBy(present, ({ component }) => component).values()) {
    const place = new Map(totals.map(({ atom }, at) => [atom, at]));
    const sumsIn = inOneStep(totals.map((one) => one.facts));
    const facts = totals.map((one): CellFacts => sumsIn(one.facts)!);
    const relations = sums.map(
      ({ total, parts }): Relation => ({
        total: place.get(total)!,
        parts: parts.map((part) => place.get(part)!),
      }),
    );
    const primary = primaryCells(facts, relations, rules);
    if (primary.size === 0) continue;
    const everything = () => {
      for (const [at, one] of totals.entries()) withheld.set(one, primary.get(at)?.[0] ?? "protection-interval");
    };
    const isInexact = facts.some(({ mayBeFewer }) => mayBeFewer === true);
    if (solver === undefined || isInexact || totals.length > MAX_TABLE_CELLS || isLate()) {
      everything();
      continue;
    }
    const found = suppress(
      {
        table: { values: facts.map(({ total }) => Number(total)), relations },
        primary: new Set(primary.keys()),
        fixed: new Set(
          totals
            .keys()
            .filter((at) => earlier.some((one) => one.withheld !== true && isToldAlready(one, [totals[at]!]))),
        ),
        attackers: largestContributors(
          shapeOf(totals.length, relations, (at) => table.groupOf(totals[at]!.atom)),
          facts,
          domains.every(({ kind }) => kind === "attribute") ? "one-cell" : "any-cell",
        ),
        protection: rules.protection,
        isLate,
      },
      solver,
    );
    if (found.kind === "impossible") everything();
    else for (const at of found.withheld) withheld.set(totals[at]!, primary.get(at)?.[0] ?? "protection-interval");
  }
  return withheld;
}

function shapeOf(
  cells: number,
  relations: readonly Relation[],
  groupOf: (at: number) => Record<string, string>,
): Shape {
  const totals = new Set(relations.map(({ total }) => total));
  const above = new Map<number, number[]>();
  for (const { total, parts } of relations)
    for (const part of parts) above.set(part, [...(above.get(part) ?? []), total]);
  const all = Array.from({ length: cells }, (_, cell) => cell);
  return {
    cells: all.map((cell) => Object.values(groupOf(cell))),
    relations,
    inner: all.filter((cell) => !totals.has(cell)),
    above(cell: number) {
      const found = new Set([cell]);
      for (const one of found) for (const total of above.get(one) ?? []) found.add(total);
      return [...found];
    },
  };
}
