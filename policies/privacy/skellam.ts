/**
 * How much Skellam noise a sum of bounded contributions needs. Agarwal, Kairouz and Liu 2021 (arXiv 2110.04995), theorem
 * 3.5 and corollary 3.6: with variance μ in every coordinate and sensitivities Δ₁, Δ₂ of whole numbers, for whole α ≥ 2,
 *
 *   D_α ≤ α Δ₂² / 2μ + min(((2α − 1) Δ₂² + 6 Δ₁) / 4μ², 3 Δ₁ / 2μ)
 *
 * which is at most ρα for ρ = Δ₂² / 2μ + min(Δ₂² / 2μ² + max(0, 6 Δ₁ − Δ₂²) / 8μ², 3 Δ₁ / 4μ). Whole numbers throughout.
 */
import { BILLION } from "./accountant.ts";

export interface Sensitivity {
  /** Cells that one organisation is in. */
  readonly cells: number;
  /** Whole steps by which its contribution to each of them may change. */
  readonly steps: number;
}

/** Whether noise of this variance, in squared steps, costs at most so many billionths. */
export function isWithin(cost: number, { cells, steps }: Sensitivity, variance: number): boolean {
  const [m, d, mu] = [BigInt(cells), BigInt(steps), BigInt(variance)];
  const l1 = m * d;
  const l2 = m * d * d;
  const rest = 6n * l1 > l2 ? 6n * l1 - l2 : 0n;
  const one = 4n * l2 + rest;
  const other = 6n * l1 * mu;
  return BigInt(BILLION) * (4n * l2 * mu + (one < other ? one : other)) <= 8n * mu * mu * BigInt(cost);
}

/** The least variance; undefined where it is beyond what is exact. */
export function varianceFor(cost: number, sensitivity: Sensitivity): number | undefined {
  let beyond = 1;
  while (!isWithin(cost, sensitivity, beyond)) {
    beyond *= 2;
    if (beyond > 2 ** 50) return undefined;
  }
  let short = Math.floor(beyond / 2);
  while (beyond - short > 1) {
    const middle = Math.floor((short + beyond) / 2);
    if (isWithin(cost, sensitivity, middle)) beyond = middle;
    else short = middle;
  }
  return beyond;
}
