import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ConcentrationRule, isConcentrated, largestValueBound, mayBeConcentrated } from "./concentration.ts";
import { contributorValues, sumsOf } from "./contributors.ts";

const percent = (numerator: bigint, denominator = 1n) => ({ numerator, denominator });
const dominance = (largest: number, k: bigint): ConcentrationRule => ({
  kind: "dominance",
  largest,
  percent: percent(k),
});
const p = (numerator: bigint, denominator = 1n): ConcentrationRule => ({
  kind: "p-percent",
  percent: percent(numerator, denominator),
});
const pq = (share: bigint, prior: bigint): ConcentrationRule => ({
  kind: "pq",
  percent: percent(share),
  prior: percent(prior),
});

/** Hundepool et al., Handbook on Statistical Disclosure Control (sdctools.github.io/HandbookSDC), section 4.2. */
describe("worked examples of the Handbook", () => {
  const rest = (total: bigint, ...largest: bigint[]) => {
    const left = total - largest.reduce((sum, value) => sum + value, 0n);
    return [...largest, left / 2n, left - left / 2n].sort((a, b) => (a > b ? -1 : 1));
  };
  test("example 1: 50,000 and 49,000 of 100,000 pass (1,90) although the second largest is within 2 %", () => {
    const values = rest(100_000n, 50_000n, 49_000n);
    expect(isConcentrated(values, dominance(1, 90n))).toBe(false);
    expect(isConcentrated(values, dominance(2, 90n))).toBe(true);
    expect(isConcentrated(values, p(10n))).toBe(true);
    expect(isConcentrated(values, p(2n))).toBe(false);
    expect(isConcentrated(values, p(201n, 100n))).toBe(true);
  });
  test("example 2: 52,000 and 50,000 of 110,000 pass p = 10, not the (2, 90.9) rule derived from it", () => {
    const values = rest(110_000n, 52_000n, 50_000n);
    expect(isConcentrated(values, p(10n))).toBe(false);
    // The estimate 60,000 is 15.4 % too high.
    expect(isConcentrated(values, p(15n))).toBe(false);
    expect(isConcentrated(values, p(16n))).toBe(true);
    const derived: ConcentrationRule = { kind: "dominance", largest: 2, percent: percent(10_000n, 110n) };
    expect(isConcentrated(values, derived)).toBe(true);
  });
  test("examples 1b and 1d: two companies, and one with 99 %, are unsafe under p and dominance", () => {
    const dominated = [9_900n, ...new Array<bigint>(50).fill(2n)];
    for (const values of [[700n, 300n], dominated]) {
      expect(isConcentrated(values, p(10n))).toBe(true);
      expect(isConcentrated(values, dominance(2, 85n))).toBe(true);
    }
    expect(isConcentrated(dominated, dominance(1, 90n))).toBe(true);
  });
  test("(p,q) is the p % rule with 100·p/q (equation 4.7)", () => {
    const values = rest(110_000n, 52_000n, 50_000n);
    for (const [share, prior] of [
      [10n, 100n],
      [10n, 50n],
      [7n, 45n],
      [8n, 50n],
    ] as const) {
      expect(isConcentrated(values, pq(share, prior))).toBe(isConcentrated(values, p(100n * share, prior)));
      expect(mayBeConcentrated(sumsOf(values), pq(share, prior))).toBe(
        mayBeConcentrated(sumsOf(values), p(100n * share, prior)),
      );
    }
  });
});

