/** What a statistic reads and what its exact moments demand. */
import type { Asset, Field } from "./asset.ts";
import type { Query, Statistic, WeightedTerm } from "./query.ts";
import type { DataRequest } from "./request.ts";

/** Of a weighted sum or ratio; empty for all else. */
export function termsIn(statistic: Statistic): readonly WeightedTerm[] {
  if (statistic.kind === "weighted-sum") return statistic.terms;
  return statistic.kind === "weighted-ratio" ? [...statistic.top, ...statistic.bottom] : [];
}

/** Coded elements that terms of weighted sums are limited by, each once. */
export const limitingElements = (statistic: Statistic): readonly string[] => [
  ...new Set(termsIn(statistic).flatMap(({ where }) => where?.element ?? [])),
];

/** Numeric elements a statistic names, in its own order; repeated names are kept, except those of weighted sums. */
export function elementsOf(statistic: Statistic): readonly string[] {
  switch (statistic.kind) {
    case "count":
      return [];
    case "ratio":
      return [statistic.numerator, statistic.denominator];
    case "weighted-sum":
    case "weighted-ratio":
      return [...new Set(termsIn(statistic).map(({ element }) => element))];
    case "correlation":
      return [statistic.x, statistic.y];
    case "regression":
      return [statistic.dependent, ...statistic.independents];
    default:
      return [statistic.element];
  }
}

/**
 * secure-aggregation.md section 4: with N organisations in a cell and c colluders, N − 1 − c must be at least this.
 * Correlation opens the sums of a regression with one feature. 0: no moments.
 */
export function momentMargin(statistic: Statistic): number {
  switch (statistic.kind) {
    case "variance":
    case "standard-deviation":
      return 4;
    case "correlation":
      return 5;
    case "regression":
      return statistic.independents.length + 4;
    default:
      return 0;
  }
}

/** As momentMargin, of the sum of squares over organisations beside a total. */
export const SQUARES_MARGIN = 4;

/** Elements whose totals over organisations a query publishes, or from which its figures are divided. */
export const totalledElements = ({ measures }: Pick<Query, "measures">): readonly string[] => [
  ...new Set(
    measures.flatMap(({ statistic }) =>
      ["sum", "mean", "ratio"].includes(statistic.kind) ? elementsOf(statistic) : [],
    ),
  ),
];

/** Whether any figure is a total over organisations, or divided from some: rules about the largest look at those. */
export const hasTotals = (query: Query): boolean =>
  totalledElements(query).length > 0 || query.measures.some(({ statistic }) => termsIn(statistic).length > 0);

/** Whether the query cuts the element into classes: what histograms and quantiles are read from. */
export const isClassed = ({ groupBy }: Query, element: string): boolean =>
  groupBy.some((dimension) => "element" in dimension && dimension.element === element && dimension.edges !== undefined);

/** The date that the query's period cuts the asset by: its column, "" where there is none; undefined: nothing is cut. */
export function cutByPeriod({ period }: Query, asset: Pick<Asset, "period">): string | undefined {
  if (period === undefined || asset.period === undefined) return undefined;
  const isInside = asset.period.from >= period.from && asset.period.to <= period.to;
  return isInside ? undefined : (asset.period.field ?? "");
}

/** Fields whose values a query reads, each once: measured, counted, compared, grouped by, or cut at a period. */
export function readFields(query: Query, asset: Asset): readonly Field[] {
  const elements = new Set([
    ...query.measures.flatMap(({ statistic }) => [...elementsOf(statistic), ...limitingElements(statistic)]),
    ...query.filters.map(({ element }) => element),
    ...query.groupBy.flatMap((dimension) => ("element" in dimension ? [dimension.element] : [])),
  ]);
  const counted = query.measures.some(({ statistic }) => statistic.kind === "count") && asset.unit.kind === "field";
  const names = [cutByPeriod(query, asset), counted ? (asset.unit as { field: string }).field : undefined];
  return asset.fields.filter(({ element, name }) => elements.has(element) || names.includes(name));
}

/** What the query reads, and the keys that a join compares. */
export function touchedFields({ query, join }: Pick<DataRequest, "query" | "join">, asset: Asset): readonly Field[] {
  const read = readFields(query, asset);
  return asset.fields.filter((field) => read.includes(field) || field.element === join?.element);
}

/** The asset's one field for an element; undefined where there is none or more than one. */
export function fieldOf(asset: Asset, element: string): Field | undefined {
  const fields = asset.fields.filter((field) => field.element === element);
  return fields.length === 1 ? fields[0] : undefined;
}

/**
 * Registry mode needs no phase 1: every measured field is declared always present and non-zero by every asset. All
 * else needs counts (secure-aggregation.md section 4).
 */
export function cellModeOf(query: Query, assets: readonly Asset[]): "registry" | "counted" {
  // Nobody declares to have a value in every class, or under every code.
  if (query.measures.some(({ statistic }) => limitingElements(statistic).length > 0)) return "counted";
  if (query.groupBy.some((dimension) => "element" in dimension && dimension.edges !== undefined)) return "counted";
  const present = (asset: Asset, element: string) => fieldOf(asset, element)?.alwaysPresent === true;
  const unitPresent = (asset: Asset) =>
    asset.unit.kind === "provider" ||
    asset.fields.some(
      (field) => field.name === (asset.unit as { field: string }).field && field.alwaysPresent === true,
    );
  const everywhere = query.measures.every((measure) =>
    measure.statistic.kind === "count"
      ? assets.every(unitPresent)
      : elementsOf(measure.statistic).every((element) => assets.every((asset) => present(asset, element))),
  );
  return everywhere ? "registry" : "counted";
}
