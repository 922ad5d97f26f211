/**
 * Output rules at the receiver: what of a decoded result may leave. Pure; thresholds come from the opening record.
 * Derived figures (mean, ratio, variance…) are released only where every sum they are computed from is.
 */
import type { Statistic } from "../model/query.ts";
import { momentMargin } from "../model/statistic.ts";

/** Exact rational with a positive denominator. */
export interface Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export interface OutputThresholds {
  readonly need: number;
  readonly minimumUnits: number;
  readonly colluders: number;
  /** Default: withheld. */
  readonly zeroCells?: "withheld" | "released";
}

/** One figure in one cell, after decoding. Optional facts that are absent are not checked, except where said. */
export interface Figure {
  readonly id: string;
  readonly statistic: Statistic;
  /** Distinct contributing organisations (holding groups); a proven lower bound where only bounds are known. */
  readonly organisations: number;
  /** Statistical units; absent counts as none when a minimum of units holds. */
  readonly units?: number;
  /** Rows behind the figure. */
  readonly rows?: number;
  /** Sum, count: the total. Variance and standard deviation: the variance. Correlation: its square. */
  readonly value?: Rational;
  /** Declared bounds of the element, for sums and means. */
  readonly bounds?: { readonly minimum: Rational; readonly maximum: Rational };
  /** Ratio: both sums. */
  readonly parts?: { readonly numerator: Rational; readonly denominator: Rational };
  /** Regression: the residual sum of squares is zero, or the normal equations are singular. */
  readonly exactFit?: boolean;
  /** Regression and correlation: a variable of it is at one of its two bounds in every row. */
  readonly hasBinary?: boolean;
  /** Ids of the sums the figure is computed from. */
  readonly sums: readonly string[];
}

export const OUTPUT_RULES = [
  "minimum-organisations",
  "minimum-units",
  "zero-total",
  "whole-total",
  "extreme-total",
  "no-variation",
  "exact-fit",
  "binary-variable",
  "moment-organisations",
  "residual-degrees-of-freedom",
  "dominance",
  "p-percent",
  "pq",
  "protection-interval",
  "sum-withheld",
  /** A person who reviewed the result. */
  "review",
] as const;
export type OutputRule = (typeof OUTPUT_RULES)[number];

export interface FigureVerdict {
  readonly id: string;
  /** Rules that withhold it; empty: may be released. */
  readonly withheldBy: readonly OutputRule[];
}

/** Residual degrees of freedom of a released model (ACRO default). */
export const MINIMUM_RESIDUAL_DEGREES = 10;

/**
 * `withheldSums`: sums that may not be published, with the rule; figures computed from them are withheld too. Order
 * follows the input.
 */
export function applyOutputRules(
  figures: readonly Figure[],
  thresholds: OutputThresholds,
  withheldSums: ReadonlyMap<string, OutputRule>,
): readonly FigureVerdict[] {
  return figures.map((figure) => ({
    id: figure.id,
    withheldBy: [
      ...frequency(figure, thresholds),
      ...moments(figure, thresholds),
      ...telling(figure, thresholds.zeroCells === "released"),
      ...new Set(figure.sums.flatMap((sum) => withheldSums.get(sum) ?? [])),
    ],
  }));
}

/** Below this many distinct values the sketch is nearly a list of their hashes. */
export const MINIMUM_DISTINCT = 10n;

function frequency({ organisations, units, statistic, value }: Figure, thresholds: OutputThresholds): OutputRule[] {
  const rules: OutputRule[] = [];
  // Written so that a count that is not a number withholds.
  if (!(organisations >= thresholds.need)) rules.push("minimum-organisations");
  if (thresholds.minimumUnits > 0 && !((units ?? 0) >= thresholds.minimumUnits)) rules.push("minimum-units");
  else if (statistic.kind === "distinct" && !((value?.numerator ?? 0n) >= minimumDistinct(thresholds))) {
    rules.push("minimum-units");
  }
  return rules;
}

const minimumDistinct = ({ minimumUnits }: OutputThresholds): bigint =>
  BigInt(minimumUnits) > MINIMUM_DISTINCT ? BigInt(minimumUnits) : MINIMUM_DISTINCT;

/** secure-aggregation.md section 4: N − 1 − c ≥ 4 for a variance, p + 4 for a regression. */
function moments({ statistic, organisations, rows }: Figure, { colluders }: OutputThresholds): OutputRule[] {
  const margin = momentMargin(statistic);
  if (margin === 0) return [];
  const rules: OutputRule[] = [];
  if (!(organisations - 1 - colluders >= margin)) rules.push("moment-organisations");
  if (statistic.kind === "regression") {
    const degrees = (rows ?? 0) - statistic.independents.length - 1;
    if (!(degrees >= MINIMUM_RESIDUAL_DEGREES)) rules.push("residual-degrees-of-freedom");
  }
  return rules;
}

/** Figures that tell every contributor's value although no cell is small: totals at the end of their range, no spread. */
function telling(figure: Figure, showsZeros: boolean): OutputRule[] {
  const { statistic, value, bounds, rows, parts } = figure;
  // Its coefficients are differences of the means of two groups, and nobody has counted who is in them.
  const rules: OutputRule[] = figure.hasBinary === true ? ["binary-variable"] : [];
  switch (statistic.kind) {
    case "sum":
    case "mean": {
      if (value === undefined || bounds === undefined) break;
      const size = statistic.kind === "mean" ? 1 : rows;
      if (size === undefined || size === 0) break;
      const at = (bound: Rational) => equal(value, { ...bound, numerator: bound.numerator * BigInt(size) });
      const isZero = value.numerator === 0n;
      if (isZero && showsZeros) break;
      if (at(bounds.minimum)) rules.push(isZero ? "zero-total" : "extreme-total");
      else if (at(bounds.maximum)) rules.push("extreme-total");
      break;
    }
    case "ratio": {
      if (parts === undefined || showsZeros) break;
      if (parts.numerator.numerator === 0n) rules.push("zero-total");
      else if (equal(parts.numerator, parts.denominator)) rules.push("whole-total");
      break;
    }
    case "variance":
    case "standard-deviation":
      if (value?.numerator === 0n) rules.push("no-variation");
      break;
    case "correlation":
      if (value !== undefined && equal(value, { numerator: 1n, denominator: 1n })) rules.push("exact-fit");
      break;
    case "regression":
      if (figure.exactFit === true) rules.push("exact-fit");
      break;
  }
  return rules;
}

const equal = (a: Rational, b: Rational): boolean => a.numerator * b.denominator === b.numerator * a.denominator;
