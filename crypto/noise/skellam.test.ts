import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { poissonSampler, type Random } from "./poisson.ts";
import { skellamSampler } from "./skellam.ts";

/** Reproducible: SHA-256 in counter mode. */
function seeded(seed: string): Random {
  let block = 0;
  let rest = Buffer.alloc(0);
  return (bytes) => {
    while (rest.length < bytes) {
      rest = Buffer.concat([rest, createHash("sha256").update(`${seed}/${block++}`).digest()]);
    }
    const taken = rest.subarray(0, bytes);
    rest = rest.subarray(bytes);
    return taken;
  };
}

const logFactorial = (k: number): number => {
  let sum = 0;
  for (let i = 2; i <= k; i++) sum += Math.log(i);
  return sum;
};
const poissonAt = (mean: number, k: number): number => Math.exp(k * Math.log(mean) - mean - logFactorial(k));
/** P(X − Y = d) for X, Y Poisson of the mean. */
function skellamAt(mean: number, d: number): number {
  let sum = 0;
  for (let k = 0; k < mean + 40 * Math.sqrt(mean) + 40; k++)
    sum += poissonAt(mean, k) * poissonAt(mean, k + Math.abs(d));
  return sum;
}

/** Pearson's statistic over cells with at least 10 expected draws, standardised (Wilson and Hilferty 1931). */
function chiSquareScore(
  drawn: readonly number[],
  probability: (value: number) => number,
  from: number,
  to: number,
): number {
  const counts = new Map<number, number>();
  for (const value of drawn) counts.set(value, (counts.get(value) ?? 0) + 1);
  let statistic = 0;
  let cells = 0;
  let [expected, observed] = [0, 0];
  let seen = 0;
  let expectedSoFar = 0;
  for (let value = from; value <= to; value++) {
    expected += probability(value) * drawn.length;
    observed += counts.get(value) ?? 0;
    if (expected < 10) continue;
    statistic += (observed - expected) ** 2 / expected;
    cells += 1;
    seen += observed;
    expectedSoFar += expected;
    [expected, observed] = [0, 0];
  }
  const [restExpected, restObserved] = [drawn.length - expectedSoFar, drawn.length - seen];
  if (restExpected > 1) statistic += (restObserved - restExpected) ** 2 / restExpected;
  const freedom = restExpected > 1 ? cells : cells - 1;
  return ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / Math.sqrt(2 / (9 * freedom));
}

const DRAWS = 40_000;
const draws = <T>(sampler: (random: Random) => T, seed: string): T[] => {
  const random = seeded(seed);
  return Array.from({ length: DRAWS }, () => sampler(random));
};

describe("Poisson numbers fit their distribution", () => {
  test.each([1, 2, 7, 60, 1_000])("mean %i", (mean) => {
    const drawn = draws(poissonSampler(mean), `poisson ${mean}`);
    const reach = Math.ceil(8 * Math.sqrt(mean)) + 8;
    expect(chiSquareScore(drawn, (k) => poissonAt(mean, k), Math.max(0, mean - reach), mean + reach)).toBeLessThan(4);
  });
  // Tables of eight bits place few draws: nearly all are refined, some of them several times.
  test.each([1, 5, 40])("mean %i, refined from few bits", (mean) => {
    const drawn = draws(poissonSampler(mean, 8), `refined ${mean}`);
    const reach = Math.ceil(8 * Math.sqrt(mean)) + 8;
    expect(chiSquareScore(drawn, (k) => poissonAt(mean, k), Math.max(0, mean - reach), mean + reach)).toBeLessThan(4);
  });
  test("the statistic tells a distribution that is off by a twentieth", () => {
    const drawn = draws(poissonSampler(20), "other");
    expect(chiSquareScore(drawn, (k) => poissonAt(21, k), 0, 70)).toBeGreaterThan(10);
  });
});

describe("Skellam numbers", () => {
  test.each([1, 4, 30])("of mean %i fit their distribution", (mean) => {
    const drawn = draws(skellamSampler(mean), `skellam ${mean}`);
    const reach = Math.ceil(8 * Math.sqrt(2 * mean)) + 4;
    expect(chiSquareScore(drawn, (d) => skellamAt(mean, d), -reach, reach)).toBeLessThan(4);
  });
  test.each([1, 50, 3_000, 1_000_000])("of mean %i are symmetric, with twice its variance", (mean) => {
    const drawn = draws(skellamSampler(mean), `moments ${mean}`);
    const deviation = Math.sqrt(2 * mean);
    const average = drawn.reduce((sum, value) => sum + value / deviation, 0) / DRAWS;
    const variance = drawn.reduce((sum, value) => sum + (value / deviation) ** 2, 0) / DRAWS;
    const skew = drawn.reduce((sum, value) => sum + (value / deviation) ** 3, 0) / DRAWS;
    expect(Math.abs(average) * Math.sqrt(DRAWS)).toBeLessThan(4.5);
    expect(Math.abs(variance - 1) * Math.sqrt(DRAWS / 2)).toBeLessThan(5.5);
    expect(Math.abs(skew) * Math.sqrt(DRAWS / 15)).toBeLessThan(5.5);
    const positive = drawn.filter((value) => value > 0).length;
    const negative = drawn.filter((value) => value < 0).length;
    expect(Math.abs(positive - negative) / Math.sqrt(positive + negative)).toBeLessThan(4.5);
  });
  test("added up are as one of the sum of their means", () => {
    const [one, sum] = [skellamSampler(3), (random: Random) => one(random) + one(random) + one(random) + one(random)];
    expect(chiSquareScore(draws(sum, "closed"), (d) => skellamAt(12, d), -40, 40)).toBeLessThan(4);
  });
});

test("means that no table is for are refused", () => {
  for (const mean of [0, -1, 1.5, 2 ** 23, Number.NaN]) expect(() => poissonSampler(mean)).toThrow(RangeError);
});
