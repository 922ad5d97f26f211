import { expect, test } from "vitest";
import { percentile, reportOf } from "./bench.ts";
import { BENCHES } from "./benches.ts";

const machine = { cpus: 2, model: "test", memoryGiB: 4, node: "v24" };

test("a report computes from each target whether it is met", () => {
  const results = [
    { metric: "a", value: 5, unit: "ms", target: { atMost: 5 } },
    { metric: "b", value: 5, unit: "/s", target: { atLeast: 6 } },
    { metric: "c", value: 5, unit: "x" },
  ];
  const report = reportOf("x", "abc", machine, { parameters: { n: 3 }, results });
  expect(report.results).toEqual([
    { metric: "a", value: 5, unit: "ms", target: "<= 5", ok: true },
    { metric: "b", value: 5, unit: "/s", target: ">= 6", ok: false },
    { metric: "c", value: 5, unit: "x" },
  ]);
});

test("percentiles are nearest ranks", () => {
  const samples = [5, 1, 4, 2, 3];
  expect([0.01, 0.5, 0.95, 1].map((p) => percentile(samples, p))).toEqual([1, 3, 5, 5]);
  expect(() => percentile([], 0.5)).toThrow(/at least one/);
});

test.each(Object.keys(BENCHES))("the benchmark %s runs at its tiny size and gives finite figures", async (name) => {
  const run = await BENCHES[name]?.run({ tiny: true, note: () => undefined });
  expect(run?.results.length).toBeGreaterThan(0);
  for (const { value } of run?.results ?? []) expect(Number.isFinite(value)).toBe(true);
});
