/** From the sums of a layout to figures: exact rationals, rounded once, half to even. */
import { canonicalJson } from "../../crypto/suites/digest.ts";
import type { Measure } from "../../policies/model/query.ts";
import { momentMargin } from "../../policies/model/statistic.ts";
import { StatisticsError } from "./errors.ts";
import { atomCodes, type ComponentPlace, componentPlaces, type Layout, layoutWords, type Word } from "./layout.ts";
import { linearsOf } from "./linear.ts";
import {
  add,
  divide,
  exactDecimal,
  multiply,
  type Rational,
  rational,
  roundedDecimal,
  squareRootDecimal,
} from "./rational.ts";
import { estimateDistinct, REGISTERS, RELATIVE_ERROR, readThermometers } from "./registers.ts";
import { leastSquares } from "./regression.ts";
import { conversionFactor } from "./units.ts";
import { readElement } from "./vector.ts";
import { moment } from "./words.ts";

/** Significant digits of a figure that is not a finite decimal of at most this length. Counts and sums are never rounded. */
export const RESULT_DIGITS = 15;

export interface ResultCell {
  /** Dimension name to code; empty for an ungrouped figure. */
  readonly group: Readonly<Record<string, string>>;
  /** Measure id; a regression gives several cells per group, see `part`. */
  readonly measure: string;
  /**
   * Distinct: "estimate" and "relative-error" (one standard error). Regression: "intercept", "coefficient:<element>", "r-squared" or "rows". Quantile: "rows" of one class, and over
   * all classes "<probability>:from", ":to" and ":estimate" (see quantiles.ts).
   */
  readonly part?: string;
  /** Exact or once-rounded decimal text; null where withheld or undefined. */
  readonly value: string | null;
  /** Rule id, where the cell is withheld. */
  readonly withheld?: "minimum-organisations" | "complementary-cell" | "moment-organisations";
  /** Why the figure does not exist although its cell is released. */
  readonly undefined?: "no-rows" | "zero-denominator" | "constant" | "singular";
  /** Unit of the value, where it is one declared unit. */
  readonly unit?: string;
  /** Of a figure with noise: one standard error, in its unit; of what is divided, by the delta method. */
  readonly standardError?: string;
}

export interface DecodeOptions {
  /** Contributing organisations per atom, from registry members or phase-1 counts. */
  readonly counts: readonly number[];
  /** c of the opening record. */
  readonly colluders: number;
  /** Left-out atoms with enough organisations of their own: left out since they would give away others. */
  readonly complements?: readonly number[];
  /** Where sums have noise: the variance of a sum's error, in squared integers of the layout. */
  readonly variance?: (atom: number, component: number) => Rational;
}

type Figure = Omit<ResultCell, "group" | "measure">;
type Sum = (word: Word) => bigint;
type Distinct = (word: Word) => number;

/** `sums` is the full vector (see `expandIncluded`); words of left-out atoms are never read. */
export function decode(
  layout: Layout,
  sums: BigUint64Array,
  included: readonly boolean[],
  options: DecodeOptions,
): readonly ResultCell[] {
  requireLength("sums", sums.length, layoutWords(layout));
  requireLength("included", included.length, layout.atoms);
  requireLength("counts", options.counts.length, layout.atoms);
  const offsets = componentPlaces(layout);
  const complements = new Set(options.complements);
  const cells: ResultCell[] = [];
  for (let atom = 0; atom < layout.atoms; atom++) {
    const codes = atomCodes(layout, atom);
    const group = Object.fromEntries(layout.domains.map((domain, i) => [domain.name, codes[i]!]));
    const placeOf = (word: Word): ComponentPlace => {
      const place = offsets.get(canonicalJson(word));
      if (place === undefined) throw new StatisticsError("ERR_STATISTICS_VECTOR", "layout", "a component is missing");
      return { ...place, offset: atom * layout.wordsPerAtom + place.offset };
    };
    const sum: Sum = (word) => {
      const { offset, words } = placeOf(word);
      return readElement(sums, offset, words);
    };
    const distinct: Distinct = (word) => {
      const { offset, words, count } = placeOf(word);
      const ranks = count / REGISTERS;
      return estimateDistinct(readThermometers(sums.subarray(offset, offset + words * count), ranks), ranks);
    };
    for (const measure of layout.query.measures) {
      const leftOut = complements.has(atom) ? "complementary-cell" : "minimum-organisations";
      const withheld = included[atom]! ? momentRule(measure, options.counts[atom]!, options.colluders) : leftOut;
      const figures =
        withheld === undefined ? figuresOf(layout, measure, sum, distinct) : withheldFigures(measure, withheld);
      const { variance } = options;
      const error =
        variance && standardError(layout, measure, sum, (word) => variance(atom, componentOf(layout, word)));
      for (const figure of figures) {
        const errors = figure.value === null || error === undefined ? {} : { standardError: error };
        cells.push({ group, measure: measure.id, ...figure, ...errors });
      }
    }
  }
  return cells;
}