describe("at the exact boundary", () => {
  test("what exactly reaches p % or k % is safe; one unit more of the largest is not", () => {
    expect(isConcentrated([100n, 50n, 10n], p(10n))).toBe(false);
    expect(isConcentrated([101n, 50n, 10n], p(10n))).toBe(true);
    expect(isConcentrated([85n, 10n, 5n], dominance(1, 85n))).toBe(false);
    expect(isConcentrated([86n, 9n, 5n], dominance(1, 85n))).toBe(true);
  });
  test("sums that pin the values are judged as the values are: equal contributors", () => {
    // x₁ = x₂ = T/N: p % asks for (2 + p)/N ≤ 1, so 3 equal contributors pass p = 100 % and no more.
    const three = sumsOf([7n, 7n, 7n]);
    expect(mayBeConcentrated(three, p(100n))).toBe(false);
    expect(mayBeConcentrated(three, p(10_001n, 100n))).toBe(true);
    expect(mayBeConcentrated(three, dominance(2, 67n))).toBe(false);
    expect(mayBeConcentrated(three, dominance(2, 66n))).toBe(true);
    expect(largestValueBound(three)).toBe(7n);
  });
  test("one and two contributors are always unsafe, and an empty cell never is", () => {
    for (const values of [[5n], [5n, 5n]]) {
      expect(mayBeConcentrated(sumsOf(values), p(1n))).toBe(true);
      expect(mayBeConcentrated(sumsOf(values), dominance(2, 99n))).toBe(true);
    }
    expect(mayBeConcentrated(sumsOf([0n, 0n, 0n]), p(10n))).toBe(false);
    expect(isConcentrated([0n, 0n, 0n], p(10n))).toBe(false);
  });
  test("squares that no values can have are not believed", () => {
    expect(mayBeConcentrated({ organisations: 4, total: 100n, squares: 2_499n }, p(10n))).toBe(true);
    expect(mayBeConcentrated({ organisations: 4, total: 100n, squares: 2_500n }, p(10n))).toBe(false);
  });
});

describe("holding groups", () => {
  const apart = (organisation: string) => organisation;
  const groupOf = (organisation: string) => (organisation === "b" || organisation === "c" ? "bc" : organisation);
  const cell = [
    { organisation: "a", value: 50n },
    { organisation: "b", value: 30n },
    { organisation: "c", value: 28n },
    { organisation: "d", value: 4n },
  ];
  test("affiliates count as one contributor: three of four, the largest of them 58", () => {
    expect(contributorValues(cell, groupOf)).toEqual([58n, 50n, 4n]);
    expect(contributorValues(cell, apart)).toEqual([50n, 30n, 28n, 4n]);
  });
  test("a cell that is safe for four strangers is unsafe when two of them are affiliates", () => {
    expect(isConcentrated(contributorValues(cell, apart), p(10n))).toBe(false);
    expect(isConcentrated(contributorValues(cell, groupOf), p(10n))).toBe(true);
    expect(mayBeConcentrated(sumsOf(contributorValues(cell, groupOf)), p(10n))).toBe(true);
  });
  test("values below zero count by their size", () => {
    const mixed = [
      { organisation: "a", value: -90n },
      { organisation: "d", value: 5n },
      { organisation: "e", value: 4n },
    ];
    expect(contributorValues(mixed, groupOf)).toEqual([90n, 5n, 4n]);
    expect(isConcentrated(contributorValues(mixed, groupOf), p(10n))).toBe(true);
  });
});

describe("what the sums let pass is safe", () => {
  const rule = fc.oneof(
    fc.bigInt(1n, 100n).map((share) => p(share)),
    fc.tuple(fc.bigInt(1n, 40n), fc.bigInt(41n, 100n)).map(([share, prior]) => pq(share, prior)),
    fc.tuple(fc.integer({ min: 1, max: 3 }), fc.bigInt(40n, 99n)).map(([largest, k]) => dominance(largest, k)),
  );
  const sorted = (values: bigint[]) => values.sort((a, b) => (a > b ? -1 : a < b ? 1 : 0));
  const random = fc.array(fc.oneof(fc.bigInt(0n, 9n), fc.bigInt(0n, 10n ** 12n)), { minLength: 1, maxLength: 12 });
  // Where the bound is tight: one or two large ones, the others equal.
  const adversarial = fc
    .tuple(fc.bigInt(1n, 10n ** 6n), fc.bigInt(0n, 10n ** 6n), fc.bigInt(0n, 10n ** 5n), fc.integer({ min: 0, max: 9 }))
    .map(([first, second, other, count]) => [first, second, ...new Array<bigint>(count).fill(other)]);
  const extra = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.bigInt(0n, 5n));

  test("for random and adversarial values, an overstated N and an overstated Q", () => {
    fc.assert(
      fc.property(fc.oneof(random, adversarial), rule, extra, (list, tested, [more, over]) => {
        const values = sorted([...list]);
        const exact = sumsOf(values);
        const sums = { ...exact, organisations: exact.organisations + more, squares: exact.squares + over };
        if (!mayBeConcentrated(sums, tested)) expect(isConcentrated(values, tested)).toBe(false);
        expect(largestValueBound(sums) >= values[0]!).toBe(true);
      }),
      { numRuns: 10_000 },
    );
  });
});
