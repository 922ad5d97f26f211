/** Random tables and queries for the tests of this folder. */
import fc from "fast-check";
import type { Asset } from "../../policies/model/asset.ts";
import type { Query, Statistic, WeightedTerm } from "../../policies/model/query.ts";
import type { PlainTable } from "./plain.ts";

export const SECTORS = { sector: ["A", "B"] } as const;
const YEARS = ["2021", "2022", "2023"];
const NUMERIC = ["output", "tax", "energy"];

/** Columns of every random table; `tax` is in 万元 at some providers and in 元 at others. */
export function assetOf(index: number, rows: number, options: { readonly taxIn10k?: boolean } = {}): Asset {
  const member = `member-${index}`;
  return {
    id: `${member}:returns`,
    version: 1,
    provider: member,
    title: { en: "Returns" },
    keywords: [],
    fields: [
      { name: "Unit, id", element: "unit-id", type: "text", identity: true },
      { name: "year", element: "year", type: "code", codeTable: "years" },
      { name: "filed", element: "filed-on", type: "date" },
      {
        name: "output",
        element: "output",
        type: "decimal",
        scale: 3,
        unit: "CNY",
        bounds: { minimum: "-5000", maximum: "5000" },
      },
      options.taxIn10k === true
        ? {
            name: "tax",
            element: "tax",
            type: "decimal",
            scale: 4,
            unit: "CNY-10k",
            bounds: { minimum: "0", maximum: "1" },
          }
        : { name: "tax", element: "tax", type: "integer", unit: "CNY", bounds: { minimum: "0", maximum: "10000" } },
      {
        name: "energy",
        element: "energy",
        type: "decimal",
        scale: 1,
        unit: "tce",
        bounds: { minimum: "-100000000000000", maximum: "100000000000000" },
      },
    ],
    codeTables: { years: YEARS.map((code) => ({ code })) },
    unit: index % 2 === 0 ? { kind: "provider" } : { kind: "field", field: "Unit, id" },
    unitDomain: `domain-${index}`,
    grade: { legal: "general", level: "L2" },
    period: { from: "2021-01-01", to: "2023-12-31", field: "filed" },
    quality: { rows, fields: {} },
    sourceDigest: "A".repeat(43),
  };
}

const quoted = (text: string, quote: boolean): string => (quote ? `"${text.replaceAll('"', '""')}"` : text);

const numberText = (scale: number, most: number): fc.Arbitrary<string> =>
  fc
    .record({
      value: fc.integer({ min: -most, max: most }),
      digits: fc.integer({ min: 0, max: scale }),
      pad: fc.boolean(),
    })
    .map(({ value, digits, pad }) => {
      const text = (value / 10 ** digits).toFixed(digits);
      return pad ? (digits > 0 ? ` ${text}00` : `+0${text}\u00a0`.replace("+0-", "-0")) : text;
    });

const maybe = (value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 40, arbitrary: value },
    { weight: 1, arbitrary: fc.constant("") },
    { weight: 1, arbitrary: fc.constant(" \u3000") },
  );

const row = (taxIn10k: boolean): fc.Arbitrary<readonly string[]> =>
  fc.tuple(
    maybe(fc.constantFrom("u1", "u2", "u,3", 'u"4')),
    maybe(fc.constantFrom(...YEARS)),
    maybe(fc.constantFrom("2021-06-30", "2022-01-01", "2023-12-31", "2022-02-28")),
    maybe(numberText(3, 6_000_000)),
    maybe(taxIn10k ? numberText(4, 11_000) : numberText(0, 11_000)),
    maybe(numberText(1, 1_500_000_000_000_000)),
  );

