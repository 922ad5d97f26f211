/**
 * Rules against estimating one contributor from a total: (n,k) dominance, p % and pq (Hundepool et al., Handbook on
 * Statistical Disclosure Control, section 4.2). Each exists twice: on the values themselves, and on Σx and Σx² alone,
 * which a receiver may see although it sees no single value. The second never passes a cell that the first withholds.
 * All comparisons are exact.
 */
import type { CellSums } from "./contributors.ts";

/** Percentages are exact: `numerator / denominator` percent. */
export interface Percent {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export type ConcentrationRule =
  /** Withheld if the `largest` contributors together exceed `percent` of the total. */
  | { readonly kind: "dominance"; readonly largest: number; readonly percent: Percent }
  /** Withheld if the second largest can estimate the largest to within `percent`: T − x₁ − x₂ < p·x₁. */
  | { readonly kind: "p-percent"; readonly percent: Percent }
  /** As p %, where everybody already knew the others to within `prior` percent: q·(T − x₁ − x₂) < p·x₁. */
  | { readonly kind: "pq"; readonly percent: Percent; readonly prior: Percent };

/** `values` from the largest, none negative, one per holding group. A cell with nothing in it is not concentrated. */
export function isConcentrated(values: readonly bigint[], rule: ConcentrationRule): boolean {
  const total = sum(values);
  if (total === 0n) return false;
  if (rule.kind === "dominance") {
    const { numerator, denominator } = rule.percent;
    return 100n * denominator * sum(values.slice(0, rule.largest)) > numerator * total;
  }
  const [first = 0n, second = 0n] = values;
  const { numerator, denominator } = protectionOf(rule);
  return denominator * (total - first - second) < numerator * first;
}

/**
 * True unless the sums prove the cell safe. With c the weights of the largest values and c̄ their mean over all N, the
 * largest c·x for given Σx = T and Σx² = Q is c̄·T + √(Σ(cᵢ − c̄)²·(Q − T²/N)) (Cauchy and Schwarz on x − T/N); it is
 * compared with what the rule allows after moving the root to one side and squaring.
 */
export function mayBeConcentrated(sums: CellSums, rule: ConcentrationRule): boolean {
  const { total, squares } = sums;
  if (total === 0n) return false;
  const members = BigInt(sums.organisations);
  if (rule.kind === "dominance") {
    const { numerator, denominator } = rule.percent;
    // All of them are the total: every share below 100 % is exceeded.
    if (sums.organisations <= rule.largest) return 100n * denominator > numerator;
    // Weights 1 on the n largest; allowed: k·T.
    const count = BigInt(rule.largest);
    return exceeds({
      weightSum: count,
      weightSquares: count,
      allowed: { numerator, denominator: 100n * denominator },
      members,
      total,
      squares,
    });
  }
  // p % is safe exactly when (1 + p)·x₁ + x₂ ≤ T.
  const { numerator, denominator } = protectionOf(rule);
  const first = numerator + denominator;
  return exceeds({
    weightSum: first + denominator,
    weightSquares: first * first + denominator * denominator,
    allowed: { numerator: denominator, denominator: 1n },
    members,
    total,
    squares,
  });
}

/** Nobody in the cell holds more than this: ⌈T/N + √((N − 1)/N · (Q − T²/N))⌉, and never more than the total. */
export function largestValueBound({ organisations, total, squares }: CellSums): bigint {
  const members = BigInt(organisations);
  if (organisations <= 1) return total;
  const spread = (members - 1n) * (members * squares - total * total);
  if (spread < 0n) return total;
  const bound = ceilDivide(total + ceilRoot(spread), members);
  return bound < total ? bound : total;
}

interface Bounded {
  readonly weightSum: bigint;
  readonly weightSquares: bigint;
  /** Share of the total that the weighted sum may reach. */
  readonly allowed: Percent;
  readonly members: bigint;
  readonly total: bigint;
  readonly squares: bigint;
}

/** c̄·T + √((Σc² − (Σc)²/N)·(Q − T²/N)) > allowed·T, all multiplied by N. */
function exceeds({ weightSum, weightSquares, allowed, members, total, squares }: Bounded): boolean {
  const room = (allowed.numerator * members - weightSum * allowed.denominator) * total;
  if (room < 0n) return true;
  const weights = members * weightSquares - weightSum * weightSum;
  const spread = members * squares - total * total;
  // Q below T²/N is no sum of squares of N values: whoever sent it is not believed.
  if (spread < 0n) return true;
  return allowed.denominator * allowed.denominator * weights * spread > room * room;
}

/** p as a fraction; of pq, p/q. */
function protectionOf(rule: Exclude<ConcentrationRule, { kind: "dominance" }>): Percent {
  const { numerator, denominator } = rule.percent;
  if (rule.kind === "p-percent") return { numerator, denominator: 100n * denominator };
  return { numerator: numerator * rule.prior.denominator, denominator: denominator * rule.prior.numerator };
}

const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n);
const ceilDivide = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;

/** ⌈√n⌉ by Newton's method. */
function ceilRoot(n: bigint): bigint {
  if (n === 0n) return 0n;
  let root = 1n << BigInt(Math.ceil(n.toString(2).length / 2));
  for (;;) {
    const next = (root + n / root) / 2n;
    if (next >= root) break;
    root = next;
  }
  return root * root < n ? root + 1n : root;
}
