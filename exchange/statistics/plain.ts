/**
 * The comparison figure: the same query worked out by textbook formulas, straight from the text of every CSV file.
 * It needs all files in one place, so only demonstrations and tests use it. On purpose it shares no code with the SQL,
 * the layout or the decoder: where the two agree, both are right or both are wrong in the same way by chance.
 */
import type { Asset, Field } from "../../policies/model/asset.ts";
import type { Measure, Predicate, Query, WeightedTerm } from "../../policies/model/query.ts";
import {
  type Fraction,
  fraction,
  less,
  mean,
  minus,
  nearestEven,
  over,
  power,
  print,
  printRoot,
  quotient,
  sum,
  times,
} from "./plain-fraction.ts";
import { UNITS } from "./units.ts";

export interface PlainTable {
  /** UTF-8 text of the file. */
  readonly csv: string;
  readonly asset: Asset;
  /** Registry attributes of the provider. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Default ",". */
  readonly delimiter?: string;
}

/** As the decoder's cells, without its withholding: every figure, whatever the cell size. */
export interface PlainCell {
  readonly group: Readonly<Record<string, string>>;
  readonly measure: string;
  readonly part?: string;
  readonly value: string | null;
}

const DIGITS = 15;

interface Row {
  readonly table: PlainTable;
  readonly values: ReadonlyMap<string, string | null>;
}

/** `attributes` are the network's registry code tables. */
export function plainFigures(
  query: Query,
  tables: readonly PlainTable[],
  attributes: Readonly<Record<string, readonly string[]>>,
): readonly PlainCell[] {
  const rows = tables.flatMap((table) => rowsOf(table)).filter((row) => wanted(row, query));
  const names = query.groupBy.map((dimension) => ("attribute" in dimension ? dimension.attribute : dimension.element));
  const groups = query.groupBy.reduce<string[][]>(
    (prefixes, dimension) => {
      const codes =
        "attribute" in dimension
          ? attributes[dimension.attribute]!
          : (dimension.edges?.slice(1).map((upper, i) => `from${dimension.edges![i]}..${upper}`) ??
            codesOf(dimension.element, tables));
      return prefixes.flatMap((prefix) => codes.map((code) => [...prefix, code]));
    },
    [[]],
  );
  const buckets = new Map<string, Row[]>();
  for (const row of rows) {
    const key = query.groupBy.map((dimension) =>
      "attribute" in dimension
        ? row.table.attributes[dimension.attribute]
        : dimension.edges === undefined
          ? cell(row, dimension.element)
          : classOf(row, dimension.element, dimension.edges),
    );
    const bucket = buckets.get(JSON.stringify(key));
    if (bucket === undefined) buckets.set(JSON.stringify(key), [row]);
    else bucket.push(row);
  }
  const figuresOfCells = groups.flatMap((codes) => {
    const group = Object.fromEntries(names.map((name, i) => [name, codes[i]!]));
    const members = buckets.get(JSON.stringify(codes)) ?? [];
    return query.measures.flatMap((measure) =>
      figures(measure, members, tables).map((figure) => ({ group, measure: measure.id, ...figure })),
    );
  });
  return [...figuresOfCells, ...query.measures.flatMap((measure) => quantiles(query, measure, groups, buckets))];
}

/** Edges are in the unit that all assets share. */
function classOf(row: Row, element: string, edges: readonly string[]): string | null {
  const value = number(row, element);
  if (value === null) return null;
  let at = edges.length - 2;
  while (at > 0 && less(value, fraction(edges[at]!))) at--;
  return `from${edges[at]}..${edges[at + 1]}`;
}

