/**
 * The sums behind released figures as equations over every single value that the organisations hold: an unknown is a
 * product of at most two values of one row of one organisation. On the attacker's side in all doubtful points: of a
 * ratio, a deviation or a regression every sum that it is computed from is taken as published, to the last digit.
 */
import type { PlainTable } from "../../exchange/statistics/plain.ts";
import type { Statistic } from "../../policies/model/query.ts";
import { termsIn } from "../../policies/model/statistic.ts";
import type { Equation } from "./_attacker.ts";
import type { ScenarioRequest } from "./scenario.ts";

/** Values are whole millionths; money in units of 10,000 CNY. */
const DIGITS = 6;
const SHIFT: Readonly<Record<string, number>> = { CNY: -4 };

export interface Row {
  readonly organisation: string;
  readonly label: string;
  /** Codes of the row and registry attributes of its organisation. */
  readonly codes: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, bigint>>;
}

export function rowsOf(tables: readonly PlainTable[]): readonly Row[] {
  return tables.flatMap(({ csv, asset, attributes }) => {
    const [header = [], ...lines] = csv
      .replace(/^\uFEFF/, "")
      .trim()
      .split(/\r?\n/)
      .map((line) => line.split(","));
    return lines.map((line, index) => {
      const at = (name: string) => line[header.indexOf(name)]!;
      const codes = asset.fields.filter(({ type }) => type === "code").map((f) => [f.element, at(f.name)]);
      const numbers = asset.fields.filter(({ type }) => type === "decimal" || type === "integer");
      const values = numbers.map((f) => [f.element, scaled(at(f.name), DIGITS + (SHIFT[f.unit ?? ""] ?? 0))]);
      return {
        organisation: asset.id.slice(0, asset.id.indexOf(":")),
        label: `row ${index + 1}`,
        codes: { ...Object.fromEntries(codes), ...attributes },
        values: Object.fromEntries(values),
      };
    });
  });
}

/** A decimal as a whole number of 10^-digits. Throws where it has more digits. */
export function scaled(text: string, digits: number): bigint {
  const [, sign = "", whole = "", fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text.trim()) ?? [];
  if (whole === "" || fraction.length > digits) throw new RangeError(`${text}: not a decimal of ${digits} digits`);
  return BigInt(sign + whole + fraction.padEnd(digits, "0"));
}

/** What a cell is: a statistic over the rows of a group. */
export interface Cell {
  readonly group: Readonly<Record<string, string>>;
  readonly statistic: Statistic;
}

export const cellsOf = (
  { query }: ScenarioRequest,
  cells: readonly { readonly group: Readonly<Record<string, string>>; readonly measure: string }[],
): readonly Cell[] =>
  cells.map(({ group, measure }) => ({ group, statistic: query.measures.find(({ id }) => id === measure)!.statistic }));

export const equationsOf = (rows: readonly Row[], cells: readonly Cell[]): readonly Equation[] =>
  cells.flatMap(({ group, statistic }) => [
    ...productsOf(statistic).map((product) => sumOver(rows, group, product)),
    ...termsIn(statistic).map(({ element, where }) => {
      return sumOver(rows, where === undefined ? group : { ...group, [where.element]: where.value }, [element]);
    }),
  ]);

export function sumOver(rows: readonly Row[], group: Cell["group"], product: readonly string[]): Equation {
  const inside = rows.filter(({ codes }) => Object.entries(group).every(([name, code]) => codes[name] === code));
  const productOf = (row: Row) => product.reduce((result, element) => result * row.values[element]!, 1n);
  return {
    terms: new Map(inside.map((row) => [unknown(row, product), 1n])),
    value: inside.reduce((total, row) => total + productOf(row), 0n),
  };
}

const unknown = ({ organisation, label }: Row, product: readonly string[]): string =>
  `${organisation}/${label}/${[...product].sort().join("×")}`;

export const holderOf = (name: string): string => name.slice(0, name.indexOf("/"));

/** Numbers of rows are public here; every other sum is one of values or of products of two. */
function productsOf(statistic: Statistic): readonly (readonly string[])[] {
  const pairs = (elements: readonly string[]) => [
    ...elements.map((element) => [element]),
    ...elements.flatMap((x, i) => elements.slice(i).map((y) => [x, y])),
  ];
  switch (statistic.kind) {
    case "count":
    case "distinct":
    case "histogram":
    case "quantile":
    // The sums in them are told one by one, above.
    case "weighted-sum":
    case "weighted-ratio":
      return [];
    case "sum":
    case "mean":
      return [[statistic.element]];
    case "ratio":
      return [[statistic.numerator], [statistic.denominator]];
    case "variance":
    case "standard-deviation":
      return pairs([statistic.element]);
    case "correlation":
      return pairs([statistic.x, statistic.y]);
    case "regression":
      return pairs([statistic.dependent, ...statistic.independents]);
  }
}
