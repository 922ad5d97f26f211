import { describe, expect, test } from "vitest";
import type { Asset } from "../../policies/model/asset.ts";
import type { Query } from "../../policies/model/query.ts";
import { assetOf, SECTORS } from "./_fixtures.ts";
import { compileLayout } from "./compile.ts";
import { decode } from "./decode.ts";
import {
  atomCodes,
  atomIndex,
  expandIncluded,
  layoutDigest,
  layoutMinimumOrganisations,
  layoutWords,
  recordKey,
  selectIncluded,
} from "./layout.ts";
import { localReader } from "./local.ts";
import { compileSql } from "./sql.ts";

const assets = [assetOf(0, 40), assetOf(1, 30, { taxIn10k: true }), assetOf(2, 30)];
const query = (change: Partial<Query> = {}): Query => ({
  measures: [{ id: "m", statistic: { kind: "sum", element: "output" } }],
  groupBy: [],
  filters: [],
  ...change,
});
const compile = (value: Query, list: readonly Asset[] = assets) =>
  compileLayout({ query: value, assets: list, attributes: SECTORS });
const refusal = (value: Query, list: readonly Asset[] = assets): string => {
  try {
    compile(value, list);
    return "compiled";
  } catch (error) {
    return `${(error as { code: string }).code} ${(error as Error).message}`;
  }
};
const changed = (field: string, change: Record<string, unknown>): Asset[] =>
  assets.map((asset, i) =>
    i === 1
      ? { ...asset, fields: asset.fields.map((entry) => (entry.name === field ? { ...entry, ...change } : entry)) }
      : asset,
  );

