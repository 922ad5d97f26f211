/** Which cells of a table are withheld for what is in them, before anything is withheld for the sake of others. */
import { type ConcentrationRule, mayBeConcentrated } from "./concentration.ts";
import type { CellSums } from "./contributors.ts";
import type { Relation } from "./shape.ts";

export interface CellFacts extends CellSums {
  /** Statistical units; absent: not counted, which counts as none where a minimum holds. */
  readonly units?: number;
}

export interface CellRules {
  readonly minimumOrganisations: number;
  readonly minimumUnits: number;
  readonly concentration: readonly ConcentrationRule[];
  /** Totals of nothing and totals of everything tell what each contributor has. */
  readonly zerosTell: boolean;
}

export type CellRule =
  | "minimum-organisations"
  | "minimum-units"
  | "zero-total"
  | "whole-total"
  | ConcentrationRule["kind"];

/** A cell without contributors tells nothing of anybody: no rule withholds it. */
export function rulesAgainst(facts: CellFacts, rules: CellRules): readonly CellRule[] {
  if (facts.organisations === 0) return [];
  const against: CellRule[] = [];
  const organisations = facts.mayBeFewer === true ? 0 : facts.organisations;
  if (!(organisations >= rules.minimumOrganisations)) against.push("minimum-organisations");
  if (rules.minimumUnits > 0 && !((facts.units ?? 0) >= rules.minimumUnits)) against.push("minimum-units");
  if (rules.zerosTell && facts.total === 0n) against.push("zero-total");
  for (const rule of rules.concentration) if (mayBeConcentrated(facts, rule)) against.push(rule.kind);
  return against;
}

/** Cell to the rules that withhold it; others are absent. `facts` by cell number. */
export function primaryCells(
  facts: readonly CellFacts[],
  relations: readonly Relation[],
  rules: CellRules,
): ReadonlyMap<number, readonly CellRule[]> {
  const withheld = new Map<number, CellRule[]>();
  const add = (cell: number, found: readonly CellRule[]) => {
    if (found.length > 0) withheld.set(cell, [...(withheld.get(cell) ?? []), ...found]);
  };
  for (const [cell, one] of facts.entries()) add(cell, rulesAgainst(one, rules));
  if (!rules.zerosTell) return withheld;
  for (const { total, parts } of relations) {
    const filled = parts.filter((part) => facts[part]!.organisations > 0);
    const whole = filled.filter((part) => facts[part]!.total === facts[total]!.total);
    // Everything lies here although others could have had some: all of them are known to have none.
    if (facts[total]!.total > 0n && filled.length > 1 && whole.length === 1) add(whole[0]!, ["whole-total"]);
  }
  return new Map([...withheld].map(([cell, found]) => [cell, [...new Set(found)]]));
}
