import type { Field } from "../model/asset.ts";
import type { RoundingTerm } from "../model/output-terms.ts";
import type { Measure, Statistic } from "../model/query.ts";
import { fieldOf, totalledElements } from "../model/statistic.ts";
import type { Finding, Rule } from "../model/verdict.ts";
import { refuse, unless } from "./finding.ts";

/** What can be worked out from rounded counts and sums; of products of values the rounded ones fit nothing any more. */
const ROUNDED: readonly Statistic["kind"][] = ["count", "sum", "mean", "ratio", "histogram", "quantile"];

export const isRoundable = ({ kind }: Statistic): boolean => ROUNDED.includes(kind);

export interface UnitMismatch {
  readonly measure: string;
  readonly element: string;
  /** Of the rounding. */
  readonly wanted: string | null;
  readonly got: string | null;
}

/** Figures of elements that are rounded in another unit than the field has, or than was asked for. */
export function roundedOtherwise(
  rounding: readonly RoundingTerm[],
  measures: readonly Measure[],
  fieldOfElement: (element: string) => Pick<Field, "unit"> | undefined,
): readonly UnitMismatch[] {
  return measures.flatMap((measure) =>
    totalledElements({ measures: [measure] }).flatMap((element) =>
      rounding
        .filter((term) => term.element === element)
        .flatMap(({ unit: wanted = null }) => {
          const held = fieldOfElement(element)?.unit ?? null;
          const got = held === wanted ? (measure.units?.[element] ?? held) : held;
          return got === wanted ? [] : [{ measure: measure.id, element, wanted, got }];
        }),
    ),
  );
}

/** Rounded figures are of statistics that are worked out anew from rounded counts and sums, in the unit of the rounding. */
export const rounding: Rule = {
  id: "rounding",
  evaluate({ terms, request, asset }) {
    const stated = terms.output.rounding;
    if (stated === undefined) return unless([], "rounding-possible");
    const { measures } = request.query;
    const refusals: Finding[] = [];
    const isExact = request.encryptedQuery !== undefined || request.join !== undefined;
    const strange = measures.filter(({ statistic }) => isExact || !isRoundable(statistic)).map(({ id }) => id);
    if (strange.length > 0) refusals.push(refuse("rounding-not-possible", { measures: strange }));
    // A name that is none would round nothing, which is not what was meant.
    for (const { element } of stated) {
      if (element === undefined || fieldOf(asset, element) !== undefined) continue;
      refusals.push(refuse("rounding-not-possible", { element }));
    }
    for (const mismatch of roundedOtherwise(stated, measures, (element) => fieldOf(asset, element))) {
      refusals.push(refuse("rounding-unit-differs", { ...mismatch }));
    }
    return unless(refusals, "rounding-possible");
  },
};
