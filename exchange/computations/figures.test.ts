import { expect, test } from "vitest";
import type { Asset } from "../../policies/model/asset.ts";
import type { Statistic } from "../../policies/model/query.ts";
import { assetOf } from "../statistics/_fixtures.ts";
import { compileLayout } from "../statistics/compile.ts";
import { elementsIn } from "../statistics/layout.ts";
import { figureOf } from "./figures.ts";

type Row = Readonly<Record<string, bigint>>;

/** The facts of one measure over these rows; `tax` is a whole number between these bounds. */
function factsOf(statistic: Statistic, rows: readonly Row[], bounds = { minimum: "0", maximum: "1" }) {
  const assets = [0, 1, 2].map((index): Asset => {
    const asset = assetOf(index, rows.length);
    const fields = asset.fields.map((field) => (field.element === "tax" ? { ...field, bounds } : field));
    return { ...asset, fields };
  });
  const measure = { id: "m", statistic };
  const layout = compileLayout({ query: { measures: [measure], groupBy: [], filters: [] }, assets, attributes: {} });
  const vector = new BigUint64Array(layout.wordsPerAtom);
  let at = 0;
  for (const component of layout.components) {
    const { word } = component;
    if (word.kind === "moment") {
      const products = rows.map((row) => word.factors.reduce((product, factor) => product * row[factor]!, 1n));
      const sum = products.reduce((total, one) => total + one, 0n);
      vector[at] = BigInt.asUintN(64, sum);
      if (component.words === 2) vector[at + 1] = BigInt.asUintN(64, sum >> 64n);
    }
    at += component.words * elementsIn(component);
  }
  const inputs = {
    id: "m",
    measure,
    layout,
    assets,
    cell: { atom: 0 },
    vector,
    organisations: 9,
    results: [],
    sums: [],
  };
  return figureOf(inputs as never);
}
const rowsWith = (taxes: readonly number[]): readonly Row[] =>
  taxes.map((tax, index) => ({ tax: BigInt(tax), energy: BigInt(index * index) }));

const fit: Statistic = { kind: "regression", dependent: "energy", independents: ["tax"] };

test("a regressor that is at one of its bounds in every row is found by its sums alone", () => {
  expect(factsOf(fit, rowsWith([0, 1, 1, 0])).hasBinary).toBe(true);
  expect(factsOf(fit, rowsWith([3, 7, 7]), { minimum: "3", maximum: "7" }).hasBinary).toBe(true);
  expect(factsOf({ kind: "correlation", x: "energy", y: "tax" }, rowsWith([1, 0, 1])).hasBinary).toBe(true);
});

test("one row between the bounds is enough for it not to be one, and the dependent variable may be", () => {
  expect(factsOf(fit, rowsWith([3, 7, 4, 7]), { minimum: "3", maximum: "7" }).hasBinary).toBeUndefined();
  const other: Statistic = { kind: "regression", dependent: "tax", independents: ["energy"] };
  expect(factsOf(other, rowsWith([0, 1, 1, 0])).hasBinary).toBeUndefined();
});
