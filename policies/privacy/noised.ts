/** Statistics that noise is defined for: sums of bounded contributions, and what is divided from them. */
import type { Statistic } from "../model/query.ts";
import { elementsOf } from "../model/statistic.ts";

const NOISED: readonly Statistic["kind"][] = ["count", "sum", "mean", "ratio", "histogram"];

export const isNoised = ({ kind }: Statistic): boolean => NOISED.includes(kind);

/** Elements whose sums have to be bounded for it. */
export const clipFor = (statistic: Statistic): readonly string[] =>
  ["sum", "mean", "ratio"].includes(statistic.kind) ? elementsOf(statistic) : [];
