import { describe, expect, test } from "vitest";
import { BILLION, costFor, epsilonOf } from "./accountant.ts";
import { isWithin, varianceFor } from "./skellam.ts";

describe("the accountant agrees with published constants", () => {
  test("US Census 2020, person tables: ρ 2.56 at δ 10⁻¹⁰ is published as ε 17.14 (by a slightly tighter conversion)", () => {
    expect(epsilonOf(2.56 * BILLION, 1e-10)).toBeGreaterThan(17.14);
    expect(epsilonOf(2.56 * BILLION, 1e-10)).toBeLessThan(17.17);
  });
  test("google/differential-privacy: Gaussian noise of 4.530877117 is (1, 10⁻⁶)", () => {
    const cost = BILLION / (2 * 4.530877117 ** 2);
    expect(epsilonOf(cost, 1e-6)).toBeCloseTo(1, 4);
    expect(costFor(1, 1e-6) / cost).toBeCloseTo(1, 4);
  });
  test("never above Bun and Steinke 2016, proposition 1.3: ρ + 2 √(ρ ln 1/δ)", () => {
    for (const rho of [0.0001, 0.003, 0.07, 0.5, 2.56]) {
      for (const delta of [1e-3, 1e-6, 1e-10]) {
        // Whole orders alone are a little worse where the best one is small.
        const known = rho + 2 * Math.sqrt(rho * Math.log(1 / delta));
        expect(epsilonOf(rho * BILLION, delta)).toBeLessThan(known * 1.01);
      }
    }
  });
});

describe("costs", () => {
  test("the largest that stays within ε is found, to a billionth", () => {
    for (const [epsilon, delta] of [
      [0.1, 1e-6],
      [1, 1e-6],
      [7.5, 1e-9],
    ] as const) {
      const cost = costFor(epsilon, delta);
      expect(epsilonOf(cost, delta)).toBeLessThanOrEqual(epsilon);
      expect(epsilonOf(cost + 1, delta)).toBeGreaterThan(epsilon);
    }
  });
  test("ε grows with the cost, and two releases are less than twice one", () => {
    let before = 0;
    for (let cost = 1; cost < 10 * BILLION; cost *= 3) {
      const present = epsilonOf(cost, 1e-6);
      expect(present).toBeGreaterThan(before);
      expect(epsilonOf(2 * cost, 1e-6)).toBeLessThanOrEqual(2 * present);
      before = present;
    }
    expect(epsilonOf(0, 1e-6)).toBe(0);
  });
});

/** Rényi divergence of order α between Skellam noise around 0 and around `shift`, by its probabilities. */
function divergence(mean: number, shift: number, order: number): number {
  const reach = Math.ceil(14 * Math.sqrt(2 * mean)) + 40 + shift;
  const poisson = [Math.exp(-mean)];
  for (let k = 1; k <= 4 * reach + 4 * mean; k++) poisson.push((poisson[k - 1]! * mean) / k);
  const at = (d: number) => {
    let sum = 0;
    for (let k = 0; k + Math.abs(d) < poisson.length; k++) sum += poisson[k]! * poisson[k + Math.abs(d)]!;
    return sum;
  };
  const mass = new Map(Array.from({ length: 2 * reach + 1 }, (_, i) => [i - reach, at(i - reach)]));
  let sum = 0;
  for (let d = -reach + shift; d <= reach; d++) {
    const [p, q] = [mass.get(d - shift) ?? 0, mass.get(d)!];
    if (p > 0 && q > 0) sum += Math.exp(order * Math.log(p) + (1 - order) * Math.log(q));
  }
  return Math.log(sum) / (order - 1);
}

describe("Skellam noise", () => {
  test("costs no more than is said: divergences summed from its probabilities stay below ρα", () => {
    for (const [steps, cost] of [
      [1, 0.05],
      [3, 0.2],
      [8, 0.9],
    ] as const) {
      const variance = varianceFor(cost * BILLION, { cells: 1, steps })!;
      const mean = Math.floor(variance / 2);
      for (const order of [2, 3, 5, 9]) expect(divergence(mean, steps, order)).toBeLessThanOrEqual(cost * order * 1.02);
    }
  });
  test("is the least that the bound allows, and near Gaussian noise of the same cost", () => {
    for (const cells of [1, 6]) {
      for (const steps of [1, 30, 1024]) {
        const cost = 24_000_000;
        const variance = varianceFor(cost, { cells, steps })!;
        expect(isWithin(cost, { cells, steps }, variance)).toBe(true);
        expect(isWithin(cost, { cells, steps }, variance - 1)).toBe(false);
        const gaussian = (cells * steps * steps * BILLION) / (2 * cost);
        expect(variance / gaussian).toBeGreaterThan(1);
        expect(variance / gaussian).toBeLessThan(1.2);
      }
    }
  });
  test("there is none where the cost is next to nothing", () => {
    expect(varianceFor(1, { cells: 100_000, steps: 1024 })).toBeUndefined();
  });
});