describe("a layout", () => {
  test("is the same document whatever the order of assets and filters", () => {
    const filters = [
      { element: "year", operator: "isAnyOf" as const, values: ["2023", "2021"] },
      { element: "output", operator: "gteq" as const, values: ["1"] },
    ];
    const one = compile(query({ filters }));
    const two = compile(
      query({ filters: [filters[1]!, { ...filters[0]!, values: ["2021", "2023", "2021"] }] }),
      [...assets].reverse(),
    );
    expect(layoutDigest(two)).toBe(layoutDigest(one));
    expect(JSON.parse(JSON.stringify(one))).toEqual(one);
  });

  test("orders atoms row-major over public domains", () => {
    const layout = compile(query({ groupBy: [{ element: "year" }, { attribute: "sector" }] }));
    expect(layout.atoms).toBe(6);
    expect(atomCodes(layout, 3)).toEqual(["2022", "B"]);
    for (let atom = 0; atom < 6; atom++) expect(atomIndex(layout, atomCodes(layout, atom))).toBe(atom);
    expect(layout.dimensions).toEqual([
      { name: "year", size: 3 },
      { name: "sector", size: 2, attribute: { name: "sector", values: ["A", "B"] } },
    ]);
  });

  test("takes two words exactly where a sum may leave 64 bits", () => {
    const layout = compile(query({ measures: [{ id: "v", statistic: { kind: "variance", element: "energy" } }] }));
    // 100 rows × 10^15 tenths stay below 2^63; their squares do not.
    expect(layout.components.map(({ words, bound }) => [words, bound])).toEqual([
      [1, "100"],
      [1, `${100n * 10n ** 15n}`],
      [2, `${100n * 10n ** 30n}`],
    ]);
    expect(layout.wordsPerAtom).toBe(4);
  });

  test("harmonises by exact factors only, and only to a named unit", () => {
    const tax = (units?: Record<string, string>) =>
      query({ measures: [{ id: "t", statistic: { kind: "sum", element: "tax" }, ...(units ? { units } : {}) }] });
    expect(refusal(tax())).toMatch(/^ERR_STATISTICS_UNIT tax: assets hold it in CNY, CNY-10k: name the unit/);
    expect(compile(tax({ tax: "CNY" })).elements).toEqual([{ element: "tax", unit: "CNY", scale: 0, bound: "10000" }]);
    expect(compile(tax({ tax: "CNY-10k" })).elements[0]).toMatchObject({ scale: 4, bound: "10000" });
    expect(refusal(tax({ tax: "tce" }))).toMatch(/^ERR_STATISTICS_UNIT tax: .*no exact factor to tce/);
    expect(refusal(tax({ tax: "CNY", output: "CNY" }))).toMatch(/output is not an element of it/);
  });

  test("demands the organisations that exact moments need", () => {
    const minimum = (statistic: Query["measures"][number]["statistic"]) =>
      layoutMinimumOrganisations(compile(query({ measures: [{ id: "m", statistic }] })), 1);
    expect(minimum({ kind: "mean", element: "output" })).toBe(0);
    expect(minimum({ kind: "variance", element: "output" })).toBe(6);
    expect(minimum({ kind: "regression", dependent: "output", independents: ["energy"] })).toBe(7);
  });

  test("keys records by statistic word and record-level predicate, not by unit or registry cell", () => {
    const measures = (units: Record<string, string>) => [
      { id: "t", statistic: { kind: "sum" as const, element: "tax" }, units },
    ];
    const a = compile(query({ measures: measures({ tax: "CNY" }), groupBy: [{ attribute: "sector" }] }));
    const b = compile(query({ measures: measures({ tax: "CNY-10k" }) }));
    expect(recordKey(a, 0, 0)).toBe(recordKey(a, 1, 0));
    expect(recordKey(a, 0, 0)).toBe(recordKey(b, 0, 0));
    const grouped = compile(query({ groupBy: [{ element: "year" }] }));
    expect(recordKey(grouped, 0, 0)).not.toBe(recordKey(grouped, 1, 0));
    const period = { from: "2021-01-01", to: "2021-12-31" };
    expect(recordKey(compile(query({ period })), 0, 0)).not.toBe(recordKey(compile(query()), 0, 0));
  });

  test("sends included atoms only and puts them back", () => {
    const layout = compile(query({ groupBy: [{ element: "year" }] }));
    const words = BigUint64Array.from([1n, 2n, 3n]);
    const included = [true, false, true];
    expect([...selectIncluded(layout, words, included)]).toEqual([1n, 3n]);
    expect([...expandIncluded(layout, BigUint64Array.from([1n, 3n]), included)]).toEqual([1n, 0n, 3n]);
    expect(() => expandIncluded(layout, words, included)).toThrow("expected 2");
  });
});

