import { expect, test } from "vitest";
import { outputRulesOf } from "./output-rules.ts";
import { brokenBase } from "./rounded-figures.ts";

const policy = (terms: Readonly<Record<string, unknown>>) => ({
  permission: [
    { action: "aggregate", constraint: [{ leftOperand: "sealane:pPercent", rightOperand: "99" }] },
    {
      action: "use",
      constraint: Object.entries(terms).map(([leftOperand, rightOperand]) => ({
        leftOperand,
        operator: "x",
        rightOperand,
      })),
    },
  ],
});
const one = (largest: string, percent: string) => ({ largest, percent });

test("policies that say nothing of it want nothing", () => {
  expect(outputRulesOf([policy({}), policy({ "sealane:zeroCells": "released" }), null])).toBeUndefined();
  expect(outputRulesOf([policy({ "sealane:protectionInterval": "20" })])).toBeUndefined();
});

test("of rules of one kind the stricter holds, of intervals the wider; zeros are shown where everybody lets them", () => {
  const first = policy({ "sealane:dominance": [one("2", "85"), one("1", "60")], "sealane:pPercent": "9.5" });
  const second = policy({
    "sealane:dominance": [one("1", "75"), one("2", "80.5")],
    "sealane:protectionInterval": "15",
  });
  const third = policy({ "sealane:pq": [{ percent: "10", prior: "50" }], "sealane:pPercent": "10" });
  expect(outputRulesOf([first, second, third])).toEqual({
    dominance: [one("1", "60"), one("2", "80.5")],
    pPercent: "10",
    pq: [{ percent: "10", prior: "50" }],
    protectionInterval: "15",
    zeroCells: "withheld",
  });
  const open = { "sealane:zeroCells": "released" };
  expect(outputRulesOf([policy(open), policy(open)])).toMatchObject({
    zeroCells: "released",
    protectionInterval: null,
  });
});

test("every base that any policy rounds to is wanted, each once", () => {
  const output = { element: "output", base: "10", unit: "CNY" };
  const first = policy({ "sealane:rounding": [output, { base: "5" }] });
  const second = policy({ "sealane:rounding": [{ base: "3" }, { base: "5" }] });
  expect(outputRulesOf([first, second, policy({})])?.rounding).toEqual([{ base: "3" }, { base: "5" }, output]);
});

test("a count or sum that is no multiple of a base, or in another unit, is found; what is divided is not looked at", () => {
  const measures = [
    { id: "n", statistic: { kind: "count" } },
    { id: "total", statistic: { kind: "sum", element: "output" } },
    { id: "mean", statistic: { kind: "mean", element: "output" } },
    { id: "median", statistic: { kind: "quantile", element: "output" } },
  ];
  const bases = [
    { base: "5" },
    { element: "output", base: "0.25", unit: "CNY" },
    { element: "output", base: "10", unit: "CNY" },
  ];
  const cell = (measure: string, value: string | null, more: object = {}) => ({ group: {}, measure, value, ...more });
  const broken = (...given: Parameters<typeof cell>) => brokenBase(cell(...given), measures, bases)?.base;
  expect(broken("n", "15")).toBeUndefined();
  expect(broken("n", "16")).toBe("5");
  expect(broken("total", "-20", { unit: "CNY" })).toBeUndefined();
  expect(broken("total", "20.1", { unit: "CNY" })).toBe("0.25");
  expect(broken("total", "25", { unit: "CNY" })).toBe("10");
  expect(broken("total", "20", { unit: "CNY-10k" })).toBe("0.25");
  expect(broken("total", null)).toBeUndefined();
  expect(broken("mean", "1.7")).toBeUndefined();
  expect(broken("median", "7", { part: "rows" })).toBe("5");
  expect(broken("median", "7.3", { part: "0.5:estimate" })).toBeUndefined();
});
