/**
 * Sums of one kind over sets of organisations, as a receiver knows them from one computation and all before it: which of
 * the new ones may be published. A sum over a larger set less sums over disjoint parts of it is a sum over the rest:
 * nobody published it and everybody can work it out, so it is judged like the others. What is withheld for what is in it
 * stays unknown by the protection interval, also with everything that was published before (attack.ts).
 *
 * So that these are all the sums that can be worked out, what is published of one record is a laminar family: of two sets
 * one contains the other, or they share nobody. With sets that overlap otherwise, (AB + BC - AC) / 2 is the sum over B.
 */
import type { Protection } from "./attackers.ts";
import type { CellSums } from "./contributors.ts";
import { largestContributors } from "./largest-contributors.ts";
import { type CellFacts, type CellRule, type CellRules, primaryCells } from "./primary.ts";
import type { Relation, Shape } from "./shape.ts";
import type { Solver } from "./solver.ts";
import { suppress } from "./suppress.ts";

export interface KnownSum {
  readonly id: string;
  /** Everyone who may be in it; the others are certainly not. */
  readonly contributors: readonly string[];
  /** Undefined: it was published and is not known here any more, so that nothing can be proven of sums beside it. */
  readonly facts: CellSums | undefined;
  /** To be published now, published before, or withheld, now or before. */
  readonly state: "candidate" | "told" | "hidden";
}
export interface KnownRules extends CellRules {
  readonly protection: Protection;
  /** Holding group by contributor; absent: its own. */
  readonly groups?: Readonly<Record<string, string>>;
}
export type SumRule = CellRule | "protection-interval";

/** Above this many sums of one kind, or of equations between them, nothing is proven and all new ones are withheld. */
export const MAX_KNOWN_SUMS = 200;
export const MAX_KNOWN_RELATIONS = 1000;

/**
 * Ids of candidates that must not be published, with the rule. `solver` undefined: nothing can be proven. Once `isLate`
 * is, what is not proven by then is withheld.
 */
export function withheldSums(
  sums: readonly KnownSum[],
  rules: KnownRules,
  solver: Solver | undefined,
  isLate: () => boolean = () => false,
): ReadonlyMap<string, SumRule> {
  const candidates = sums.filter(({ state }) => state === "candidate");
  const alone = candidates.map(({ facts }) => facts!);
  const primary = new Map(
    [...primaryCells(alone, [], rules)].map(([at, [rule]]) => [candidates[at]!.id, rule!] as const),
  );
  const everything = (): ReadonlyMap<string, SumRule> =>
    new Map(candidates.map(({ id }) => [id, primary.get(id) ?? ("protection-interval" as const)]));
  if (sums.length > MAX_KNOWN_SUMS) return everything();
  const names = [...new Set(sums.flatMap(({ contributors }) => contributors))];
  const known = knownCells(sums, names);
  const affiliates = affiliatesAmong(names, rules.groups ?? {});
  // What is withheld together can be worked out together: with each answer there are other sums to judge.
  const withheld = new Map<bigint, SumRule>();
  for (const { set, state, candidates: ids } of known) {
    if (state === "hidden") withheld.set(set, "protection-interval");
    if (ids.length > 0 && known.some((other) => overlaps(set, other.set))) withheld.set(set, "protection-interval");
    for (const id of ids) if (primary.has(id)) withheld.set(set, primary.get(id)!);
  }
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const table = tableOf(known, withheld, affiliates, isLate);
    const found = table === undefined ? undefined : judge(table, { rules, solver, withheld, isLate });
    if (found === undefined) return everything();
    const before = withheld.size;
    for (const [set, rule] of found) if (!withheld.has(set)) withheld.set(set, rule);
    if (withheld.size > before) continue;
    return new Map(
      known.flatMap(({ set, candidates: ids }) => {
        const rule = withheld.get(set);
        return rule === undefined ? [] : ids.map((id) => [id, primary.get(id) ?? rule] as const);
      }),
    );
  }
  return everything();
}

function overlaps(a: bigint, b: bigint): boolean {
  const both = a & b;
  return both !== 0n && both !== a && both !== b;
}

interface Judges {
  readonly rules: KnownRules;
  readonly solver: Solver | undefined;
  readonly withheld: ReadonlyMap<bigint, SumRule>;
  readonly isLate: () => boolean;
}

