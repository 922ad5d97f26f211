/** Random tables with contributors, and what an attacker that shares no code finds in what is released of them. */
import { type PlainKnowledge, plainBounds } from "./_plain-attacker.ts";
import type { AttackedTable, Attacker, Protection } from "./attackers.ts";
import type { ConcentrationRule } from "./concentration.ts";
import { type CellSums, sumsOf } from "./contributors.ts";
import { type CellRules, primaryCells } from "./primary.ts";
import { roundSums } from "./rounding.ts";
import { type Axis, addUp, flatAxis, type Shape, shapeOf, TOTAL } from "./shape.ts";
import type { Solver } from "./solver.ts";
import { suppress } from "./suppress.ts";

export type Random = () => number;

/** Deterministic; uniform in (0, 1). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
}

export interface RandomTable extends AttackedTable {
  readonly shape: Shape;
  readonly facts: readonly CellSums[];
  /** By contributor: what it holds in each cell. */
  readonly own: readonly (readonly number[])[];
}

const whole = (random: Random, from: number, to: number) => from + Math.floor(random() * (to - from + 1));

/** Flat, or with the codes in two halves under the total. */
function randomAxis(random: Random, name: string, most: number): Axis {
  const count = whole(random, 2, most);
  const codes = Array.from({ length: count }, (_, index) => `${name}${index}`);
  if (count < 3 || random() < 0.5) {
    return { name, codes: [{ code: TOTAL }, ...codes.map((code) => ({ code, within: TOTAL }))] };
  }
  const halves = ["low", "high"];
  return {
    name,
    codes: [
      { code: TOTAL },
      ...halves.map((code) => ({ code, within: TOTAL })),
      ...codes.map((code, index) => ({ code, within: halves[index % 2]! })),
    ],
  };
}

export function randomTable(random: Random): RandomTable {
  const count = whole(random, 1, 3);
  const most = [6, 3, 2][count - 1]!;
  const shape = shapeOf(Array.from({ length: count }, (_, axis) => randomAxis(random, "abc"[axis]!, most)));
  const values: number[][] = shape.inner.map(() => []);
  const own: number[][] = [];
  const everywhere = random() < 0.3;
  const contributors = everywhere ? whole(random, 3, 8) : shape.inner.length * whole(random, 1, 3);
  for (let contributor = 0; contributor < contributors; contributor++) {
    const parts = shape.inner.map((_, cell) =>
      (everywhere ? random() < 0.7 : contributor % shape.inner.length === cell && random() < 0.8)
        ? Math.round(Math.exp(3 + 3 * random() ** 2 * (random() < 0.5 ? 1 : 2)) * (random() < 0.05 ? 0 : 1))
        : undefined,
    );
    for (const [cell, value] of parts.entries()) if (value !== undefined) values[cell]!.push(value);
    own.push(
      addUp(
        shape,
        parts.map((value) => value ?? 0),
      ),
    );
  }
  return tableOf(shape, own);
}

/** Rows by columns with margins: some contributors are in most cells, and some cells have one that is nowhere else. */
export function sparseTable(random: Random): RandomTable {
  const codes = (axis: string, count: number) => Array.from({ length: count }, (_, index) => `${axis}${index}`);
  const shape = shapeOf([flatAxis("row", codes("r", whole(random, 2, 4))), flatAxis("column", codes("c", 3))]);
  const value = () => whole(random, 20, 400);
  const isSingle = shape.inner.map(() => random() < 0.3);
  const own = Array.from({ length: 6 }, () => isSingle.map((single) => (single || random() < 0.2 ? 0 : value())));
  for (const [cell, single] of isSingle.entries()) {
    if (single) own.push(isSingle.map((_, other) => (other === cell ? value() : 0)));
  }
  return tableOf(
    shape,
    own.map((held) => addUp(shape, held)),
  );
}

function tableOf(shape: Shape, own: readonly (readonly number[])[]): RandomTable {
  const contributions = (cell: number): bigint[] =>
    own.flatMap((held) => (held[cell]! > 0 ? [BigInt(held[cell]!)] : []));
  const facts = shape.cells.map((_, cell) => sumsOf(contributions(cell)));
  return { shape, relations: shape.relations, values: facts.map(({ total }) => Number(total)), facts, own };
}

/** Who knows exactly what it put where. */
export const attackersOf = ({ own }: RandomTable): readonly Attacker[] =>
  own.map((held, index) => ({
    id: `contributor ${index}`,
    holds: new Map(held.flatMap((value, cell) => (value > 0 ? [[cell, { atLeast: value, atMost: value }]] : []))),
  }));

export const P_PERCENT: ConcentrationRule = { kind: "p-percent", percent: { numerator: 10n, denominator: 1n } };
export const RULES: CellRules = {
  minimumOrganisations: 3,
  minimumUnits: 0,
  concentration: [P_PERCENT],
  zerosTell: true,
};
export const PROTECTION: Protection = { share: 0.1, least: 1 };