export const tableArbitrary = (index: number): fc.Arbitrary<PlainTable> =>
  fc.boolean().chain((taxIn10k) =>
    fc
      .record({
        rows: fc.array(row(taxIn10k), { minLength: 0, maxLength: 80, size: "max" }),
        lineEnd: fc.constantFrom("\n", "\r\n"),
        mark: fc.constantFrom("", "\uFEFF"),
        sector: fc.constantFrom("A", "B", "C"),
      })
      .map(({ rows, lineEnd, mark, sector }) => {
        const lines = rows.map((cells) =>
          cells.map((cell) => quoted(cell, /[",]/.test(cell) || cell.length % 3 === 1)).join(","),
        );
        const header = '"Unit, id",year,filed,output,tax,energy';
        return {
          csv: mark + [header, ...lines].join(lineEnd) + lineEnd,
          asset: assetOf(index, rows.length, { taxIn10k }),
          attributes: { sector },
        };
      }),
  );

const weightedTerms: fc.Arbitrary<WeightedTerm[]> = fc.uniqueArray(
  fc
    .record({
      element: fc.constantFrom(...NUMERIC),
      weight: fc.constantFrom("1", "-0.5", "2.125", "0.000003", "1.3"),
      year: fc.option(fc.constantFrom(...YEARS), { nil: undefined }),
    })
    .map(({ element, weight, year }) => {
      return { element, weight, ...(year === undefined ? {} : { where: { element: "year", value: year } }) };
    }),
  { minLength: 1, maxLength: 4, selector: ({ element, where }) => `${element} ${where?.value}` },
);

const statistic: fc.Arbitrary<Statistic> = fc.oneof(
  weightedTerms.map((terms): Statistic => ({ kind: "weighted-sum", terms })),
  fc.tuple(weightedTerms, weightedTerms).map(([top, bottom]): Statistic => ({ kind: "weighted-ratio", top, bottom })),
  fc.constant<Statistic>({ kind: "count" }),
  fc
    .record({
      kind: fc.constantFrom("sum", "mean", "variance", "standard-deviation" as const),
      element: fc.constantFrom(...NUMERIC),
    })
    .map((value) => value as Statistic),
  fc
    .shuffledSubarray(NUMERIC, { minLength: 2, maxLength: 2 })
    .map(([a, b]): Statistic => ({ kind: "ratio", numerator: a!, denominator: b! })),
  fc
    .shuffledSubarray(NUMERIC, { minLength: 2, maxLength: 2 })
    .map(([x, y]): Statistic => ({ kind: "correlation", x: x!, y: y! })),
  fc
    .shuffledSubarray(NUMERIC, { minLength: 2, maxLength: 3 })
    .map(([dependent, ...independents]): Statistic => ({ kind: "regression", dependent: dependent!, independents })),
);

/** Cover the bounds of `assetOf`; values lie on edges too. */
const EDGES: Readonly<Record<string, readonly string[]>> = {
  output: ["-5000", "-1", "0", "0.5", "1000", "4999.999", "5000"],
  energy: ["-100000000000000", "0", "100000000000000.0"],
};
const classStatistics = (element: string): Statistic[] => [
  { kind: "histogram", element },
  { kind: "quantile", element, probabilities: ["0.5", "0.01", "0.999"] },
];

export const queryArbitrary: fc.Arbitrary<Query> = fc
  .record({
    statistics: fc.array(statistic, { minLength: 1, maxLength: 4 }),
    dimensions: fc.subarray([{ element: "year" }, { attribute: "sector" }]),
    classed: fc.option(fc.constantFrom(...Object.keys(EDGES)), { nil: undefined }),
    filters: fc.subarray(
      [
        { element: "output", operator: "gteq" as const, values: ["-1000.5"] },
        { element: "output", operator: "lteq" as const, values: ["2500"] },
        { element: "year", operator: "isAnyOf" as const, values: ["2023", "2021"] },
        { element: "filed-on", operator: "gteq" as const, values: ["2021-12-31"] },
      ],
      { maxLength: 1 },
    ),
    period: fc.option(fc.constant({ from: "2021-07-01", to: "2023-12-31" }), { nil: undefined }),
    taxUnit: fc.constantFrom("CNY", "CNY-10k"),
  })
  .map(({ dimensions, ...rest }) => {
    // A code that limits a term is no dimension too.
    const isLimited = JSON.stringify(rest.statistics).includes('"where"');
    return { ...rest, groupBy: dimensions.filter((one) => !(isLimited && "element" in one)) };
  })
  .map(({ statistics, groupBy, classed, filters, period, taxUnit }) => ({
    measures: [...statistics, ...(classed === undefined ? [] : classStatistics(classed))].map((entry, i) => ({
      id: `m${i}`,
      statistic: entry,
      ...(JSON.stringify(entry).includes('"tax"') ? { units: { tax: taxUnit } } : {}),
    })),
    groupBy: classed === undefined ? groupBy : [{ element: classed, edges: [...EDGES[classed]!] }, ...groupBy],
    filters,
    ...(period === undefined ? {} : { period }),
  }));
