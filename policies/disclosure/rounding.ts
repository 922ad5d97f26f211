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

/**
 * In the order of the input, each a multiple of its base. Where relations allow no rounding to one of the two multiples
 * beside each value, the next ones are taken too; where that is not enough, is late or too large, or there is no solver,
 * each sum goes to its nearest multiple and does not add up.
 */
export function roundSums(
  sums: readonly RoundedInput[],
  relations: readonly Relation[],
  solver: Solver | undefined,
  isLate: () => boolean,
): readonly bigint[] {
  const rounded = sums.map(({ value, base, told }) => told ?? nearest(value, base));
  for (const { cells, rows } of connected(relations)) {
    const open = rows.some(({ total, parts }) => sumOf(parts, rounded) !== rounded[total]);
    if (!open || solver === undefined || cells.length > MAX_ROUNDED_TOGETHER) continue;
    for (const isWide of [false, true]) {
      if (isLate()) break;
      const found = additive(cells, rows, { sums, solver, isWide });
      if (found === undefined) continue;
      for (const [at, cell] of cells.entries()) rounded[cell] = found[at]!;
      break;
    }
  }
  return rounded;
}

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
  /** Beyond the two multiples beside a value, one more on each side. */
  readonly isWide: boolean;
}

/**
 * Each cell is its multiple below plus a whole number of steps, and a relation is a row over the steps; the constant of a
 * row is a column that cannot move. Undefined: there is no such rounding, or the solver gave up.
 */
function additive(
  cells: readonly number[],
  rows: readonly Relation[],
  { sums, solver, isWide }: Additive,
): readonly bigint[] | undefined {
  const entries = new Map(cells.map((cell) => [cell, [] as { row: number; value: number }[]]));
  const below = (cell: number): bigint => {
    const { value, base, told } = sums[cell]!;
    return floored(told ?? value, base);
  };
  const constants = rows.map(({ total, parts }, row): Column => {
    entries.get(total)!.push({ row, value: -1 });
    for (const part of parts) entries.get(part)!.push({ row, value: 1 });
    const gap = Number(parts.reduce((sum, part) => sum + below(part), -below(total)));
    return { entries: [{ row, value: 1 }], lower: gap, upper: gap, cost: 0 };
  });
  const steps = cells.flatMap((cell) => stepsOf(sums[cell]!, entries.get(cell)!, isWide));
  const program = solver.open(rows.length, [...steps.map(({ column }) => column), ...constants]);
  try {
    const point = program.solve();
    if (point === undefined) return undefined;
    let at = 0;
    return cells.map((cell) => {
      const own = stepsOf(sums[cell]!, [], isWide);
      const moved = own.reduce((sum, { sign }) => sum + sign * Math.round(point[at++]!), 0);
      return (below(cell) + BigInt(moved)) * sums[cell]!.base;
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

/** Up to the multiple above; beyond these two at more than twice the cost, and never for what is a multiple already. */
function stepsOf({ value, base, told }: RoundedInput, entries: Column["entries"], isWide: boolean): readonly Step[] {
  if (told !== undefined) return [];
  const share = Number(((value - floored(value, base) * base) * 1_000_000n) / base) / 1_000_000;
  const step = (sign: 1 | -1, upper: number, cost: number): Step => ({
    column: {
      entries: entries.map(({ row, value: one }) => ({ row, value: one * sign })),
      lower: 0,
      upper,
      cost,
      whole: true,
    },
    sign,
  });
  const isMultiple = value % base === 0n;
  const beside = isMultiple && !isWide ? [] : [step(1, 1, isMultiple ? BEYOND : 1 - 2 * share)];
  return isWide ? [...beside, step(1, 1, BEYOND), step(-1, 1, BEYOND)] : beside;
}

const BEYOND = 4;
