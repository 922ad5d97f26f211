import { expect, test } from "vitest";
import type { SumEquation } from "./release-check.ts";
import { createReleasedSums } from "./released-sums.ts";

const record = (element: string, year?: string, period: unknown = null) =>
  JSON.stringify({
    word: { kind: "moment", elements: [element] },
    filters: [],
    period,
    cell: year === undefined ? [] : [{ year }],
  });
const sum = (id: string, of: string, contributors: readonly string[] = ["a", "b"]): SumEquation => ({
  id,
  record: of,
  contributors,
});
const told = (sums: ReturnType<typeof createReleasedSums>, ...records: readonly string[]) =>
  sums.like(records).map(({ id: _id, ...rest }) => rest);

test("a question that is answered a thousand times leaves as many sums as one that is answered once", () => {
  const once = createReleasedSums();
  const often = createReleasedSums();
  const table = [sum("0/0", record("tax", "2023")), sum("1/0", record("tax", "2024"), ["c", "a"])];
  once.add({ equations: table });
  for (let time = 0; time < 1_000; time++) {
    const equations = table.map((one) => ({ ...one, id: `${time}/${one.id}`, contributors: [...one.contributors] }));
    often.add({ equations });
  }
  expect(often.like([record("tax")])).toEqual(once.like([record("tax")]));
  expect(often.like([record("tax")])).toHaveLength(2);
});

test("a release is compared with every sum of the same statistic, of whatever period, and no other", () => {
  const sums = createReleasedSums();
  sums.add({ equations: [sum("0/0", record("tax", "2023")), sum("0/1", record("output", "2023"))] });
  sums.add({ equations: [sum("0/0", record("tax", "2023", { from: "2020" })), sum("0/1", record("tax"))] });
  const all = [record("tax", "2023"), record("tax", "2023", { from: "2020" }), record("tax")];
  expect(told(sums, record("tax", "2024")).map((one) => one.record)).toEqual(all);
  expect(told(sums, record("wages"))).toEqual([]);
});

test("other contributors, other codes, and what was withheld are other sums", () => {
  const sums = createReleasedSums();
  const one = sum("0/0", record("tax"));
  sums.add({ equations: [one] });
  sums.add({ equations: [{ ...one, withheld: true }] });
  sums.add({ equations: [one], codes: { year: ["2023"] } });
  sums.add({ equations: [sum("0/0", record("tax"), ["a", "b", "c"])], codes: { year: ["2023"] } });
  const all = sums.like([record("tax")]);
  expect(all).toMatchObject([{}, { withheld: true }, { codes: { year: ["2023"] } }, { contributors: ["a", "b", "c"] }]);
  expect(new Set(all.map(({ id }) => id)).size).toBe(4);
});

test("a result that was never told takes nothing along that another one has told too", () => {
  const sums = createReleasedSums();
  const [shared, own] = [sum("0/0", record("tax")), sum("0/1", record("tax", "2023"))];
  sums.add({ equations: [shared] });
  sums.add({ equations: [shared, own] });
  sums.remove({ equations: [shared, own] });
  expect(told(sums, record("tax")).map((one) => one.record)).toEqual([record("tax")]);
  sums.remove({ equations: [shared] });
  expect(sums.like([record("tax")])).toEqual([]);
});

test("what is remembered of a sum is as short in a table of thousands of codes as in one of two", () => {
  const sums = createReleasedSums();
  const codes = { cell: Array.from({ length: 5_000 }, (_, i) => `c${i}`) };
  const table = codes.cell.map((code, i) => sum(`${i}/0`, record("tax", code)));
  sums.add({ equations: table, codes });
  const all = sums.like([record("tax")]);
  expect(all).toHaveLength(5_000);
  expect(Math.max(...all.map(({ id }) => id.length))).toBeLessThan(64);
  expect(all.every((one) => one.codes === codes)).toBe(true);
});