/** By sorting the values themselves; the interpolation counts the values of the same class. */
function quantiles(
  query: Query,
  { id, statistic }: Measure,
  groups: readonly (readonly string[])[],
  buckets: ReadonlyMap<string, readonly Row[]>,
): readonly PlainCell[] {
  if (statistic.kind !== "quantile") return [];
  const { element, probabilities } = statistic;
  const at = query.groupBy.findIndex((one) => "element" in one && one.element === element && one.edges !== undefined);
  const edges = (query.groupBy[at] as { readonly edges: readonly string[] }).edges;
  const outer = new Map(groups.map((codes) => [JSON.stringify(codes.toSpliced(at, 1)), codes]));
  return [...outer].flatMap(([key, example]) => {
    const group = Object.fromEntries(
      query.groupBy.flatMap((one, i) =>
        i === at ? [] : [["element" in one ? one.element : one.attribute, example[i]!]],
      ),
    );
    const values = groups
      .filter((codes) => JSON.stringify(codes.toSpliced(at, 1)) === key)
      .flatMap((codes) => buckets.get(JSON.stringify(codes)) ?? [])
      .map((row) => number(row, element)!)
      .sort((a, b) => (less(a, b) ? -1 : 1));
    return probabilities.flatMap((probability) => {
      const p = fraction(probability);
      const rank = Number((p.n * BigInt(values.length) + p.d - 1n) / p.d);
      const value = values[rank - 1];
      const cells = (figures: readonly (string | null)[]) =>
        ["from", "to", "estimate"].map((part, i) => ({
          group,
          measure: id,
          part: `${probability}:${part}`,
          value: figures[i]!,
        }));
      if (value === undefined) return cells([null, null, null]);
      let lower = edges.length - 2;
      while (lower > 0 && less(value, fraction(edges[lower]!))) lower--;
      const [from, to] = [fraction(edges[lower]!), fraction(edges[lower + 1]!)];
      const isInside = (other: Fraction) => !less(other, from) && (less(other, to) || lower === edges.length - 2);
      const inside = values.filter(isInside).length;
      const before = values.filter((other) => less(other, from)).length;
      const share = quotient(BigInt(2 * (rank - before) - 1), BigInt(2 * inside));
      const estimate = sum([from, times(share, minus(to, from))]);
      return cells([from, to, estimate].map((one) => print(one, DIGITS)));
    });
  });
}

// ---- reading

function rowsOf(table: PlainTable): Row[] {
  const [header = [], ...records] = recordsOf(table.csv.replace(/^\uFEFF/, ""), table.delimiter ?? ",");
  // A blank line is no record, except where a record is one value.
  const full = records.filter((record) => header.length === 1 || record.length > 1 || record[0] !== "");
  return full.map((record) => ({
    table,
    values: new Map(
      header.map((name, i) => {
        const text = (record[i] ?? "").replace(/^\p{Zs}+|\p{Zs}+$/gu, "");
        return [name, text === "" ? null : text];
      }),
    ),
  }));
}

function recordsOf(text: string, delimiter: string): string[][] {
  const records: string[][] = [];
  const pattern = new RegExp(
    `(?:"((?:[^"]|"")*)"|([^"${delimiter}\\r\\n][^${delimiter}\\r\\n]*)?)(${delimiter}|\\r?\\n|$)`,
    "y",
  );
  let record: string[] = [];
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex;
    const match = pattern.exec(text);
    if (match === null) throw new Error(`plain reader: malformed CSV at character ${at}`);
    record.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    if (match[3] === delimiter) {
      if (pattern.lastIndex === text.length) record.push("");
      else continue;
    }
    records.push(record);
    record = [];
  }
  return records;
}

const field = (asset: Asset, element: string): Field =>
  asset.fields.find((candidate) => candidate.element === element)!;
const cell = (row: Row, element: string): string | null => row.values.get(field(row.table.asset, element).name) ?? null;

/** A number in its asset's own unit; null where absent or out of bounds. */
function number(row: Row, element: string): Fraction | null {
  const { name, scale = 0, bounds, roundedFromFloat } = field(row.table.asset, element);
  const text = row.values.get(name) ?? null;
  if (text === null) return null;
  const [mantissa = "", exponent = "0"] = text.toLowerCase().split("e");
  let value = times(fraction(mantissa), power(Number(exponent)));
  if (roundedFromFloat === true) value = quotient(nearestEven(times(value, power(scale))), 10n ** BigInt(scale));
  if (bounds !== undefined && (less(value, fraction(bounds.minimum)) || less(fraction(bounds.maximum), value)))
    return null;
  return value;
}

