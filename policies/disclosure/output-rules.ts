/**
 * Output rules at the receiver: what of a decoded result may leave. Pure; thresholds come from the opening record.
 * Derived figures (mean, ratio, variance…) are released only where every sum they are computed from is.
 */
import type { Statistic } from "../model/query.ts";

/** Exact rational with a positive denominator. */
export interface Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export interface OutputThresholds {
  readonly need: number;
  readonly minimumUnits: number;
  readonly colluders: number;
}

/** One measure in one cell, after decoding. */
export interface Figure {
  readonly id: string;
  readonly statistic: Statistic;
  /** Distinct contributing organisations (holding groups); a proven lower bound where only bounds are known. */
  readonly organisations: number;
  /** Statistical units, where counted. */
  readonly units?: bigint;
  /** Rows behind the figure, where counted. */
  readonly rows?: bigint;
  /** The released figure's exact value, or what it is squared for standard deviation and correlation. */
  readonly value?: Rational;
  /** Declared bounds of the element, for sums. */
  readonly bounds?: { readonly minimum: Rational; readonly maximum: Rational };
  /** Ratio: both sums. */
  readonly parts?: { readonly numerator: Rational; readonly denominator: Rational };
  /** Regression: residual sum of squares is zero, or the normal equations are singular. */
  readonly exactFit?: boolean;
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
  "moment-degrees-of-freedom",
  "residual-degrees-of-freedom",
  "sum-withheld",
] as const;
export type OutputRule = (typeof OUTPUT_RULES)[number];

export interface FigureVerdict {
  readonly id: string;
  /** Rules that withhold it; empty: may be released. */
  readonly withheldBy: readonly OutputRule[];
}

/** `withheldSums`: sums that another rule (left-out cell, release guard) withholds. Order follows the input. */
export function applyOutputRules(
  _figures: readonly Figure[],
  _thresholds: OutputThresholds,
  _withheldSums: ReadonlySet<string>,
): readonly FigureVerdict[] {
  return [];
}