/** Undefined: the whole table is withheld. */
export function releaseOf(
  table: RandomTable,
  solver: Solver,
  {
    rules = RULES,
    attackers = attackersOf(table),
    complementary = true,
  }: { readonly rules?: CellRules; readonly attackers?: readonly Attacker[]; readonly complementary?: boolean } = {},
): ReadonlySet<number> | undefined {
  const primary = new Set(primaryCells(table.facts, table.relations, rules).keys());
  if (!complementary) return primary;
  const fixed = new Set(table.facts.flatMap(({ organisations }, cell) => (organisations === 0 ? [cell] : [])));
  const result = suppress({ table, primary, fixed, attackers, protection: PROTECTION }, solver);
  return result.kind === "protected" ? new Set(result.withheld) : undefined;
}

/** What is published of each cell once it is rounded to multiples of `base`; undefined: withheld. */
export function roundedRelease(
  table: RandomTable,
  withheld: ReadonlySet<number>,
  base: number,
  solver: Solver,
): readonly (number | undefined)[] {
  const shown = [...table.values.keys()].filter((cell) => !withheld.has(cell));
  const places = new Map([...shown, ...withheld].map((cell, place) => [cell, place]));
  const sums = shown.map((cell) => ({ value: BigInt(table.values[cell]!), base: BigInt(base) }));
  const relations = table.relations.map(({ total, parts }) => ({
    total: places.get(total)!,
    parts: parts.map((part) => places.get(part)!),
  }));
  const rounded = roundSums(sums, relations, solver, () => false);
  return table.values.map((_, cell) => (withheld.has(cell) ? undefined : Number(rounded[places.get(cell)!])));
}

/** Of each published figure, what its base says of the value: two bases to either side where one was not enough. */
function knownOf(
  table: RandomTable,
  published: readonly (number | undefined)[],
  base: number,
): readonly (readonly [number, number] | undefined)[] {
  const isBeside = published.every((one, cell) => one === undefined || Math.abs(one - table.values[cell]!) < base);
  const reach = isBeside ? base : 2 * base;
  return published.map((one) => (one === undefined ? undefined : [Math.max(0, one - reach), one + reach]));
}

export interface Violation {
  readonly cell: number;
  /** Position of the contributor; −1: the public. */
  readonly attacker: number;
  readonly what: "withheld" | "published";
}

/** `rounded`: only intervals of this half width are published. */
export function violationsIn(table: RandomTable, withheld: ReadonlySet<number>, rounded = 0): readonly Violation[] {
  const published = table.values.map((value, cell) => {
    if (withheld.has(cell)) return undefined;
    return rounded === 0 ? value : ([Math.max(0, value - rounded), value + rounded] as const);
  });
  return [...boundedIn(table, withheld, published), ...concentratedIn(table, withheld)];
}

/** What the public and each contributor bound too tightly of what is withheld, from rounded figures and their base. */
export const violationsInRounded = (
  table: RandomTable,
  withheld: ReadonlySet<number>,
  base: number,
  solver: Solver,
): readonly Violation[] =>
  boundedIn(table, withheld, knownOf(table, roundedRelease(table, withheld, base, solver), base));

function boundedIn(
  table: RandomTable,
  withheld: ReadonlySet<number>,
  published: PlainKnowledge["published"],
): readonly Violation[] {
  const violations: Violation[] = [];
  const counts = table.facts.map(({ organisations }) => organisations);
  const sums = table.relations.map(({ total, parts }) => [total, parts] as const);
  const nobody = table.values.map(() => 0);
  for (let attacker = -1; attacker < table.own.length; attacker++) {
    const own = attacker < 0 ? nobody : table.own[attacker]!;
    for (const cell of withheld) {
      const rest = table.values[cell]! - own[cell]!;
      if (attacker >= 0 && own[cell]! > 0 && rest === 0) continue;
      const { least, greatest } = plainBounds({ published, sums, own, counts }, cell);
      const above = rest + Math.max(rest * PROTECTION.share, own[cell]! === 0 ? PROTECTION.least : 0);
      const below = rest * (1 - PROTECTION.share);
      const tolerance = 1e-5 * Math.max(1, rest);
      if (greatest < above - tolerance || least > below + tolerance)
        violations.push({ cell, attacker, what: "withheld" });
    }
  }
  return violations;
}

/** What is published itself. */
function concentratedIn(table: RandomTable, withheld: ReadonlySet<number>): readonly Violation[] {
  const violations: Violation[] = [];
  // The second largest must not come within 10 % of the largest.
  for (const cell of table.values.keys()) {
    if (withheld.has(cell) || table.values[cell] === 0) continue;
    const held = table.own.map((own) => own[cell]!).sort((a, b) => b - a);
    const estimate = table.values[cell]! - (held[1] ?? 0);
    if (estimate < 1.1 * held[0]! * (1 - 1e-12)) violations.push({ cell, attacker: -1, what: "published" });
  }
  return violations;
}
