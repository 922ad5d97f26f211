import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type MeasuredSum, tellingFew } from "./counted-rests.ts";
import type { Relation } from "./equations.ts";

const MEMBERS = ["a", "b", "c", "d", "e", "f", "g", "h"];
/** A sum over these codes of one cohort, with this number of organisations in it. */
const over = (codes: string, organisations: number): MeasuredSum => ({
  id: codes,
  terms: MEMBERS.map((contributor) => ({ contributor, record: `over ${codes}`, coefficient: 1n })),
  least: organisations,
  most: organisations,
});
const relationsOf = (...sums: readonly MeasuredSum[]): readonly Relation[] =>
  sums.map(({ id }) => [
    { record: `over ${id}`, coefficient: 1n },
    ...[...id].map((code) => ({ record: code, coefficient: -1n })),
  ]);
const withheld = (earlier: readonly MeasuredSum[], ...candidates: readonly MeasuredSum[]) => [
  ...tellingFew({ earlier, candidates, hidden: [], relations: relationsOf(...earlier, ...candidates), need: 3 }),
];

describe("a sum beside one over fewer codes", () => {
  test("is withheld where the rest may be of fewer organisations than the minimum, in either order", () => {
    expect(withheld([over("123", 8)], over("12", 6))).toEqual(["12"]);
    expect(withheld([over("12", 6)], over("123", 8))).toEqual(["123"]);
  });

  test("is released where the counts prove that the rest holds the minimum", () => {
    expect(withheld([over("123", 8)], over("12", 5))).toEqual([]);
  });

  test("is released where the rest was counted itself", () => {
    expect(withheld([over("12", 8), over("3", 7)], over("123", 8))).toEqual([]);
    // As a table with its total is: in one release.
    expect(withheld([], over("123", 8), over("1", 7), over("2", 7), over("3", 7))).toEqual([]);
  });
});

test("what was counted and left out is known to hold as many", () => {
  const [total, one, hidden] = [over("123", 8), over("1", 7), over("23", 3)];
  const relations = relationsOf(total, one, hidden);
  const told = { earlier: [one], candidates: [total], relations, need: 3 };
  expect([...tellingFew({ ...told, hidden: [] })]).toEqual(["123"]);
  expect([...tellingFew({ ...told, hidden: [hidden] })]).toEqual([]);
});

test("a rest that only three sums together give away is found", () => {
  expect(withheld([over("1234", 8), over("12", 7)], over("34", 7))).toEqual([]);
  expect(withheld([over("1234", 8), over("12", 7)], over("3", 7))).toEqual(["3"]);
});

test("overlapping sums tell the difference of their ends, which may be of few", () => {
  expect(withheld([over("12", 8)], over("23", 8))).toEqual(["23"]);
  expect(withheld([over("12", 8)], over("34", 8))).toEqual([]);
});

test("no admitted combination of sums holds fewer than its counts allow: against truth, over random rows", () => {
  const CODES = ["1", "2", "3", "4", "5"];
  const presence = fc.array(fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), { minLength: 8, maxLength: 8 });
  const asked = fc.uniqueArray(fc.subarray(CODES, { minLength: 1 }), {
    minLength: 2,
    maxLength: 5,
    selector: (codes) => codes.join(""),
  });
  let told = 0;
  fc.assert(
    fc.property(presence, asked, (has, sets) => {
      const holdersOf = (codes: readonly string[]) =>
        has.filter((row) => codes.some((code) => row[Number(code) - 1])).length;
      const sums = sets.map((codes) => over(codes.join(""), holdersOf(codes))).filter(({ least }) => least >= 3);
      const out = new Set(withheld([], ...sums));
      const released = sets.filter((codes) => sums.some(({ id }) => id === codes.join("")) && !out.has(codes.join("")));
      told += released.length;
      // Every combination with small coefficients, on its own code path.
      const amounts = [-2, -1, 0, 1, 2];
      const combine = (at: number, total: readonly number[]): void => {
        if (at === released.length) {
          const support = CODES.filter((_, code) => total[code] !== 0);
          if (support.length > 0) expect([1, 2]).not.toContain(holdersOf(support));
          return;
        }
        for (const amount of amounts) {
          combine(
            at + 1,
            total.map((sum, code) => sum + (released[at]!.includes(CODES[code]!) ? amount : 0)),
          );
        }
      };
      combine(0, [0, 0, 0, 0, 0]);
    }),
    { numRuns: 300 },
  );
  expect(told).toBeGreaterThan(300);
});