/** Sets of organisations whose sums are withheld, with the rule; undefined: nothing is proven. */
function judge(
  { cells, facts, relations, isUnknown, isPartition }: Table,
  { rules, solver, withheld, isLate }: Judges,
): readonly (readonly [bigint, SumRule])[] | undefined {
  if (relations.length === 0) return [];
  if (isUnknown) return undefined;
  const found = primaryCells(facts, relations, rules);
  const isFixed = (cell: number) => cells[cell]!.state === "told";
  const numbers = [...cells.keys()];
  const unsafe = numbers.filter((cell) => !isFixed(cell) && (found.has(cell) || withheld.has(cells[cell]!.set)));
  if (unsafe.length === 0) return [];
  if (solver === undefined || facts.some(({ mayBeFewer }) => mayBeFewer === true)) return undefined;
  const result = suppress(
    {
      table: { values: facts.map(({ total }) => Number(total)), relations },
      primary: new Set(unsafe),
      fixed: new Set(numbers.filter(isFixed)),
      attackers: largestContributors(shapeFrom({ cells, relations }), facts, isPartition ? "one-cell" : "any-cell"),
      protection: rules.protection,
      isLate,
    },
    solver,
  );
  if (result.kind === "impossible") return undefined;
  return result.withheld.map((cell) => [cells[cell]!.set, found.get(cell)?.[0] ?? "protection-interval"] as const);
}

const MAX_ROUNDS = 8;

interface Cell {
  readonly set: bigint;
  readonly name: string;
  readonly state: KnownSum["state"];
  readonly candidates: readonly string[];
  readonly facts: CellFacts | undefined;
}
interface Table {
  readonly cells: readonly Cell[];
  readonly facts: readonly CellFacts[];
  readonly relations: readonly Relation[];
  /** Some sum that others are related to is not known here. */
  readonly isUnknown: boolean;
  /** No holding group is in two of the cells without parts. */
  readonly isPartition: boolean;
}

/** Each set of organisations once. */
function knownCells(sums: readonly KnownSum[], names: readonly string[]): readonly Cell[] {
  const bits = new Map(names.map((name, at) => [name, 1n << BigInt(at)]));
  const setOf = ({ contributors }: KnownSum) => contributors.reduce((set, name) => set | bits.get(name)!, 0n);
  return [...Map.groupBy(sums, setOf)].map(([set, same]): Cell => {
    const of = (state: KnownSum["state"]) => same.find((sum) => sum.state === state);
    const first = of("told") ?? of("hidden") ?? same[0]!;
    return {
      set,
      name: first.id,
      state: first.state,
      candidates: same.flatMap(({ id, state }) => (state === "candidate" ? [id] : [])),
      facts: same.find(({ facts }) => facts !== undefined)?.facts,
    };
  });
}

/** One set for each holding group of several. */
function affiliatesAmong(names: readonly string[], groups: Readonly<Record<string, string>>): readonly bigint[] {
  const groupOf = (name: string) => (Object.hasOwn(groups, name) ? groups[name]! : name);
  const byGroup = Map.groupBy([...names.keys()], (at) => groupOf(names[at]!));
  return [...byGroup.values()]
    .filter(({ length }) => length > 1)
    .map((bits) => bits.reduce((set, at) => set | (1n << BigInt(at)), 0n));
}

/**
 * Sums that some sum contains or that contain some, and each rest: beside all parts, and beside those that are not
 * withheld. Undefined: there are too many of them, or no time.
 */
