import type { Rule } from "../model/verdict.ts";
import { permit, refuse } from "./finding.ts";

/** The period asked about overlaps the asset's, and the asset has a date to cut by unless it lies inside as a whole. */
export const period: Rule = {
  id: "period",
  evaluate({ request, asset }) {
    const wanted = request.query.period;
    if (wanted === undefined) return permit("period-open");
    const compared = {
      wanted: `${wanted.from}..${wanted.to}`,
      held: asset.period === undefined ? null : `${asset.period.from}..${asset.period.to}`,
    };
    if (!(Date.parse(wanted.from) <= Date.parse(wanted.to))) return refuse("period-empty", compared);
    if (asset.period === undefined) return refuse("period-not-held", compared);
    if (wanted.to < asset.period.from || wanted.from > asset.period.to) return refuse("period-not-held", compared);
    const inside = asset.period.from >= wanted.from && asset.period.to <= wanted.to;
    if (!inside && asset.period.field === undefined) return refuse("period-not-divisible", compared);
    return permit("period-held", compared);
  },
};
