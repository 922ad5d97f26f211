import { expect, test } from "vitest";
import type { Query } from "../../policies/model/query.ts";
import { assetOf } from "./_fixtures.ts";
import { compileLayout } from "./compile.ts";
import { sumRecords } from "./layout.ts";
import { marginsOf, totalsProblem } from "./margins.ts";

const assets = [0, 1, 2].map((index) => assetOf(index, 30));
const attributes = { sector: ["paper", "metals"] };
const query = (change: Partial<Query>): Query => ({
  measures: [{ id: "output", statistic: { kind: "sum", element: "output" } }],
  groupBy: [{ attribute: "sector" }, { element: "year" }],
  filters: [],
  totals: true,
  ...change,
});

test("a table of two ways has totals of rows, of columns and of everything, each with the cells that it adds up", () => {
  const layout = compileLayout({ query: query({}), assets, attributes });
  const years = layout.domains[1]!.codes;
  const margins = marginsOf(layout);
  expect(margins).toHaveLength(2 + years.length + 1);
  expect(margins[0]).toEqual({ codes: [undefined, years[0]], atoms: [0, years.length] });
  expect(margins.at(-1)).toEqual({
    codes: [undefined, undefined],
    atoms: Array.from({ length: 2 * years.length }, (_, at) => at),
  });
  expect(marginsOf(compileLayout({ query: { ...query({}), totals: undefined } as never, assets, attributes }))).toEqual(
    [],
  );
});

test("totals are refused of what does not add up, and without dimensions", () => {
  expect(totalsProblem(query({}))).toBeUndefined();
  expect(totalsProblem(query({ groupBy: [] }))).toEqual({ why: "no-dimension" });
  const variance = query({ measures: [{ id: "v", statistic: { kind: "variance", element: "output" } }] });
  expect(totalsProblem(variance)).toEqual({ why: "not-additive", measure: "v" });
  expect(() => compileLayout({ query: variance, assets, attributes })).toThrow(/totals of v/);
  const count = query({ measures: [{ id: "n", statistic: { kind: "count" } }] });
  expect(totalsProblem(count)).toEqual({ why: "not-additive", measure: "n" });
  expect(totalsProblem({ ...count, groupBy: [{ attribute: "sector" }] })).toBeUndefined();
  expect(totalsProblem(query({ groupBy: [{ element: "output", edges: ["0", "10"] }] }))).toEqual({ why: "classes" });
});

test("levels of a hierarchy have totals of their own, as sums over their codes", () => {
  const years = assets[0]!.codeTables[assets[0]!.fields.find(({ element }) => element === "year")!.codeTable!]!;
  const [first, second, ...others] = years.map(({ code }) => code);
  const table = [
    { code: "decade" },
    { code: "pair", within: "decade" },
    ...[first!, second!].map((code) => ({ code, within: "pair" })),
    ...others.map((code) => ({ code, within: "decade" })),
  ];
  const levelled = assets.map((asset) => ({
    ...asset,
    codeTables: {
      ...asset.codeTables,
      [assets[0]!.fields.find(({ element }) => element === "year")!.codeTable!]: table,
    },
  }));
  const layout = compileLayout({ query: query({ groupBy: [{ element: "year" }] }), assets: levelled, attributes });
  expect(layout.domains[0]!.codes).toEqual(years.map(({ code }) => code).sort());
  expect(marginsOf(layout).map(({ codes, atoms }) => [codes[0], atoms.length])).toEqual([
    ["pair", 2],
    ["decade", years.length],
    [undefined, years.length],
  ]);
  const record = sumRecords(layout);
  expect(JSON.parse(record(["pair"], 0))).toMatchObject({
    cell: [],
    filters: [{ element: "year", operator: "isAnyOf", values: [first, second].sort() }],
  });
  // Who asks for these codes asks for the same sum.
  const asked = compileLayout({
    query: {
      ...query({ groupBy: [], filters: [{ element: "year", operator: "isAnyOf", values: [first!, second!] }] }),
      totals: undefined,
    } as never,
    assets: levelled,
    attributes,
  });
  expect(sumRecords(asked)([], 0)).toBe(record(["pair"], 0));
  expect(
    compileLayout({
      query: { ...query({ groupBy: [{ element: "year" }] }), totals: undefined } as never,
      assets: levelled,
      attributes,
    }).domains[0],
  ).not.toHaveProperty("within");
  const odd = [{ ...levelled[0]!, id: "x:odd", codeTables: assets[0]!.codeTables }, ...levelled.slice(1)];
  expect(() => compileLayout({ query: query({ groupBy: [{ element: "year" }] }), assets: odd, attributes })).toThrow(
    /different codes/,
  );
});

test("totals of more codes than can be judged together are refused with the number", () => {
  const { codeTable } = assets[0]!.fields.find(({ element }) => element === "year")!;
  const table = Array.from({ length: 4_097 }, (_, at) => ({ code: `y${at}` }));
  const many = assets.map((asset) => ({ ...asset, codeTables: { ...asset.codeTables, [codeTable!]: table } }));
  const asked = query({ groupBy: [{ element: "year" }] });
  expect(() => compileLayout({ query: asked, assets: many, attributes })).toThrow(/4097 cells of codes exceed 4096/);
});
