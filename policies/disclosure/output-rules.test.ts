import { describe, expect, test } from "vitest";
import type { Statistic } from "../model/query.ts";
import { applyOutputRules, type Figure } from "./output-rules.ts";

const rational = (numerator: bigint, denominator = 1n) => ({ numerator, denominator });
const thresholds = { need: 5, minimumUnits: 0, colluders: 1 };
const none: Parameters<typeof applyOutputRules>[2] = new Map();
const figure = (change: Partial<Figure>): Figure => ({
  id: "f",
  statistic: { kind: "sum", element: "output" },
  organisations: 6,
  sums: ["s"],
  ...change,
});
const rulesFor = (change: Partial<Figure>, over = {}, withheld: Parameters<typeof applyOutputRules>[2] = none) =>
  applyOutputRules([figure(change)], { ...thresholds, ...over }, withheld)[0]?.withheldBy;

describe("frequency", () => {
  test("a figure over fewer organisations than needed is withheld", () => {
    expect(rulesFor({ organisations: 5 })).toEqual([]);
    expect(rulesFor({ organisations: 4 })).toEqual(["minimum-organisations"]);
    expect(rulesFor({ organisations: Number.NaN })).toEqual(["minimum-organisations"]);
  });
  test("units under the minimum, or uncounted, are withheld", () => {
    expect(rulesFor({ units: 10 }, { minimumUnits: 10 })).toEqual([]);
    expect(rulesFor({ units: 9 }, { minimumUnits: 10 })).toEqual(["minimum-units"]);
    expect(rulesFor({}, { minimumUnits: 10 })).toEqual(["minimum-units"]);
  });
});

test("few distinct values are withheld, at least below ten", () => {
  const statistic = { kind: "distinct", element: "person" } as const;
  expect(rulesFor({ statistic, value: rational(10n) })).toEqual([]);
  expect(rulesFor({ statistic, value: rational(9n) })).toEqual(["minimum-units"]);
  expect(rulesFor({ statistic })).toEqual(["minimum-units"]);
  expect(rulesFor({ statistic, units: 50, value: rational(19n) }, { minimumUnits: 20 })).toEqual(["minimum-units"]);
});

describe("totals at the end of their range tell every contribution", () => {
  const bounds = { minimum: rational(0n), maximum: rational(100n) };
  test("zero, and all at the maximum", () => {
    expect(rulesFor({ value: rational(0n), bounds, rows: 6 })).toEqual(["zero-total"]);
    expect(rulesFor({ value: rational(600n), bounds, rows: 6 })).toEqual(["extreme-total"]);
    expect(rulesFor({ value: rational(599n), bounds, rows: 6 })).toEqual([]);
    expect(rulesFor({ statistic: { kind: "mean", element: "output" }, value: rational(200n, 2n), bounds })).toEqual([
      "extreme-total",
    ]);
  });
  test("shares of 0 and 100 percent", () => {
    const statistic = { kind: "ratio", numerator: "fixed", denominator: "found" } as const;
    const share = (numerator: bigint) => ({
      statistic,
      parts: { numerator: rational(numerator), denominator: rational(37n) },
    });
    expect(rulesFor(share(36n))).toEqual([]);
    expect(rulesFor(share(37n))).toEqual(["whole-total"]);
    expect(rulesFor(share(0n))).toEqual(["zero-total"]);
  });
  test("no variation, and a perfect fit", () => {
    expect(rulesFor({ statistic: { kind: "variance", element: "x" }, value: rational(0n) })).toEqual(["no-variation"]);
    const correlation = { kind: "correlation", x: "x", y: "y" } as const;
    expect(rulesFor({ statistic: correlation, organisations: 7, value: rational(9n, 9n) })).toEqual(["exact-fit"]);
  });
});

describe("moments", () => {
  test("a variance needs N − 1 − c ≥ 4 organisations", () => {
    const statistic = { kind: "variance", element: "x" } as const;
    expect(rulesFor({ statistic, organisations: 6 })).toEqual([]);
    expect(rulesFor({ statistic, organisations: 5 })).toEqual(["moment-organisations"]);
  });
  test("a regression with p features needs N − 1 − c ≥ p + 4 organisations and ten residual degrees of freedom", () => {
    const statistic = { kind: "regression" as const, dependent: "y", independents: ["a", "b"] };
    expect(rulesFor({ statistic, organisations: 8, rows: 13 })).toEqual([]);
    expect(rulesFor({ statistic, organisations: 7, rows: 12 })).toEqual([
      "moment-organisations",
      "residual-degrees-of-freedom",
    ]);
    expect(rulesFor({ statistic, organisations: 8, rows: 13, exactFit: true })).toEqual(["exact-fit"]);
  });
});

test("a model with a variable of two values is withheld: its coefficients are differences between two uncounted groups", () => {
  const regression: Statistic = { kind: "regression", dependent: "y", independents: ["a"] };
  expect(rulesFor({ statistic: regression, organisations: 9, rows: 40 })).toEqual([]);
  expect(rulesFor({ statistic: regression, organisations: 9, rows: 40, hasBinary: true })).toEqual(["binary-variable"]);
  const correlation = { kind: "correlation", x: "x", y: "y" } as const;
  expect(rulesFor({ statistic: correlation, organisations: 9, hasBinary: true })).toEqual(["binary-variable"]);
});

test("a derived figure is released only where all its sums are", () => {
  const statistic = { kind: "mean", element: "x" } as const;
  expect(rulesFor({ statistic, sums: ["n", "x"] }, {}, new Map([["n", "sum-withheld" as const]]))).toEqual([
    "sum-withheld",
  ]);
  expect(rulesFor({ statistic, sums: ["n", "x"] }, {}, new Map([["other", "dominance" as const]]))).toEqual([]);
});
