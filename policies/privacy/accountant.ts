/**
 * What releases with noise cost, and what that says. A release costs ρ where its Rényi divergences of every whole order
 * α ≥ 2 are at most ρα (concentrated differential privacy, Bun and Steinke 2016, at whole orders, which is where the
 * Skellam mechanism is bounded). Costs add up. In billionths, so that what is added is whole.
 */

export const BILLION = 1_000_000_000;

/**
 * The ε that a cost stands for at δ: the least over orders of Canonne, Kamath and Steinke 2020 (arXiv 2004.00010),
 * proposition 12. Never below the true one: any set of orders gives a bound.
 */
export function epsilonOf(cost: number, delta: number): number {
  if (cost === 0) return 0;
  const rho = cost / BILLION;
  return Math.min(
    ...ORDERS.map((order) => {
      const excess = (Math.log(1 / delta) - Math.log(order)) / (order - 1) + Math.log1p(-1 / order);
      return rho * order + Math.max(excess, -rho * order);
    }),
  );
}

/** Each to 64, then ever wider apart. */
const ORDERS: readonly number[] = (() => {
  const orders: number[] = [];
  for (let order = 2; order < 1_000_000; order = Math.max(order + 1, Math.floor(order * 1.02))) orders.push(order);
  return orders;
})();

/** The largest cost that is (ε, δ). */
export function costFor(epsilon: number, delta: number): number {
  let [within, beyond] = [0, Math.ceil(epsilon * BILLION) + 1];
  while (beyond - within > 1) {
    const middle = Math.floor((within + beyond) / 2);
    if (epsilonOf(middle, delta) <= epsilon) within = middle;
    else beyond = middle;
  }
  return within;
}
