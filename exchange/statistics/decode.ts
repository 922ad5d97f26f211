/** From the sums of a layout to figures: exact rationals, rounded once, half-even. */
import type { Layout } from "./layout.ts";

/** Significant digits of a figure that is not a finite decimal of at most this length. */
export const RESULT_DIGITS = 15;

export interface ResultCell {
  /** Dimension name to code; empty for an ungrouped figure. */
  readonly group: Readonly<Record<string, string>>;
  /** Measure id; a regression gives several cells per group, see `part`. */
  readonly measure: string;
  /** Regression only: "intercept", "coefficient:<element>", "r-squared" or "rows". */
  readonly part?: string;
  /** Exact or once-rounded decimal text; null where withheld or undefined. */
  readonly value: string | null;
  /** Rule id, where the cell is withheld. */
  readonly withheld?: "minimum-organisations" | "moment-organisations";
  /** Why the figure does not exist although its cell is released. */
  readonly undefined?: "no-rows" | "zero-denominator" | "constant" | "singular";
  readonly unit?: string;
}

export interface DecodeOptions {
  /** Contributing organisations per atom, where known (registry members or phase-1 counts). */
  readonly counts: readonly number[];
  /** c of the opening record. */
  readonly colluders: number;
}

/** `sums` is the full vector (see `expandIncluded`); words of left-out atoms are never read. */
export function decode(
  _layout: Layout,
  _sums: BigUint64Array,
  _included: readonly boolean[],
  _options: DecodeOptions,
): readonly ResultCell[] {
  throw new Error("not yet");
}