function requireLength(field: string, got: number, wanted: number): void {
  if (got !== wanted) throw new StatisticsError("ERR_STATISTICS_VECTOR", field, `expected ${wanted}, got ${got}`);
}

function momentRule(measure: Measure, count: number, colluders: number): ResultCell["withheld"] {
  const margin = momentMargin(measure.statistic);
  return margin > 0 && count - 1 - colluders < margin ? "moment-organisations" : undefined;
}

function withheldFigures({ statistic }: Measure, withheld: NonNullable<ResultCell["withheld"]>): readonly Figure[] {
  if (statistic.kind === "distinct") {
    return ["estimate", "relative-error"].map((part) => ({ part, value: null, withheld }));
  }
  if (statistic.kind === "quantile") return [{ part: "rows", value: null, withheld }];
  if (statistic.kind !== "regression") return [{ value: null, withheld }];
  return regressionParts(statistic.independents).map((part) => ({ part, value: null, withheld }));
}

const regressionParts = (independents: readonly string[]): string[] => [
  "intercept",
  ...independents.map((element) => `coefficient:${element}`),
  "r-squared",
  "rows",
];

const rounded = (value: Rational): string => roundedDecimal(value, RESULT_DIGITS);

/** Factor from integers of the layout to values in the measure's unit of `element`. */
function scaleOf(
  layout: Layout,
  measure: Measure,
  element: string,
): { readonly factor: Rational; readonly unit: string | undefined } {
  const common = layout.elements.find((candidate) => candidate.element === element)!;
  const unit = measure.units?.[element] ?? common.unit;
  const { numerator, denominator } = conversionFactor(common.unit, unit)!;
  return { factor: rational(numerator, denominator * 10n ** BigInt(common.scale)), unit: unit ?? undefined };
}

function figuresOf(layout: Layout, measure: Measure, sum: Sum, distinct: Distinct): readonly Figure[] {
  const { statistic } = measure;
  const scale = (element: string) => scaleOf(layout, measure, element);
  const withUnit = (element: string) => {
    const { unit } = scale(element);
    return unit === undefined ? {} : { unit };
  };
  switch (statistic.kind) {
    case "count":
      return [{ value: sum({ kind: "units" }).toString() }];
    case "distinct":
      return [
        { part: "estimate", value: String(distinct({ kind: "registers", element: statistic.element })) },
        { part: "relative-error", value: RELATIVE_ERROR },
      ];
    case "histogram":
      return [{ value: sum(moment([], [statistic.element])).toString() }];
    case "quantile":
      return [{ part: "rows", value: sum(moment([], [statistic.element])).toString() }];
    case "sum": {
      const { element } = statistic;
      const total = multiply(rational(sum(moment([element], [element]))), scale(element).factor);
      return [{ value: exactDecimal(total) ?? rounded(total), ...withUnit(element) }];
    }
    case "mean": {
      const { element } = statistic;
      const rows = sum(moment([], [element]));
      if (rows === 0n) return [{ value: null, undefined: "no-rows" }];
      const mean = multiply(rational(sum(moment([element], [element])), rows), scale(element).factor);
      return [{ value: rounded(mean), ...withUnit(element) }];
    }
    case "ratio": {
      const [top, bottom] = [statistic.numerator, statistic.denominator].map((element) =>
        multiply(rational(sum(moment([element], [element]))), scale(element).factor),
      ) as [Rational, Rational];
      if (bottom.numerator === 0n) return [{ value: null, undefined: "zero-denominator" }];
      return [{ value: rounded(divide(top, bottom)) }];
    }
    case "weighted-sum": {
      const [total] = linearsOf(measure, layout.elements).map(({ word, factor }) =>
        multiply(rational(sum(word)), factor),
      );
      return [{ value: exactDecimal(total!) ?? rounded(total!) }];
    }
    case "weighted-ratio": {
      const [top, bottom] = linearsOf(measure, layout.elements).map(({ word, factor }) =>
        multiply(rational(sum(word)), factor),
      ) as [Rational, Rational];
      if (bottom.numerator === 0n) return [{ value: null, undefined: "zero-denominator" }];
      return [{ value: rounded(divide(top, bottom)) }];
    }
    case "variance":
    case "standard-deviation": {
      const { element } = statistic;
      const rows = sum(moment([], [element]));
      if (rows < 2n) return [{ value: null, undefined: "no-rows" }];
      const { factor } = scale(element);
      const variance = multiply(
        rational(spread(sum, element, element, [element]), rows * (rows - 1n)),
        multiply(factor, factor),
      );
      if (statistic.kind === "variance") return [{ value: rounded(variance) }];
      return [{ value: squareRootDecimal(variance, RESULT_DIGITS), ...withUnit(element) }];
    }
    case "correlation":
      return [correlation(sum, statistic.x, statistic.y)];
    case "regression":
      return regression(sum, statistic.dependent, statistic.independents, (element) => scale(element).factor);
  }
}

