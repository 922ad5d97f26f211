/**
 * Symmetric Skellam numbers: the difference of two Poisson numbers. Sums of independent ones are Skellam again, so shares
 * that many parties add make the noise that one party would have (Agarwal, Kairouz and Liu 2021, arXiv 2110.04995).
 */
import { poissonSampler, type Random } from "./poisson.ts";

/** Of variance 2 × `mean`. */
export function skellamSampler(mean: number): (random: Random) => number {
  const poisson = poissonSampler(mean);
  return (random) => poisson(random) - poisson(random);
}