describe("refused", () => {
  test.each<[string, string, Query, (readonly Asset[])?]>([
    [
      "overflow",
      "ERR_STATISTICS_OVERFLOW energy·energy",
      query({ measures: [{ id: "v", statistic: { kind: "variance", element: "energy" } }] }),
      changed("energy", { bounds: { minimum: "0", maximum: "99999999999999999999" } }),
    ],
    [
      "a missing element",
      "ERR_STATISTICS_ELEMENT staff: asset member-0:returns has 0 fields",
      query({ measures: [{ id: "m", statistic: { kind: "sum", element: "staff" } }] }),
    ],
    [
      "a sum of codes",
      "ERR_STATISTICS_ELEMENT year: asset member-0:returns holds it as code",
      query({ measures: [{ id: "m", statistic: { kind: "mean", element: "year" } }] }),
    ],
    [
      "missing bounds",
      "ERR_STATISTICS_ELEMENT output: asset member-1:returns declares no bounds",
      query(),
      changed("output", { bounds: undefined }),
    ],
    [
      "a comparison of an identity field",
      "ERR_STATISTICS_QUERY unit-id: is an identity field",
      query({ filters: [{ element: "unit-id", operator: "eq", values: ["u1"] }] }),
    ],
    ["grouping by an identity field", "ERR_STATISTICS_DOMAIN unit-id", query({ groupBy: [{ element: "unit-id" }] })],
    ["an unknown attribute", "ERR_STATISTICS_DOMAIN region", query({ groupBy: [{ attribute: "region" }] })],
    [
      "different code tables",
      "ERR_STATISTICS_DOMAIN year: assets use different code tables",
      query({ groupBy: [{ element: "year" }] }),
      changed("year", { codeTable: "others" }).map((asset) => ({
        ...asset,
        codeTables: { ...asset.codeTables, others: asset.codeTables.years! },
      })),
    ],
    [
      "an unknown filter code",
      "ERR_STATISTICS_QUERY year: 1999 is not in the code table",
      query({ filters: [{ element: "year", operator: "eq", values: ["1999"] }] }),
    ],
    [
      "a filter finer than the scale",
      "ERR_STATISTICS_QUERY output: 1.0001 is not a decimal",
      query({ filters: [{ element: "output", operator: "lteq", values: ["1.0001"] }] }),
    ],
    [
      "an order among codes",
      "ERR_STATISTICS_QUERY year: gteq needs a number or a date",
      query({ filters: [{ element: "year", operator: "gteq", values: ["2021"] }] }),
    ],
    [
      "two values of eq",
      "ERR_STATISTICS_QUERY year: eq takes one value",
      query({ filters: [{ element: "year", operator: "eq", values: ["2021", "2022"] }] }),
    ],
    [
      "an impossible date",
      "ERR_STATISTICS_QUERY filed-on: 2021-02-30 is not a calendar date",
      query({ filters: [{ element: "filed-on", operator: "lteq", values: ["2021-02-30"] }] }),
    ],
    [
      "an inverted period",
      "ERR_STATISTICS_PERIOD period: from 2022-01-01 is after",
      query({ period: { from: "2022-01-01", to: "2021-01-01" } }),
    ],
    [
      "a period the asset cannot tell",
      "ERR_STATISTICS_PERIOD period: asset member-0:returns has no date field",
      query({ period: { from: "2022-01-01", to: "2022-12-31" } }),
      assets.map((asset) => ({ ...asset, period: { from: "2021-01-01", to: "2023-12-31" } })),
    ],
    [
      "one measure twice",
      "ERR_STATISTICS_QUERY measures: m occurs twice",
      query({ measures: [...query().measures, ...query().measures] }),
    ],
    [
      "an element against itself",
      "ERR_STATISTICS_QUERY m: names one element twice",
      query({ measures: [{ id: "m", statistic: { kind: "correlation", x: "output", y: "output" } }] }),
    ],
    ["no asset", "ERR_STATISTICS_COHORT", query(), []],
    [
      "one asset twice",
      "ERR_STATISTICS_COHORT assets: member-0:returns occurs twice",
      query(),
      [assets[0]!, assets[0]!],
    ],
    ["an unknown key", "ERR_STATISTICS_QUERY query", { ...query(), limit: 3 } as Query],
  ])("%s", (_name, wanted, value, list) => {
    expect(refusal(value, list)).toContain(wanted);
  });

  test("metadata other than the layout's", () => {
    const layout = compile(query());
    expect(() => compileSql(layout, { ...assets[0]!, version: 2 })).toThrow(
      "expected version 1 of the layout, got version 2",
    );
    expect(() => compileSql(layout, { ...assets[0]!, keywords: ["other"] })).toThrow("other metadata");
    expect(() => compileSql(layout, assetOf(9, 1))).toThrow("expected version none");
  });

  test("a source that no longer has the registered rows, or holds unfit values", () => {
    const layout = compile(query());
    const row = { kept: "true", cell_rows: "40", cell_units: "1", k0: "1.000", t0: "39", p0: "39", v0: "37" };
    const read = (cells: Record<string, string>) => {
      const reader = localReader(layout, assets[0]!, {});
      reader.take({ columns: Object.keys(cells), rows: [Object.values(cells)] });
      return reader.finish();
    };
    const local = read(row);
    expect([[...local.values], [...local.contributes], local.nulls, local.outOfBounds]).toEqual([
      [1000n],
      [1],
      { output: 1 },
      { output: 2 },
    ]);
    expect(() => read({ ...row, cell_rows: "39" })).toThrow("registered with 40 rows, has 39");
    expect(() => read({ ...row, p0: "38" })).toThrow("the source changed");
    expect(() => read({ ...row, k0: "1e3" })).toThrow("expected a decimal");
  });
});

