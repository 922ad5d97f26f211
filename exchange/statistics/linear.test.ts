import { describe, expect, test } from "vitest";
import { digestOf } from "../../crypto/suites/digest.ts";
import type { Query, WeightedTerm } from "../../policies/model/query.ts";
import { vectorLayout } from "../computations/secagg-layout.ts";
import { assetOf, SECTORS } from "./_fixtures.ts";
import { compileLayout } from "./compile.ts";
import { recordKey } from "./layout.ts";
import { localReader } from "./local.ts";
import { compileSql } from "./sql.ts";

const assets = [assetOf(0, 4), assetOf(1, 4, { taxIn10k: true })];
const compile = (terms: readonly WeightedTerm[], change: Partial<Query> = {}, withSquares = false) =>
  compileLayout({
    query: {
      measures: [{ id: "index", statistic: { kind: "weighted-sum", terms: [...terms] }, units: { tax: "CNY" } }],
      groupBy: [],
      filters: [],
      ...change,
    },
    assets,
    attributes: SECTORS,
    withSquares,
  });
const refusal = (...given: Parameters<typeof compile>): string => {
  try {
    compile(...given);
    return "compiled";
  } catch (error) {
    return (error as Error).message;
  }
};
const year = (value: string) => ({ element: "year", value });
const OUTPUT = { element: "output", weight: "0.7" };
const TAX = { element: "tax", weight: "0.3", where: year("2022") };

describe("a weighted sum", () => {
  test("is one word of whole coefficients, whatever scales and units its elements have", () => {
    // Output in thousandths, tax in units: 0.7/1000 to 0.3 is 7 to 3000.
    const { components } = compile([TAX, OUTPUT]);
    expect(components).toEqual([
      {
        word: {
          kind: "linear",
          terms: [
            { coefficient: "3000", element: "tax", where: year("2022") },
            { coefficient: "7", element: "output" },
          ],
        },
        words: 1,
        bound: `${8n * (7n * 5_000_000n + 3000n * 10_000n)}`,
      },
    ]);
    expect(compile([OUTPUT, TAX]).components).toEqual(components);
  });

  test("has squares and magnitudes of itself, not of the sums in it", () => {
    const kinds = compile([OUTPUT, TAX], {}, true).components.map(({ word }) => [word.kind, "terms" in word]);
    expect(kinds).toEqual([
      ["linear", true],
      ["squares", true],
      ["magnitudes", true],
    ]);
  });

  test("is refused where one sum could be read off beside another, named twice, or left out", () => {
    const small = { element: "tax", weight: "0.000001" };
    expect(refusal([{ ...OUTPUT, weight: "2" }, small])).toMatch(
      /^index: weights are more than 1000000 times each other/,
    );
    expect(refusal([{ ...OUTPUT, weight: "1" }, small])).toBe("compiled");
    expect(refusal([OUTPUT, TAX, { ...OUTPUT, weight: "2" }])).toMatch(/names one sum twice/);
    expect(refusal([{ ...OUTPUT, weight: "0.0" }, TAX])).toMatch(/the weight of output is zero/);
    expect(refusal([{ ...TAX, where: year("1999") }])).toMatch(/1999 is not in the code table of year/);
    expect(refusal([TAX], { groupBy: [{ element: "year" }] })).toMatch(/limits a term, so it cannot be a dimension/);
    expect(refusal([{ ...OUTPUT, where: { element: "unit-id", value: "u1" } }, TAX])).toMatch(/unit-id/);
  });

  test("counts in the history as a release of each sum in it", () => {
    const layout = compile([OUTPUT, TAX]);
    const filters = [{ element: "year", operator: "eq" as const, values: ["2022"] }];
    const single = (element: string, change: Partial<Query> = {}) =>
      compileLayout({
        query: {
          measures: [{ id: "m", statistic: { kind: "sum", element }, units: element === "tax" ? { tax: "CNY" } : {} }],
          groupBy: [],
          filters: [],
          ...change,
        },
        assets,
        attributes: SECTORS,
      });
    const parties = assets.map((asset) => ({ member: asset.provider, asset }));
    const { recordKeys } = vectorLayout({ layout, parties, colluders: 1, exactMomentsTrusted: false, excluded: [] });
    const wanted = [
      recordKey(layout, 0, 0),
      recordKey(single("output"), 0, 0),
      recordKey(single("tax", { filters }), 0, 0),
    ];
    expect(new Set(recordKeys[0])).toEqual(new Set(wanted.map(digestOf)));
  });
});

describe("what an organisation says of a weighted sum", () => {
  const asset = assets[1]!;
  const layout = compile([OUTPUT, TAX]);
  const quality = ["t", "p", "v"].flatMap((stage) => [0, 1, 2, 3].map((i) => [`${stage}${i}`, "4"]));
  const local = (cells: Readonly<Record<string, string>>) => {
    const reader = localReader(layout, asset, { sector: "A" });
    const row = { kept: "true", cell_rows: "4", cell_units: "4", ...Object.fromEntries(quality), ...cells };
    reader.take({ columns: Object.keys(row), rows: [Object.values(row)] });
    return reader.finish();
  };

  test("is the weighted sum of its own exact sums, and units of the narrowest of them", () => {
    expect(compileSql(layout, asset).text).toContain("AS k0_1");
    const { values, contributes, units } = local({ k0_0: "0.0123", k0_1: "10.500", u0: "3" });
    // Tax is held in ten thousands.
    expect([...values]).toEqual([3000n * 123n + 7n * 10_500n]);
    expect([[...contributes], [...units]]).toEqual([[1], [3]]);
  });

  test("counts it among the contributors only where every sum in it has something", () => {
    expect([...local({ k0_0: "0.0000", k0_1: "10.500", u0: "3" }).contributes]).toEqual([0]);
    expect([...local({ k0_0: "0.0123", k0_1: "0.000", u0: "3" }).contributes]).toEqual([0]);
  });
});
