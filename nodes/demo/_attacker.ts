/**
 * What a reader of all released tables together can work out by linear algebra. Exact: rows hold whole numbers, are
 * combined without division, and shrink by their greatest common divisor. Shares no code with the release guard.
 */

/** Σ coefficient × unknown = value. */
export interface Equation {
  readonly terms: ReadonlyMap<string, bigint>;
  readonly value: bigint;
}

export interface Solution {
  /** The value that the equations fix for these terms, as a fraction; undefined: they leave it open. */
  determined(
    terms: ReadonlyMap<string, bigint>,
  ): { readonly numerator: bigint; readonly denominator: bigint } | undefined;
}

interface Row {
  readonly pivot: string;
  readonly terms: ReadonlyMap<string, bigint>;
  readonly value: bigint;
}

/** Throws where the equations contradict each other: then a released figure is wrong. */
export function solve(equations: readonly Equation[]): Solution {
  const rows: Row[] = [];
  for (const equation of equations) {
    const { terms, value } = reduced(rows, equation);
    const pivot = terms.keys().next().value;
    if (pivot !== undefined) rows.push({ pivot, terms, value });
    else if (value !== 0n) throw new RangeError("the released figures contradict each other");
  }
  return {
    determined(terms) {
      // Carries the factor that the combination multiplies its terms with.
      const { terms: left, value, factor } = reduced(rows, { terms, value: 0n });
      return left.size > 0 ? undefined : { numerator: -value, denominator: factor };
    },
  };
}

/** `equation × factor − Σ rows`, with no pivot left in it. */
function reduced(rows: readonly Row[], equation: Equation): Equation & { readonly factor: bigint } {
  let { terms, value } = equation;
  let factor = 1n;
  for (const row of rows) {
    const mine = terms.get(row.pivot);
    if (mine === undefined) continue;
    const theirs = row.terms.get(row.pivot)!;
    const next = new Map<string, bigint>();
    for (const [name, coefficient] of terms) next.set(name, coefficient * theirs);
    for (const [name, coefficient] of row.terms) {
      const sum = (next.get(name) ?? 0n) - mine * coefficient;
      if (sum === 0n) next.delete(name);
      else next.set(name, sum);
    }
    const sum = value * theirs - mine * row.value;
    factor *= theirs;
    const common = [...next.values(), sum, factor].reduce(gcd, 0n);
    const divisor = common === 0n ? 1n : common;
    terms = new Map([...next].map(([name, coefficient]) => [name, coefficient / divisor]));
    value = sum / divisor;
    factor /= divisor;
  }
  return { terms, value, factor };
}

/**
 * Whether some combination of the equations speaks of `suspects` alone, once everything of `known` is taken as known
 * (colluders know their own). True where the other unknowns can be cancelled without cancelling all.
 */
export function isolates(
  equations: readonly Equation[],
  who: { readonly suspect: (unknown: string) => boolean; readonly known: (unknown: string) => boolean },
): boolean {
  const open = rank(equations, (name) => !who.known(name));
  const others = rank(equations, (name) => !who.known(name) && !who.suspect(name));
  return others < open;
}

/** Rank over the unknowns that `keep` names; unknowns that every equation treats alike count as one. */
function rank(equations: readonly Equation[], keep: (unknown: string) => boolean): number {
  const columns = new Map<string, Map<number, bigint>>();
  for (const [at, { terms }] of equations.entries()) {
    for (const [name, coefficient] of terms) {
      if (!keep(name)) continue;
      const column = columns.get(name) ?? new Map<number, bigint>();
      columns.set(name, column.set(at, coefficient));
    }
  }
  const distinct = new Map([...columns.values()].map((column) => [[...column].join(";"), column]));
  const rows: Row[] = [];
  for (const column of distinct.values()) {
    const terms = new Map([...column].map(([at, coefficient]) => [String(at), coefficient]));
    const left = reduced(rows, { terms, value: 0n });
    const pivot = left.terms.keys().next().value;
    if (pivot !== undefined) rows.push({ pivot, terms: left.terms, value: 0n });
  }
  return rows.length;
}

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}