/** The unit a measure's element is stated in: the one it names, else the one all assets share. */
function stated(measure: Measure, element: string, row: Row): Fraction | null {
  const value = number(row, element);
  const from = field(row.table.asset, element).unit;
  const to = measure.units?.[element] ?? from;
  if (value === null || from === to) return value;
  const a = UNITS[from!]!;
  const b = UNITS[to!]!;
  return times(value, quotient(a.numerator * b.denominator, a.denominator * b.numerator));
}

function codesOf(element: string, tables: readonly PlainTable[]): string[] {
  const codes = tables.flatMap(({ asset }) => {
    const table = asset.codeTables[field(asset, element).codeTable!]!;
    return table.filter(({ code }) => !table.some(({ within }) => within === code)).map(({ code }) => code);
  });
  return [...new Set(codes)].sort();
}

function wanted(row: Row, query: Query): boolean {
  const { asset } = row.table;
  if (query.period !== undefined && asset.period?.field !== undefined) {
    const date = row.values.get(asset.period.field);
    if (date == null || date < query.period.from || date > query.period.to) return false;
  }
  return query.filters.every((filter) => matches(row, filter));
}

function matches(row: Row, filter: Predicate): boolean {
  const { type } = field(row.table.asset, filter.element);
  if (type === "decimal" || type === "integer") {
    const value = number(row, filter.element);
    if (value === null) return false;
    const literals = filter.values.map(fraction);
    if (filter.operator === "gteq") return !less(value, literals[0]!);
    if (filter.operator === "lteq") return !less(literals[0]!, value);
    return literals.some((other) => !less(value, other) && !less(other, value));
  }
  const value = cell(row, filter.element);
  if (value === null) return false;
  if (filter.operator === "gteq") return value >= filter.values[0]!;
  if (filter.operator === "lteq") return value <= filter.values[0]!;
  return filter.values.includes(value);
}

// ---- formulas

type Figure = { readonly part?: string; readonly value: string | null };

function figures(measure: Measure, rows: readonly Row[], tables: readonly PlainTable[]): Figure[] {
  const { statistic } = measure;
  const column = (element: string): Fraction[] =>
    rows.flatMap((row) => {
      const value = stated(measure, element, row);
      return value === null ? [] : [value];
    });
  switch (statistic.kind) {
    case "count":
      return [{ value: String(tables.reduce((total, table) => total + unitsOf(table, rows), 0)) }];
    case "distinct": {
      const values = rows.flatMap((row) => cell(row, statistic.element) ?? []);
      return [
        { part: "estimate", value: String(new Set(values).size) },
        { part: "relative-error", value: "0" },
      ];
    }
    case "histogram":
      return [{ value: String(column(statistic.element).length) }];
    case "quantile":
      return [{ part: "rows", value: String(column(statistic.element).length) }];
    case "sum":
      return [{ value: print(sum(column(statistic.element)), 400) }];
    case "mean": {
      const values = column(statistic.element);
      return [{ value: values.length === 0 ? null : print(mean(values), DIGITS) }];
    }
    case "ratio": {
      const bottom = sum(column(statistic.denominator));
      return [{ value: bottom.n === 0n ? null : print(over(sum(column(statistic.numerator)), bottom), DIGITS) }];
    }
    case "weighted-sum":
      return [{ value: print(weighted(measure, statistic.terms, rows), 400) }];
    case "weighted-ratio": {
      const bottom = weighted(measure, statistic.bottom, rows);
      return [{ value: bottom.n === 0n ? null : print(over(weighted(measure, statistic.top, rows), bottom), DIGITS) }];
    }
    case "variance":
    case "standard-deviation": {
      const values = column(statistic.element);
      if (values.length < 2) return [{ value: null }];
      const variance = over(deviations(values, values), quotient(BigInt(values.length - 1), 1n));
      return [{ value: statistic.kind === "variance" ? print(variance, DIGITS) : printRoot(variance, DIGITS) }];
    }
    case "correlation": {
      const [x, y] = complete(measure, [statistic.x, statistic.y], rows) as [Fraction[], Fraction[]];
      if (x.length < 2) return [{ value: null }];
      const squares = times(deviations(x, x), deviations(y, y));
      if (squares.n === 0n) return [{ value: null }];
      const xy = deviations(x, y);
      const root = printRoot(over(times(xy, xy), squares), DIGITS);
      return [{ value: xy.n < 0n ? `-${root}` : root }];
    }
    case "regression": {
      const [y, ...xs] = complete(measure, [statistic.dependent, ...statistic.independents], rows) as [
        Fraction[],
        ...Fraction[][],
      ];
      return regression(y, xs, statistic.independents);
    }
  }
}

