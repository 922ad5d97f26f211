import { expect, test } from "vitest";
import { outputRulesOf } from "./output-rules.ts";

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
