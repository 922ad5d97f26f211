/**
 * Controlled rounding (Cox and Ernst 1982; Cox 1987): sums become multiples of a base, each one of the two beside it, so that
 * what adds up still does. Deterministic: of all such roundings the one nearest to the values, so that whoever asks twice
 * is told the same. What was rounded before stays as it was told.
 */
import type { Relation } from "./shape.ts";
import type { Column, Solver } from "./solver.ts";

export interface RoundedInput {
  /** As an integer of some unit; base in the same one. Sums that are related have the same base. */
  readonly value: bigint;
  readonly base: bigint;
  /** It was told as this multiple. */
  readonly told?: bigint;
}

/** Above this many sums that hang together, each is rounded by itself. */
export const MAX_ROUNDED_TOGETHER = 3_000;

/** No hidden part is this many steps large. */
const MOST_STEPS = 1e9;

/**
 * In the order of the input, each a multiple of its base. Relations hold between sums by their place in `sums`, and between
 * them and hidden parts, which have the places after: they may be anything. Where relations allow no rounding to one of the
 * two multiples beside each value, the next ones are taken too, and at last for what is a multiple already; where that is not
 * enough, is late or too large, or there is no solver, each sum goes to its nearest multiple and does not add up.
 */
export function roundSums(
  sums: readonly RoundedInput[],
  relations: readonly Relation[],
  solver: Solver | undefined,
  isLate: () => boolean,
): readonly bigint[] {
  const rounded = sums.map(({ value, base, told }) => told ?? nearest(value, base));
  for (const { cells, rows } of connected(relations)) {
    const isOpen = ({ total, parts }: Relation) =>
      [total, ...parts].some((cell) => cell >= sums.length) || sumOf(parts, rounded) !== rounded[total];
    if (solver === undefined || cells.length > MAX_ROUNDED_TOGETHER || !rows.some(isOpen)) continue;
    for (const reach of REACHES) {
      if (isLate()) break;
      const found = additive(cells, rows, { sums, solver, reach });
      if (found === undefined) continue;
      for (const [at, cell] of cells.entries()) if (cell < sums.length) rounded[cell] = found[at]!;
      break;
    }
  }
  return rounded;
}

/** `beside`: the two multiples beside a value. `beyond`: one more on each side. `all`: of multiples as well. */
const REACHES = ["beside", "beyond", "all"] as const;
type Reach = (typeof REACHES)[number];

/** Half goes to the even multiple, as figures do. */
export function nearest(value: bigint, base: bigint): bigint {
  const below = floored(value, base);
  const twice = 2n * (value - below * base);
  const up = twice > base || (twice === base && below % 2n !== 0n);
  return (up ? below + 1n : below) * base;
}

const floored = (value: bigint, base: bigint): bigint => {
  const quotient = value / base;
  return value < 0n && quotient * base !== value ? quotient - 1n : quotient;
};

const sumOf = (parts: readonly number[], values: readonly bigint[]): bigint =>
  parts.reduce((sum, part) => sum + values[part]!, 0n);

interface Component {
  readonly cells: readonly number[];
  readonly rows: readonly Relation[];
}

function connected(relations: readonly Relation[]): readonly Component[] {
  const parents = new Map<number, number>();
  const root = (cell: number): number => {
    let at = cell;
    for (let up = parents.get(at); up !== undefined; up = parents.get(at)) at = up;
    if (at !== cell) parents.set(cell, at);
    return at;
  };
  for (const { total, parts } of relations) {
    for (const part of parts) {
      const [one, other] = [root(total), root(part)];
      if (one !== other) parents.set(one, other);
    }
  }
  return [...Map.groupBy(relations, ({ total }) => root(total)).values()].map((rows) => ({
    cells: [...new Set(rows.flatMap(({ total, parts }) => [total, ...parts]))].sort((a, b) => a - b),
    rows,
  }));
}

interface Additive {
  readonly sums: readonly RoundedInput[];
  readonly solver: Solver;
  readonly reach: Reach;
}

/**
 * Each cell is its multiple below plus a whole number of steps, and a relation is a row over the steps; the constant of a
 * row is a column that cannot move. Undefined: there is no such rounding, or the solver gave up.
 */
function additive(
  cells: readonly number[],
  rows: readonly Relation[],
  { sums, solver, reach }: Additive,
): readonly bigint[] | undefined {
  const entries = new Map(cells.map((cell) => [cell, [] as { row: number; value: number }[]]));
  const below = (cell: number): bigint => {
    const sum = sums[cell];
    return sum === undefined ? 0n : floored(sum.told ?? sum.value, sum.base);
  };
  const constants = rows.map(({ total, parts }, row): Column => {
    entries.get(total)!.push({ row, value: -1 });
    for (const part of parts) entries.get(part)!.push({ row, value: 1 });
    const gap = Number(parts.reduce((sum, part) => sum + below(part), -below(total)));
    return { entries: [{ row, value: 1 }], lower: gap, upper: gap, cost: 0 };
  });
  if (constants.some(({ lower }) => Math.abs(lower) > MOST_STEPS)) return undefined;
  const steps = cells.map((cell) => stepsOf(sums[cell], entries.get(cell)!, reach));
  const program = solver.open(rows.length, [...steps.flat().map(({ column }) => column), ...constants]);
  try {
    const point = program.solve();
    if (point === undefined) return undefined;
    let at = 0;
    return cells.map((cell, index) => {
      const moved = steps[index]!.reduce((sum, { sign }) => sum + sign * Math.round(point[at++]!), 0);
      return (below(cell) + BigInt(moved)) * (sums[cell]?.base ?? 1n);
    });
  } catch {
    return undefined;
  } finally {
    program.close();
  }
}

interface Step {
  readonly column: Column;
  readonly sign: 1 | -1;
}

/** Up to the multiple above; beyond these two at more than twice the cost. A hidden part goes anywhere at none. */
function stepsOf(sum: RoundedInput | undefined, entries: Column["entries"], reach: Reach): readonly Step[] {
  if (sum === undefined) {
    return [{ column: { entries, lower: -MOST_STEPS, upper: MOST_STEPS, cost: 0 }, sign: 1 }];
  }
  const { value, base, told } = sum;
  const rest = value - floored(value, base) * base;
  const isFixed = told !== undefined || (rest === 0n && reach !== "all");
  if (isFixed) return [];
  const step = (sign: 1 | -1, cost: number): Step => ({
    column: {
      entries: entries.map(({ row, value: one }) => ({ row, value: one * sign })),
      lower: 0,
      upper: 1,
      cost,
      whole: true,
    },
    sign,
  });
  const beside = step(1, rest === 0n ? BEYOND : 1 - (2 * Number((rest * 1_000_000n) / base)) / 1_000_000);
  if (reach === "beside") return [beside];
  return rest === 0n ? [beside, step(-1, BEYOND)] : [beside, step(1, BEYOND), step(-1, BEYOND)];
}

const BEYOND = 4;