const componentOf = (layout: Layout, word: Word): number =>
  layout.components.findIndex((component) => canonicalJson(component.word) === canonicalJson(word));

const ERROR_DIGITS = 4;

/** Undefined for statistics that noise is not defined for, and for what has no value. */
function standardError(
  layout: Layout,
  measure: Measure,
  sum: Sum,
  variance: (word: Word) => Rational,
): string | undefined {
  const { statistic } = measure;
  const root = (value: Rational) => squareRootDecimal(value, ERROR_DIGITS);
  const scaled = (element: string) => {
    const { factor } = scaleOf(layout, measure, element);
    const word = moment([element], [element]);
    return {
      value: multiply(rational(sum(word)), factor),
      variance: multiply(variance(word), multiply(factor, factor)),
    };
  };
  switch (statistic.kind) {
    case "count":
      return root(variance({ kind: "units" }));
    case "histogram":
      return root(variance(moment([], [statistic.element])));
    case "sum":
      return root(scaled(statistic.element).variance);
    case "mean": {
      const rows = moment([], [statistic.element]);
      return ofQuotient(scaled(statistic.element), { value: rational(sum(rows)), variance: variance(rows) }, root);
    }
    case "ratio":
      return ofQuotient(scaled(statistic.numerator), scaled(statistic.denominator), root);
    default:
      return undefined;
  }
}

interface Measured {
  readonly value: Rational;
  readonly variance: Rational;
}

/** (V(top) + (top / bottom)² V(bottom)) / bottom² */
function ofQuotient(top: Measured, bottom: Measured, root: (value: Rational) => string): string | undefined {
  if (bottom.value.numerator === 0n) return undefined;
  const ratio = divide(top.value, bottom.value);
  const spread = add(top.variance, multiply(multiply(ratio, ratio), bottom.variance));
  return root(divide(spread, multiply(bottom.value, bottom.value)));
}

/** n·Σxy − Σx·Σy over the rows complete in `elements`. */
function spread(sum: Sum, x: string, y: string, elements: readonly string[]): bigint {
  const rows = sum(moment([], elements));
  return rows * sum(moment([x, y], elements)) - sum(moment([x], elements)) * sum(moment([y], elements));
}

function correlation(sum: Sum, x: string, y: string): Figure {
  const elements = [x, y];
  if (sum(moment([], elements)) < 2n) return { value: null, undefined: "no-rows" };
  const xy = spread(sum, x, y, elements);
  const squares = spread(sum, x, x, elements) * spread(sum, y, y, elements);
  if (squares === 0n) return { value: null, undefined: "constant" };
  const root = squareRootDecimal(rational(xy * xy, squares), RESULT_DIGITS);
  return { value: xy < 0n ? `-${root}` : root };
}

function regression(
  sum: Sum,
  dependent: string,
  independents: readonly string[],
  factor: (element: string) => Rational,
): readonly Figure[] {
  const elements = [dependent, ...independents];
  const rows = sum(moment([], elements));
  const columns = [[], ...independents.map((element) => [element])];
  const fit =
    rows === 0n
      ? undefined
      : leastSquares({
          xtx: columns.map((a) => columns.map((b) => sum(moment([...a, ...b], elements)))),
          xty: columns.map((a) => sum(moment([...a, dependent], elements))),
          yty: sum(moment([dependent, dependent], elements)),
        });
  const parts = regressionParts(independents);
  if (fit === undefined) {
    const reason = rows === 0n ? ("no-rows" as const) : ("singular" as const);
    return parts.map((part) =>
      part === "rows" ? { part, value: rows.toString() } : { part, value: null, undefined: reason },
    );
  }
  const values = fit.coefficients.map((coefficient, i) => {
    const unscaled = i === 0 ? rational(1n) : factor(independents[i - 1]!);
    return rounded(multiply(coefficient, divide(factor(dependent), unscaled)));
  });
  return [
    ...values.map((value, i) => ({ part: parts[i]!, value })),
    fit.rSquared === null
      ? { part: "r-squared", value: null, undefined: "constant" as const }
      : { part: "r-squared", value: rounded(fit.rSquared) },
    { part: "rows", value: rows.toString() },
  ];
}
