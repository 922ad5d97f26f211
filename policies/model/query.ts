/** A statistical query in terms of data elements; every provider maps the elements to its own fields. */
import { type Static, Type } from "typebox";
import { CalendarDate, Code, closed, Decimal } from "./vocabulary.ts";

const kind = <const K extends string>(name: K) => Type.Literal(name);

/** Strictly between 0 and 1. */
const Probability = Type.String({ pattern: "^0\\.\\d{0,3}[1-9]$", examples: ["0.0001", "0.9999"] });

const Weight = Type.String({
  pattern: "^-?(0|[1-9]\\d{0,5})(\\.\\d{1,6})?$",
  examples: ["-999999", "999999"],
  maxLength: 14,
});

/** `weight` × Σ element, over all rows or over those that hold the code; weights of one statistic are in its own order. */
export const WeightedTerm = closed({
  element: Code,
  weight: Weight,
  where: Type.Optional(closed({ element: Code, value: Code })),
});
export const WeightedTerms = Type.Array(WeightedTerm, { minItems: 1, maxItems: 64, uniqueItems: true });

/** `count` counts statistical units. Elements name numeric fields; results are exact rationals. */
export const Statistic = Type.Union([
  closed({ kind: kind("count") }),
  closed({ kind: kind("sum"), element: Code }),
  closed({ kind: kind("mean"), element: Code }),
  /** Ratio of sums: Σ numerator / Σ denominator. */
  closed({ kind: kind("ratio"), numerator: Code, denominator: Code }),
  /** Sample variance (divisor N − 1) over rows. */
  closed({ kind: kind("variance"), element: Code }),
  closed({ kind: kind("standard-deviation"), element: Code }),
  closed({ kind: kind("correlation"), x: Code, y: Code }),
  /** Ordinary least squares with intercept. */
  closed({
    kind: kind("regression"),
    dependent: Code,
    independents: Type.Array(Code, { minItems: 1, maxItems: 8, uniqueItems: true }),
  }),
  /** A composite: Σ weight × Σ element. Nobody learns the sums in it. */
  closed({ kind: kind("weighted-sum"), terms: WeightedTerms }),
  /** An index number: one weighted sum over another. */
  closed({ kind: kind("weighted-ratio"), top: WeightedTerms, bottom: WeightedTerms }),
  /** Distinct values of a coded or text field over all organisations, estimated. */
  closed({ kind: kind("distinct"), element: Code }),
  /** Rows per class of the dimension that classes this element. */
  closed({ kind: kind("histogram"), element: Code }),
  /** As histogram, and from it each quantile: the class it lies in, and a value inside it. */
  closed({
    kind: kind("quantile"),
    element: Code,
    probabilities: Type.Array(Probability, { minItems: 1, maxItems: 9, uniqueItems: true }),
  }),
]);

export const Measure = closed({
  id: Code,
  statistic: Statistic,
  /** Unit the result is stated in, by element; converted only by a declared exact factor. */
  units: Type.Optional(Type.Record(Code, Code, { additionalProperties: false, maxProperties: 16 })),
});

const ShortDecimal = Type.String({
  pattern: "^-?(0|[1-9]\\d{0,29})(\\.\\d{1,18})?$",
  examples: ["12.5"],
  maxLength: 24,
});

/** Ascending, in the unit that all assets hold the element in; class i holds edge i up to edge i + 1, the last class its upper edge too. */
export const Edges = Type.Array(ShortDecimal, {
  minItems: 2,
  maxItems: 201,
  uniqueItems: true,
});

/**
 * A public domain: a coded field of the assets, a numeric field cut into classes, or a registry attribute of the
 * provider itself.
 */
export const Dimension = Type.Union([
  closed({ element: Code, edges: Type.Optional(Edges) }),
  closed({ attribute: Code }),
]);

export const Predicate = closed({
  element: Code,
  operator: Type.Union([kind("eq"), kind("isAnyOf"), kind("gteq"), kind("lteq")]),
  /** Codes for coded fields, decimals for numbers, dates for dates. */
  values: Type.Array(Type.Union([Code, Decimal, CalendarDate]), { minItems: 1, maxItems: 1000 }),
});

export const Query = closed({
  measures: Type.Array(Measure, { minItems: 1, maxItems: 32 }),
  groupBy: Type.Array(Dimension, { maxItems: 3 }),
  /** Totals over each dimension and over all of them, beside the cells. */
  totals: Type.Optional(Type.Literal(true)),
  filters: Type.Array(Predicate, { maxItems: 16 }),
  period: Type.Optional(closed({ from: CalendarDate, to: CalendarDate })),
});

export type WeightedTerm = Static<typeof WeightedTerm>;
export type Statistic = Static<typeof Statistic>;
export type Measure = Static<typeof Measure>;
export type Dimension = Static<typeof Dimension>;
export type Predicate = Static<typeof Predicate>;
export type Query = Static<typeof Query>;