/** Row by row, every product by itself. */
const weighted = (measure: Measure, terms: readonly WeightedTerm[], rows: readonly Row[]): Fraction =>
  sum(
    rows.flatMap((row) =>
      terms.flatMap(({ element, weight, where }) => {
        const value = stated(measure, element, row);
        if (value === null || (where !== undefined && cell(row, where.element) !== where.value)) return [];
        return [times(fraction(weight), value)];
      }),
    ),
  );

function unitsOf(table: PlainTable, rows: readonly Row[]): number {
  const own = rows.filter((row) => row.table === table);
  const { unit } = table.asset;
  if (unit.kind === "provider") return own.length > 0 ? 1 : 0;
  const values = own.flatMap((row) => row.values.get(unit.field) ?? []);
  return new Set(values).size;
}

/** Columns of the rows in which every element has a value. */
function complete(measure: Measure, elements: readonly string[], rows: readonly Row[]): Fraction[][] {
  const kept = rows
    .map((row) => elements.map((element) => stated(measure, element, row)))
    .filter((row) => !row.includes(null));
  return elements.map((_, i) => kept.map((row) => row[i]!));
}

function deviations(x: readonly Fraction[], y: readonly Fraction[]): Fraction {
  const [meanX, meanY] = [mean(x), mean(y)];
  return sum(x.map((value, i) => times(minus(value, meanX), minus(y[i]!, meanY))));
}

/** Centred normal equations by Gaussian elimination, R² from the residuals themselves. */
function regression(y: readonly Fraction[], xs: readonly (readonly Fraction[])[], names: readonly string[]): Figure[] {
  const parts = ["intercept", ...names.map((name) => `coefficient:${name}`), "r-squared"];
  const rows = { part: "rows", value: String(y.length) };
  const slopes =
    y.length === 0 ? undefined : eliminate(xs.map((a) => [...xs.map((b) => deviations(a, b)), deviations(a, y)]));
  if (slopes === undefined) return [...parts.map((part) => ({ part, value: null })), rows];
  const intercept = slopes.reduce((rest, slope, i) => minus(rest, times(slope, mean(xs[i]!))), mean(y));
  const residuals = y.map((value, r) =>
    slopes.reduce((rest, slope, i) => minus(rest, times(slope, xs[i]![r]!)), minus(value, intercept)),
  );
  const total = deviations(y, y);
  const unexplained = sum(residuals.map((value) => times(value, value)));
  const rSquared = total.n === 0n ? null : print(minus(quotient(1n, 1n), over(unexplained, total)), DIGITS);
  const values = [...[intercept, ...slopes].map((value) => print(value, DIGITS)), rSquared];
  return [...parts.map((part, i) => ({ part, value: values[i]! })), rows];
}

function eliminate(matrix: Fraction[][]): Fraction[] | undefined {
  const size = matrix.length;
  for (let k = 0; k < size; k++) {
    const found = matrix.findIndex((row, i) => i >= k && row[k]!.n !== 0n);
    if (found < 0) return undefined;
    [matrix[k], matrix[found]] = [matrix[found]!, matrix[k]!];
    const pivot = matrix[k]![k]!;
    matrix[k] = matrix[k]!.map((value) => over(value, pivot));
    for (let i = 0; i < size; i++) {
      const factor = matrix[i]![k]!;
      if (i !== k) matrix[i] = matrix[i]!.map((value, j) => minus(value, times(factor, matrix[k]![j]!)));
    }
  }
  return matrix.map((row) => row[size]!);
}
