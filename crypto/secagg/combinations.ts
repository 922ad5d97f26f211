/**
 * What sums over several sets of contributors tell together (specification §5): a combination of them that concerns only
 * certain contributors exists exactly when striking those out lowers the rank. Exact, in whole numbers.
 */

/** Additions that one answer may take, some 50 ms; beyond them nothing is proven. */
const MAX_WORK = 2_000_000;

/**
 * Whether a combination with the later sum concerns fewer than `need` holding groups where none without it did; true as
 * well where that is not proven. Sets are lists of names without repetition, each released as one sum; `groupOf` says
 * whose a name is.
 */
export function tellsFew(
  earlier: readonly (readonly string[])[],
  later: readonly string[],
  need: number,
  groupOf: (name: string) => string,
): boolean {
  const folds = foldsOf([...earlier, later], groupOf);
  const { length } = earlier;
  const ranks = (columns: readonly Fold[]) => [rankOf(columns, length), rankOf(columns, length + 1)] as const;
  const [before, after] = ranks(folds);
  if (before === undefined || after === undefined) return true;
  let work = 0;
  for (const struck of smallUnions(folds, need - 1)) {
    work += length ** 2 * folds.length;
    const [restBefore, restAfter] = ranks(folds.filter(({ groups }) => groups.some((group) => !struck.has(group))));
    if (restBefore === undefined || restAfter === undefined || work > MAX_WORK) return true;
    if (after - restAfter > before - restBefore) return true;
  }
  return false;
}

/** Contributors that are in the same sets: no combination tells them apart. */
interface Fold {
  readonly groups: readonly string[];
  /** By set: 1 where they are in it. */
  readonly column: readonly (0 | 1)[];
}

function foldsOf(sets: readonly (readonly string[])[], groupOf: (name: string) => string): readonly Fold[] {
  const columns = new Map<string, (0 | 1)[]>();
  for (const [row, set] of sets.entries()) {
    for (const name of set) {
      const column = columns.get(name) ?? new Array<0 | 1>(sets.length).fill(0);
      column[row] = 1;
      columns.set(name, column);
    }
  }
  const alike = Map.groupBy(columns, ([, column]) => column.join(""));
  return [...alike.values()].map((all) => ({
    groups: [...new Set(all.map(([name]) => groupOf(name)))],
    column: all[0]![1],
  }));
}

/**
 * Every union of at most `limit` groups that folds are of. Whoever is set aside is so with all affiliates: what a smaller
 * set tells, the larger one does.
 */
function* smallUnions(folds: readonly Fold[], limit: number): Generator<ReadonlySet<string>> {
  const small = folds.filter(({ groups }) => groups.length <= limit);
  const seen = new Set<string>();
  const left: ReadonlySet<string>[] = [new Set()];
  for (let union = left.pop(); union !== undefined; union = left.pop()) {
    if (union.size >= limit) continue;
    for (const { groups } of small) {
      const wider = new Set([...union, ...groups]);
      if (wider.size === union.size || wider.size > limit) continue;
      const name = JSON.stringify([...wider].sort());
      if (seen.has(name)) continue;
      seen.add(name);
      left.push(wider);
      yield wider;
    }
  }
}

/** Of the first `rows` sets over these columns, by elimination without fractions; undefined beyond exact numbers. */
function rankOf(folds: readonly Fold[], rows: number): number | undefined {
  let left: (readonly number[])[] = Array.from({ length: rows }, (_, row) =>
    folds.map(({ column }): number => column[row]!),
  );
  let rank = 0;
  for (let column = 0; column < folds.length && left.length > 0; column++) {
    const pivot = left.find((row) => row[column] !== 0);
    if (pivot === undefined) continue;
    rank += 1;
    left = left.flatMap((row) => {
      if (row === pivot) return [];
      const [own, factor] = [pivot[column]!, row[column]!];
      return [factor === 0 ? row : primitive(row.map((value, at) => value * own - pivot[at]! * factor))];
    });
    if (left.some((row) => row.some((value) => Math.abs(value) > LARGEST))) return undefined;
  }
  return rank;
}

/** So that two products of two of these, and their difference, are exact. */
const LARGEST = 2 ** 26;

function primitive(row: readonly number[]): readonly number[] {
  const common = row.reduce(gcd, 0);
  return common <= 1 ? row : row.map((value) => value / common);
}

function gcd(a: number, b: number): number {
  let [x, y] = [a, Math.abs(b)];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}
