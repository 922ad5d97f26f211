/**
 * An attacker that shares no code with attack.ts: it writes its knowledge down as a linear program over the values
 * themselves (not deviations, not scaled), and solves it with its own dense two-phase simplex (Bland's rule).
 */

/** One equation Σ coefficient·x = right, over x ≥ 0. */
export interface PlainEquation {
  readonly coefficients: readonly number[];
  readonly right: number;
}

export interface PlainKnowledge {
  /** Published value of each cell; undefined: withheld. An interval where only a rounded value is published. */
  readonly published: readonly (number | readonly [number, number] | undefined)[];
  /** Total cell and the cells that add up to it. */
  readonly sums: readonly (readonly [number, readonly number[]])[];
  /** What the attacker put into each cell. */
  readonly own: readonly number[];
  /** Contributors of each cell. */
  readonly counts: readonly number[];
}

const EPSILON = 1e-9;

/** Least and greatest value of what others hold in `cell`. */
export function plainBounds(
  { published, sums, own, counts }: PlainKnowledge,
  cell: number,
): { readonly least: number; readonly greatest: number } {
  const unknown = published.flatMap((value, index) => (typeof value === "number" ? [] : [index]));
  const column = new Map(unknown.map((index, at) => [index, at]));
  // x = own + rest with rest ≥ 0; alone in a cell, there is no rest.
  const equations: { coefficients: number[]; right: number }[] = [];
  let slack = unknown.length;
  const slacks: { row: number; column: number; sign: number }[] = [];
  const scale = Math.max(1, ...published.map((value) => (typeof value === "number" ? Math.abs(value) : 0)), ...own);
  for (const [total, parts] of sums) {
    const coefficients = new Array<number>(unknown.length).fill(0);
    let right = 0;
    for (const [index, sign] of [[total, -1] as const, ...parts.map((part) => [part, 1] as const)]) {
      const value = published[index];
      if (typeof value === "number") right -= (sign * value) / scale;
      else {
        coefficients[column.get(index)!] = sign;
        right -= (sign * own[index]!) / scale;
      }
    }
    if (coefficients.some((one) => one !== 0)) equations.push({ coefficients, right });
  }
  for (const index of unknown) {
    const at = column.get(index)!;
    const row = (right: number) => {
      const coefficients = new Array<number>(unknown.length).fill(0);
      coefficients[at] = 1;
      return equations.push({ coefficients, right }) - 1;
    };
    if (counts[index] === 0 || (counts[index] === 1 && own[index]! > 0)) row(0);
    const range = published[index];
    if (typeof range !== "object") continue;
    slacks.push({ row: row((range[0] - own[index]!) / scale), column: slack++, sign: -1 });
    slacks.push({ row: row((range[1] - own[index]!) / scale), column: slack++, sign: 1 });
  }
  const rows = equations.map(({ coefficients, right }, row) => {
    const full = [...coefficients, ...new Array<number>(slack - unknown.length).fill(0)];
    for (const one of slacks) if (one.row === row) full[one.column] = one.sign;
    return { coefficients: full, right };
  });
  const goal = new Array<number>(slack).fill(0);
  goal[column.get(cell)!] = 1;
  const greatest = maximum(rows, goal);
  const least = -maximum(
    rows,
    goal.map((one) => -one),
  );
  return { least: least * scale, greatest: greatest * scale };
}

/** Infinity where there is no bound. Throws Error where nothing is feasible: the true table always is. */
function maximum(equations: readonly PlainEquation[], goal: readonly number[]): number {
  const count = goal.length;
  const rows = equations.map(({ coefficients, right }, index) => {
    const sign = right < 0 ? -1 : 1;
    const helpers = equations.map((_, other) => (other === index ? 1 : 0));
    return [...coefficients.map((one) => one * sign), ...helpers, right * sign];
  });
  const basis = equations.map((_, index) => count + index);
  const width = count + equations.length;
  const run = (price: readonly number[], columns: number): boolean => {
    for (;;) {
      let entering = -1;
      for (let at = 0; at < columns && entering < 0; at++) {
        if (basis.includes(at)) continue;
        const gain = price[at]! - basis.reduce((sum, base, row) => sum + price[base]! * rows[row]![at]!, 0);
        if (gain > EPSILON) entering = at;
      }
      if (entering < 0) return true;
      let leaving = -1;
      let best = Number.POSITIVE_INFINITY;
      for (const [row, values] of rows.entries()) {
        const pivot = values[entering]!;
        if (pivot <= EPSILON) continue;
        const ratio = values[width]! / pivot;
        if (ratio < best - 1e-12 || (ratio <= best + 1e-12 && basis[row]! < basis[leaving]!)) {
          best = Math.min(best, ratio);
          leaving = row;
        }
      }
      if (leaving < 0) return false;
      pivotAt(leaving, entering);
    }
  };
  const pivotAt = (row: number, at: number) => {
    const values = rows[row]!;
    const pivot = values[at]!;
    for (let index = 0; index <= width; index++) values[index]! /= pivot;
    for (const [other, changed] of rows.entries()) {
      const factor = changed[at]!;
      if (other === row || factor === 0) continue;
      for (let index = 0; index <= width; index++) changed[index]! -= factor * values[index]!;
    }
    basis[row] = at;
  };
  const first = [...new Array<number>(count).fill(0), ...equations.map(() => -1)];
  run(first, width);
  const left = basis.reduce((sum, base, row) => sum + (base >= count ? rows[row]![width]! : 0), 0);
  if (left > 1e-7) throw new Error(`what the attacker knows contradicts itself by ${left}`);
  for (const [row, base] of basis.entries()) {
    if (base < count) continue;
    const at = rows[row]!.findIndex((value, index) => index < count && Math.abs(value) > EPSILON);
    if (at >= 0) pivotAt(row, at);
  }
  const second = [...goal, ...equations.map(() => 0)];
  if (!run(second, count)) return Number.POSITIVE_INFINITY;
  return basis.reduce((sum, base, row) => sum + second[base]! * rows[row]![width]!, 0);
}
