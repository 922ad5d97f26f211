/**
 * Weighted sums as one exact word: weights and unit factors become whole numbers, so that every organisation applies
 * them to its own sums and only the weighted sum is masked, encrypted, added and opened (docs/decisions/116).
 */
import { canonicalJson } from "../../crypto/suites/digest.ts";
import type { Measure, WeightedTerm } from "../../policies/model/query.ts";
import { scaledInteger } from "./elements.ts";
import { StatisticsError } from "./errors.ts";
import type { LayoutElement, LinearTerm, Word } from "./layout.ts";
import { multiply, type Rational, rational } from "./rational.ts";
import { conversionFactor } from "./units.ts";

export type LinearWord = Extract<Word, { readonly kind: "linear" }>;

export interface Linear {
  readonly word: LinearWord;
  /** The weighted sum is this times the word. */
  readonly factor: Rational;
}

/** Of a weight: see the schema of WeightedTerm. */
const WEIGHT_DIGITS = 6;
/** Between the smallest and the largest coefficient: wider, and one sum could be read off beside another. */
const LARGEST_RATIO = 1_000_000n;

/** One weighted sum of a statistic; empty where it has none. */
export function weightedSums({ statistic }: Pick<Measure, "statistic">): readonly (readonly WeightedTerm[])[] {
  if (statistic.kind === "weighted-sum") return [statistic.terms];
  return statistic.kind === "weighted-ratio" ? [statistic.top, statistic.bottom] : [];
}

export const linearsOf = (measure: Measure, elements: readonly LayoutElement[]): readonly Linear[] =>
  weightedSums(measure).map((terms) => linearOf(measure, terms, elements));

/** Throws StatisticsError for weights of zero, terms named twice, and weights too far apart. */
function linearOf(
  { id, units }: Measure,
  weighted: readonly WeightedTerm[],
  elements: readonly LayoutElement[],
): Linear {
  const refuse = (message: string) => new StatisticsError("ERR_STATISTICS_QUERY", id, message);
  const exact = weighted.map(({ element, weight, where }) => {
    const common = elements.find((candidate) => candidate.element === element)!;
    const unit = conversionFactor(common.unit, units?.[element] ?? common.unit);
    if (unit === undefined) throw new StatisticsError("ERR_STATISTICS_UNIT", `${id}.units`, `${element} has another`);
    const stated = rational(scaledInteger(weight, WEIGHT_DIGITS, "exact")!, 10n ** BigInt(WEIGHT_DIGITS));
    if (stated.numerator === 0n) throw refuse(`the weight of ${element} is zero: leave the term out`);
    const scale = rational(unit.numerator, unit.denominator * 10n ** BigInt(common.scale));
    return { element, ...(where === undefined ? {} : { where }), coefficient: multiply(stated, scale), stated };
  });
  if (
    new Set(exact.map(({ element, where }) => canonicalJson({ element, where: where ?? null }))).size < exact.length
  ) {
    throw refuse("names one sum twice: add its weights");
  }
  const weights = whole(exact.map(({ stated }) => stated)).map((one) => (one < 0n ? -one : one));
  if (weights.some((one) => weights.some((other) => one > other * LARGEST_RATIO))) {
    throw refuse(`weights are more than ${LARGEST_RATIO} times each other: the smaller sums could be read off`);
  }
  const coefficients = whole(exact.map(({ coefficient }) => coefficient));
  const terms = exact
    .map(({ element, where }, i): LinearTerm => {
      return { element, ...(where === undefined ? {} : { where }), coefficient: `${coefficients[i]}` };
    })
    .sort((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1));
  const { coefficient } = exact[0]!;
  const [first] = coefficients;
  return {
    word: { kind: "linear", terms },
    factor: rational(coefficient.numerator, coefficient.denominator * first!),
  };
}

/** The smallest whole numbers in the same proportion, the signs kept. */
export function whole(values: readonly Rational[]): readonly bigint[] {
  const common = values.reduce((product, { denominator }) => (product * denominator) / gcd(product, denominator), 1n);
  const numbers = values.map(({ numerator, denominator }) => numerator * (common / denominator));
  const divisor = numbers.reduce(gcd, 0n);
  return numbers.map((number) => number / divisor);
}

function gcd(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a < 0n ? -a : a;
}

/** Codes that terms are limited to, each pair once: columns of the SELECT. */
export function limitsOf(words: readonly Word[]): readonly { readonly element: string; readonly value: string }[] {
  const limits = words.flatMap((word) =>
    word.kind === "linear" ? word.terms.flatMap(({ where }) => where ?? []) : [],
  );
  return [...new Map(limits.map((limit) => [canonicalJson(limit), limit])).values()];
}