function tableOf(
  known: readonly Cell[],
  withheld: ReadonlyMap<bigint, SumRule>,
  affiliates: readonly bigint[],
  isLate: () => boolean,
): Table | undefined {
  const open = known.filter(({ set }) => !withheld.has(set));
  const packed: { readonly whole: Cell; readonly parts: readonly Cell[] }[] = [];
  for (const among of [known, open]) {
    for (const whole of among) {
      for (const parts of packings(whole, among)) packed.push({ whole, parts });
      if (packed.length > MAX_KNOWN_RELATIONS || isLate()) return undefined;
    }
  }
  const cells = [...new Set(packed.flatMap(({ whole, parts }) => [whole, ...parts]))];
  if (cells.some(({ facts }) => facts === undefined)) {
    return {
      cells,
      facts: [],
      relations: packed.map(() => ({ total: 0, parts: [] })),
      isUnknown: true,
      isPartition: false,
    };
  }
  const relations = new Map<string, Relation>();
  const at = new Map(cells.map(({ set }, index) => [set, index]));
  for (const { whole, parts } of packed) {
    const all = parts.map(({ set }) => at.get(set)!);
    const rest = restOf(whole, parts);
    if (rest !== undefined) {
      // Another one of the same set is the same sum.
      if (!at.has(rest.set)) at.set(rest.set, cells.push(rest) - 1);
      all.push(at.get(rest.set)!);
    }
    const relation = { total: at.get(whole.set)!, parts: all };
    relations.set(`${relation.total} ${all.toSorted((a, b) => a - b).join()}`, relation);
  }
  const totals = new Set([...relations.values()].map(({ total }) => total));
  const inner = cells.filter((_, cell) => !totals.has(cell));
  const isPartition = inner.every(({ set }, at) => {
    const all = affiliates.reduce((wider, group) => ((group & set) === 0n ? wider : wider | group), set);
    return inner.slice(at + 1).every((other) => (other.set & all) === 0n);
  });
  return {
    cells,
    facts: cells.map(({ facts }) => facts!),
    relations: [...relations.values()],
    isUnknown: false,
    isPartition,
  };
}

/** Choices of disjoint parts of a sum, so that each part is in one at least; the largest come first. */
function packings(whole: Cell, known: readonly Cell[]): readonly (readonly Cell[])[] {
  const inside = known
    .filter(({ set }) => set !== 0n && set !== whole.set && (set & whole.set) === set)
    .sort((a, b) => sizeOf(b.set) - sizeOf(a.set));
  const seen = new Set<Cell>();
  const chosen: (readonly Cell[])[] = [];
  for (const first of inside) {
    if (seen.has(first)) continue;
    const parts = [first];
    let union = first.set;
    for (const next of inside) {
      if ((next.set & union) !== 0n) continue;
      parts.push(next);
      union |= next.set;
    }
    for (const part of parts) seen.add(part);
    chosen.push(parts);
  }
  return chosen;
}

const sizeOf = (set: bigint): number => set.toString(2).replaceAll("0", "").length;

/** What a sum has beyond its parts; undefined where nobody is left. Worked out from sums that were told, it is told. */
function restOf(whole: Cell, parts: readonly Cell[]): Cell | undefined {
  const set = parts.reduce((left, part) => left & ~part.set, whole.set);
  if (set === 0n) return undefined;
  const less = (of: (facts: CellSums) => bigint) =>
    parts.reduce((left, { facts }) => left - of(facts!), of(whole.facts!));
  const all = [whole, ...parts];
  const total = less((facts) => facts.total);
  const squares = less((facts) => facts.squares);
  const organisations = parts.reduce((left, { facts }) => left - facts!.organisations, whole.facts!.organisations);
  const isOdd = total < 0n || squares < 0n || organisations < 0;
  const mayBeFewer = isOdd || all.some(({ facts }) => facts!.mayBeFewer === true);
  return {
    set,
    name: `rest of ${whole.name}`,
    state: all.every(({ state }) => state === "told") ? "told" : "candidate",
    candidates: [],
    facts: {
      organisations: Math.max(organisations, 0),
      total: total < 0n ? 0n : total,
      squares: squares < 0n ? 0n : squares,
      ...(mayBeFewer ? ({ mayBeFewer: true } as const) : {}),
    },
  };
}

function shapeFrom({ cells, relations }: Pick<Table, "cells" | "relations">): Shape {
  const totals = new Set(relations.map(({ total }) => total));
  const totalsOf = new Map<number, number[]>(cells.map((_, cell) => [cell, []]));
  for (const { total, parts } of relations) for (const part of parts) totalsOf.get(part)!.push(total);
  const above = (cell: number): readonly number[] => {
    const found = new Set([cell]);
    for (const one of found) for (const total of totalsOf.get(one)!) found.add(total);
    return [...found];
  };
  return {
    cells: cells.map(({ name }) => [name]),
    relations,
    inner: [...cells.keys()].filter((cell) => !totals.has(cell)),
    above,
  };
}
