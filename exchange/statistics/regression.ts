/** Ordinary least squares with intercept from exact sums, solved without a single rounding. */
import { type Rational, rational } from "./rational.ts";

export interface NormalEquations {
  /** Symmetric, (p+1) × (p+1): [n, Σx₁, …; Σx₁, Σx₁², …]. */
  readonly xtx: readonly (readonly bigint[])[];
  /** [Σy, Σx₁y, …]. */
  readonly xty: readonly bigint[];
  readonly yty: bigint;
}

export interface Fit {
  /** Intercept first. */
  readonly coefficients: readonly Rational[];
  /** Null where y is constant. */
  readonly rSquared: Rational | null;
}

/** Undefined where XᵀX is singular. */
export function leastSquares({ xtx, xty, yty }: NormalEquations): Fit | undefined {
  const solution = solve(xtx, xty);
  if (solution === undefined) return undefined;
  const n = xtx[0]![0]!;
  const sumY = xty[0]!;
  // All over one denominator: explained = Σ βᵢ·(Xᵀy)ᵢ − (Σy)²/n, total = Σy² − (Σy)²/n.
  const explained =
    solution.numerators.reduce((sum, value, i) => sum + value * xty[i]!, 0n) * n - sumY * sumY * solution.denominator;
  const total = (yty * n - sumY * sumY) * solution.denominator;
  return {
    coefficients: solution.numerators.map((numerator) => rational(numerator, solution.denominator)),
    rSquared: total === 0n ? null : rational(explained, total),
  };
}

/** Fraction-free elimination (Bareiss 1968): every division is exact, the last pivot is the determinant. */
function solve(
  matrix: readonly (readonly bigint[])[],
  right: readonly bigint[],
): { readonly numerators: readonly bigint[]; readonly denominator: bigint } | undefined {
  const size = right.length;
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  let previous = 1n;
  for (let k = 0; k < size; k++) {
    const pivotRow = rows.findIndex((row, i) => i >= k && row[k] !== 0n);
    if (pivotRow < 0) return undefined;
    if (pivotRow !== k) {
      const lower = rows[pivotRow]!;
      rows[pivotRow] = rows[k]!;
      rows[k] = lower.map((value) => -value);
    }
    const pivot = rows[k]![k]!;
    // Jordan form: rows above are eliminated too, so that every diagonal ends as the determinant.
    for (let i = 0; i < size; i++) {
      if (i === k) continue;
      const factor = rows[i]![k]!;
      rows[i] = rows[i]!.map((value, j) => (value * pivot - factor * rows[k]![j]!) / previous);
    }
    previous = pivot;
  }
  return { numerators: rows.map((row) => row[size]!), denominator: previous };
}
