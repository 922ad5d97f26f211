/**
 * Sums over organisations that are only counted: who has something in them nobody knows, so a difference of two holds as
 * many as their counts prove and no more. Nothing that releases determine together may hold fewer than `need`. Exact:
 * every combination of smallest support is looked at (it holds no more than any other over more unknowns).
 */
import { createEchelon, type Echelon, eliminate, type Vector } from "./echelon.ts";
import { type Equation, type Relation, vectorsOf } from "./equations.ts";

/** A published sum, or one that may be. */
export interface MeasuredSum extends Equation {
  /** Organisations in it: at least, and at most. */
  readonly least: number;
  readonly most: number;
}

export interface RestInputs {
  readonly earlier: readonly MeasuredSum[];
  /** In the order in which they are admitted. */
  readonly candidates: readonly MeasuredSum[];
  /** Sums that are not published, and yet known to hold as many. */
  readonly hidden: readonly MeasuredSum[];
  readonly relations: readonly Relation[];
  /** Organisations that whatever is determined has to hold. */
  readonly need: number;
}

/** Above this many steps for one candidate nothing is proven, and it is withheld. */
export const MAX_REST_STEPS = 5_000;

/** Ids of candidates that would determine, beside what is admitted before them, something of too few organisations. */
export function tellingFew({ earlier, candidates, hidden, relations, need }: RestInputs): ReadonlySet<string> {
  const vectors = vectorsOf([...earlier, ...candidates], hidden, {}, relations);
  const defined = createEchelon();
  for (const vector of vectors.relations) defined.add(vector);
  const told = createEchelon();
  const used = new Set<number>();
  const known: Measured[] = [];
  const measured = (sum: MeasuredSum): Measured => ({ ...sum, vector: defined.reduce(vectors.of(sum)) });
  const admit = (sum: Measured): void => {
    told.add(sum.vector);
    known.push(sum);
    for (const column of sum.vector.keys()) used.add(column);
  };
  for (const sum of earlier) admit(measured(sum));
  // What was counted is known to hold as many, published or not.
  const counted = [...hidden, ...candidates].map(measured);
  const withheld = new Set<string>();
  for (const candidate of candidates) {
    const sum = measured(candidate);
    const isAlone = !touches(sum.vector, used);
    const isSafe = isAlone
      ? sum.least >= need
      : told.reduce(sum.vector).size === 0 || isSafeBeside({ told, known, counted }, sum, need);
    if (isSafe) admit(sum);
    else withheld.add(sum.id);
  }
  return withheld;
}

interface Measured extends MeasuredSum {
  /** Over what no relation says more simply. */
  readonly vector: Vector;
}

interface Known {
  readonly told: Echelon;
  /** What is in it. */
  readonly known: readonly Measured[];
  readonly counted: readonly Measured[];
}

function isSafeBeside({ told, known, counted }: Known, sum: Measured, need: number): boolean {
  const beside = createEchelon();
  for (const row of told.rows()) beside.add(row);
  beside.add(sum.vector);
  const near = connected([...known.map(({ vector }) => vector), sum.vector], new Set(sum.vector.keys()));
  const columns = columnsOf(near);
  const measured = [...known, ...counted].filter(({ vector }) => touches(vector, columns));
  let steps = 0;
  const isSafe = (left: readonly Vector[], from: number): boolean => {
    if (++steps > MAX_REST_STEPS) return false;
    const [first, ...others] = left;
    if (first === undefined) return true;
    // What was told before is not for this sum to answer.
    if (others.length === 0) return told.reduce(first).size === 0 || fewestIn(first, measured) >= need;
    const open = [...columnsOf(left)].filter((column) => column >= from);
    return open.sort((a, b) => a - b).every((column) => isSafe(without(left, column), column + 1));
  };
  // What is solved beside one another stands in rows that share nothing: each such part is looked at by itself.
  for (let rest = [...beside.rows()].filter((row) => touches(row, columns)); rest.length > 0; ) {
    const part = connected(rest, new Set(rest[0]!.keys()));
    if (!isSafe(part, 0)) return false;
    rest = rest.filter((row) => !part.includes(row));
  }
  return true;
}

const touches = (vector: Vector, columns: ReadonlySet<number>): boolean =>
  [...vector.keys()].some((column) => columns.has(column));

const columnsOf = (rows: readonly Vector[]): ReadonlySet<number> => new Set(rows.flatMap((row) => [...row.keys()]));

/** The combinations of these rows in which a column does not occur: one row fewer. */
function without(rows: readonly Vector[], column: number): readonly Vector[] {
  const pivot = rows.find((row) => row.has(column))!;
  return rows.filter((row) => row !== pivot).map((row) => eliminate(row, pivot, column));
}

/** Rows that a chain of shared columns connects with some. */
function connected(rows: readonly Vector[], from: ReadonlySet<number>): readonly Vector[] {
  const columns = new Set(from);
  const found: Vector[] = [];
  for (let rest = rows; ; ) {
    const next = rest.filter((row) => touches(row, columns));
    if (next.length === 0) return found;
    found.push(...next);
    for (const row of next) for (const column of row.keys()) columns.add(column);
    rest = rest.filter((row) => !next.includes(row));
  }
}

/** Organisations that a combination over these unknowns surely holds: a sum within them, or one less what is beside them. */
function fewestIn(combination: Vector, known: readonly Measured[]): number {
  let fewest = 0;
  for (const { vector, least } of known) {
    if (least <= fewest) continue;
    const beside = [...vector.keys()].filter((column) => !combination.has(column));
    if (beside.length === 0) fewest = least;
    for (const other of known) {
      if (least - other.most > fewest && beside.every((column) => other.vector.has(column)))
        fewest = least - other.most;
    }
  }
  return fewest;
}
