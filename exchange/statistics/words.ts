/** Which exact sums a statistic needs. */
import type { Statistic } from "../../policies/model/query.ts";
import type { Word } from "./layout.ts";

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
    case "correlation":
      return [statistic.x, statistic.y];
    case "regression":
      return [statistic.dependent, ...statistic.independents];
  }
}

export const squaresOf = (element: string): Word => ({ kind: "squares", element });
export const magnitudesOf = (element: string): Word => ({ kind: "magnitudes", element });

/**
 * A ratio sums each element over its own valid rows, so that it opens nothing beyond the two plain sums. Moments use
 * rows where every element they name is valid.
 */
export function wordsOf(statistic: Statistic): readonly Word[] {
  const elements = elementsOf(statistic);
  switch (statistic.kind) {
    case "count":
      return [{ kind: "units" }];
    case "sum":
    case "ratio":
      return elements.map((x) => moment([x], [x]));
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
