/** A row space over the rationals, grown one vector at a time. Rows are sparse primitive integer vectors. */

/** Column -> non-zero coefficient. */
export type Vector = ReadonlyMap<number, bigint>;

export interface Echelon {
  /** The vector modulo the row space, unique up to a factor; empty exactly when the vector lies in it. */
  reduce(vector: Vector): Vector;
  /** Adds a vector. False when it was in the row space already. */
  add(vector: Vector): boolean;
  /** Independent rows that span it, in reduced form. */
  rows(): Iterable<Vector>;
}

export function createEchelon(): Echelon {
  // Reduced form: a pivot column occurs in its own row only, so one pass over a vector's pivots reduces it.
  const rows = new Map<number, Vector>();
  const reduce = (vector: Vector): Vector => {
    let rest = vector;
    for (const column of vector.keys()) {
      const row = rows.get(column);
      if (row !== undefined) rest = eliminate(rest, row, column);
    }
    return primitive(rest);
  };
  return {
    reduce,
    add(vector) {
      const rest = reduce(vector);
      const [pivot] = rest.keys();
      if (pivot === undefined) return false;
      for (const [column, row] of rows) {
        if (row.has(pivot)) rows.set(column, primitive(eliminate(row, rest, pivot)));
      }
      rows.set(pivot, rest);
      return true;
    },
    rows: () => rows.values(),
  };
}

/** `vector` with `column` cleared by a multiple of `row`; scaled by a non-zero integer. */
export function eliminate(vector: Vector, row: Vector, column: number): Vector {
  const factor = vector.get(column);
  const pivot = row.get(column);
  if (factor === undefined || pivot === undefined) return vector;
  const result = new Map<number, bigint>();
  for (const [at, value] of vector) result.set(at, value * pivot);
  for (const [at, value] of row) {
    const sum = (result.get(at) ?? 0n) - value * factor;
    if (sum === 0n) result.delete(at);
    else result.set(at, sum);
  }
  return result;
}

/** The vector divided by the greatest common divisor of its coefficients. */
export function primitive(vector: Vector): Vector {
  let common = 0n;
  for (const value of vector.values()) {
    common = gcd(common, value);
    if (common === 1n) return vector;
  }
  if (common === 0n) return vector;
  return new Map([...vector].map(([column, value]) => [column, value / common]));
}

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}
