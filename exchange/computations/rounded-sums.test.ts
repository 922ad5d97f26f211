import { expect, test } from "vitest";
import type { SumEquation } from "./release-check.ts";
import { inSteps, roundedSums } from "./rounded-sums.ts";

const record = JSON.stringify({ word: "output", filters: [], period: null, cell: [] });
const told: SumEquation = {
  id: "earlier",
  record,
  contributors: ["a", "b", "c"],
  rounded: "130",
  steps: [{ unit: "CNY-10k", scale: 1 }],
};

test("what was told in coarser steps is told again as it was, not rounded anew", () => {
  const now = inSteps(told, [{ unit: "CNY", scale: 0 }]);
  expect(now.rounded).toBe("130000");
  const present = { equation: { id: "now", record, contributors: ["a", "b", "c"] }, value: 124_999n, base: 10_000n };
  const inputs = { present: [present], domains: new Map(), solver: undefined, isLate: () => false };
  expect(roundedSums({ ...inputs, earlier: [now] }).get("now")).toBe(130_000n);
  expect(inSteps(now, undefined).rounded).toBeUndefined();
});

test("and what is of another kind is not taken for it", () => {
  expect(inSteps(told, [{ unit: "kg", scale: 0 }]).rounded).toBeUndefined();
  expect(inSteps({ ...told, steps: [] }, []).rounded).toBe("130");
});
