import { cellModeOf } from "../model/statistic.ts";
import { DEFAULTS } from "../model/terms.ts";
import type { Case, Rule } from "../model/verdict.ts";
import { permit, refuse } from "./finding.ts";

/**
 * Statistical units per cell this policy asks for on this asset. The default holds where units are counted; without
 * counts (registry mode) only a minimum that the policy states does.
 */
export const minimumUnitsOf = ({ terms, asset }: Pick<Case, "terms" | "asset">, mode: "registry" | "counted"): number =>
  terms.minimumUnits ?? (asset.unit.kind === "field" && mode === "counted" ? DEFAULTS.minimumUnits : 0);

/**
 * Phase 1 reveals counts per cell, and repeated requests may reveal the provider's own: it needs open counts. Units
 * that are values of a field can only be counted there.
 */
export const counts: Rule = {
  id: "counts",
  evaluate({ terms, request, asset }) {
    const mode = cellModeOf(request.query, [asset]);
    const minimumUnits = minimumUnitsOf({ terms, asset }, mode);
    const compared = { counts: terms.counts, mode, unit: asset.unit.kind, minimumUnits };
    if (terms.counts === "open") return permit("counts-open", compared);
    if (mode === "counted") return refuse("counts-closed", compared);
    if (asset.unit.kind === "field" && minimumUnits > 0) return refuse("units-need-open-counts", compared);
    return permit("counts-not-needed", compared);
  },
};