describe("decoding", () => {
  const statistics: Query["measures"] = [
    { id: "sum", statistic: { kind: "sum", element: "output" } },
    { id: "deviation", statistic: { kind: "standard-deviation", element: "output" } },
    { id: "model", statistic: { kind: "regression", dependent: "output", independents: ["energy"] } },
  ];

  test("withholds what is left out, and moments under their own minimum", () => {
    const layout = compile(query({ measures: statistics, groupBy: [{ element: "year" }] }));
    const sums = new BigUint64Array(layoutWords(layout)).fill(1n);
    const cells = decode(layout, sums, [false, true, true], { counts: [2, 5, 99], colluders: 1 });
    const rules = (year: string) => cells.filter(({ group }) => group.year === year).map(({ withheld }) => withheld);
    expect(new Set(rules("2021"))).toEqual(new Set(["minimum-organisations"]));
    expect(rules("2022")).toEqual([undefined, ...new Array(5).fill("moment-organisations")]);
    expect(new Set(rules("2023"))).toEqual(new Set([undefined]));
    expect(cells.every(({ withheld, value }) => withheld === undefined || value === null)).toBe(true);
  });

  test("says which left-out cells are complements of others", () => {
    const layout = compile(query({ groupBy: [{ element: "year" }] }));
    const sums = new BigUint64Array(layoutWords(layout)).fill(1n);
    const cells = decode(layout, sums, [false, false, true], { counts: [2, 5, 9], colluders: 1, complements: [1] });
    expect(cells.map(({ withheld }) => withheld)).toEqual(["minimum-organisations", "complementary-cell", undefined]);
  });

  test("withholds a correlation as it does a regression with one feature", () => {
    const measures: Query["measures"] = [
      { id: "tie", statistic: { kind: "correlation", x: "output", y: "energy" } },
      { id: "fit", statistic: { kind: "regression", dependent: "output", independents: ["energy"] } },
    ];
    const layout = compile(query({ measures }));
    expect(layoutMinimumOrganisations(layout, 1)).toBe(7);
    const sums = new BigUint64Array(layoutWords(layout)).fill(1n);
    const withheldAt = (count: number) =>
      new Set(decode(layout, sums, [true], { counts: [count], colluders: 1 }).map(({ withheld }) => withheld));
    expect(withheldAt(6)).toEqual(new Set(["moment-organisations"]));
    expect(withheldAt(7)).toEqual(new Set([undefined]));
  });

  test("names figures that do not exist instead of inventing one", () => {
    const layout = compile(
      query({
        measures: [
          ...statistics,
          { id: "ratio", statistic: { kind: "ratio", numerator: "output", denominator: "energy" } },
          { id: "mean", statistic: { kind: "mean", element: "energy" } },
        ],
      }),
    );
    const cells = decode(layout, new BigUint64Array(layoutWords(layout)), [true], { counts: [99], colluders: 1 });
    expect(cells.map(({ measure, part, value, undefined: why }) => [measure, part, value, why])).toEqual([
      ["sum", undefined, "0", undefined],
      ["deviation", undefined, null, "no-rows"],
      ["model", "intercept", null, "no-rows"],
      ["model", "coefficient:energy", null, "no-rows"],
      ["model", "r-squared", null, "no-rows"],
      ["model", "rows", "0", undefined],
      ["ratio", undefined, null, "zero-denominator"],
      ["mean", undefined, null, "no-rows"],
    ]);
  });

  test("refuses vectors of another length", () => {
    const layout = compile(query());
    const options = { counts: [9], colluders: 1 };
    expect(() => decode(layout, new BigUint64Array(2), [true], options)).toThrow("sums: expected 1, got 2");
    expect(() => decode(layout, new BigUint64Array(1), [], options)).toThrow("included: expected 1, got 0");
  });
});
