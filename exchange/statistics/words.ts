/** Which exact sums a statistic needs. */
import { canonicalJson } from "../../crypto/suites/digest.ts";
import type { Measure, Statistic } from "../../policies/model/query.ts";
import { termsIn, totalledElements } from "../../policies/model/statistic.ts";
import type { LayoutElement, LinearTerm, Word } from "./layout.ts";
import { linearsOf } from "./linear.ts";

const ascending = (names: Iterable<string>): string[] => [...new Set(names)].sort((a, b) => (a < b ? -1 : 1));

/** Σ of the product of `factors` over rows where all of `complete` are valid. */
export const moment = (factors: readonly string[], complete: readonly string[]): Word => ({
  kind: "moment",
  factors: [...factors].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
  complete: ascending(complete),
});

/** Numeric elements a statistic names; a regression names its dependent first. */
export function elementsOf(statistic: Statistic): readonly string[] {
  switch (statistic.kind) {
    case "count":
    case "distinct":
      return [];
    case "sum":
    case "mean":
    case "variance":
    case "standard-deviation":
    case "histogram":
    case "quantile":
      return [statistic.element];
    case "ratio":
      return [statistic.numerator, statistic.denominator];
    case "weighted-sum":
    case "weighted-ratio":
      return [...new Set(termsIn(statistic).map(({ element }) => element))];
    case "correlation":
      return [statistic.x, statistic.y];
    case "regression":
      return [statistic.dependent, ...statistic.independents];
  }
}

type TotalName = { readonly element: string } | { readonly terms: readonly LinearTerm[] };

export const squaresOf = (total: TotalName): Word => ({ kind: "squares", ...total });
export const magnitudesOf = (total: TotalName): Word => ({ kind: "magnitudes", ...total });

/** The word whose squares or magnitudes these are. */
export const totalOf = (name: TotalName): Word =>
  "terms" in name ? { kind: "linear", terms: name.terms } : moment([name.element], [name.element]);

/** What rules about the largest contributors are judged on: totals of elements, and weighted sums. */
export function totalsOf(measures: readonly Measure[], elements: readonly LayoutElement[]): readonly TotalName[] {
  const names = measures.flatMap((measure): readonly TotalName[] => {
    const linears = linearsOf(measure, elements).map(({ word }) => ({ terms: word.terms }));
    return linears.length > 0 ? linears : totalledElements({ measures: [measure] }).map((element) => ({ element }));
  });
  return [...new Map(names.map((name) => [canonicalJson(name), name])).values()];
}

/**
 * A ratio sums each element over its own valid rows, so that it opens nothing beyond the two plain sums. Moments use
 * rows where every element they name is valid.
 */
export function wordsOf(measure: Measure, common: readonly LayoutElement[]): readonly Word[] {
  const { statistic } = measure;
  const elements = elementsOf(statistic);
  switch (statistic.kind) {
    case "count":
      return [{ kind: "units" }];
    case "sum":
    case "ratio":
      return elements.map((x) => moment([x], [x]));
    case "weighted-sum":
    case "weighted-ratio":
      return linearsOf(measure, common).map(({ word }) => word);
    case "distinct":
      return [{ kind: "registers", element: statistic.element }];
    case "histogram":
    case "quantile":
      return [moment([], elements)];
    case "mean":
      return elements.flatMap((x) => [moment([], [x]), moment([x], [x])]);
    default: {
      const products = elements.flatMap((x, i) => elements.slice(i).map((y) => moment([x, y], elements)));
      return [moment([], elements), ...elements.map((x) => moment([x], elements)), ...products];
    }
  }
}
