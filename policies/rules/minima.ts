import { momentMargin } from "../model/statistic.ts";
import type { Case, Requirement, Rule } from "../model/verdict.ts";
import { permit, refuse } from "./finding.ts";

/** m of secure-aggregation.md section 2 with the protocol's own floor: need = max(m, 3 + c). */
export const needOf = (minimumOrganisations: number, colluders: number): number =>
  Math.max(minimumOrganisations, 3 + colluders);

/**
 * What each measure demands of a released cell. Exact moments need N − 1 − c ≥ 4 (variance) or p + 4 (regression);
 * a second moment of one field may go below where the policy trusts this release authority with it (section 4).
 */
export function requirementsOf({ terms, request }: Case): readonly Requirement[] {
  const floor = needOf(terms.minimumOrganisations, terms.colluders);
  const trusted = request.receiverMode === "reviewed" && terms.exactMomentsTrusted.includes(request.receiver);
  return request.query.measures.map(({ id: measure, statistic }) => {
    const univariate = statistic.kind === "variance" || statistic.kind === "standard-deviation";
    const margin = trusted && univariate ? 0 : momentMargin(statistic);
    const wanted = margin === 0 ? 0 : margin + 1 + terms.colluders;
    if (wanted <= floor) return { measure, organisations: floor, reason: "minimum-organisations" };
    return { measure, organisations: wanted, reason: univariate ? "moments-variance" : "moments-regression" };
  });
}

/** A request that names too few organisations can never release anything: it is refused before anything runs. */
export const minima: Rule = {
  id: "minimum-organisations",
  evaluate(input) {
    const wanted = Math.max(...requirementsOf(input).map((requirement) => requirement.organisations));
    const got = new Set(input.request.assets.map((asset) => asset.split(":")[0])).size;
    return got >= wanted
      ? permit("enough-organisations", { wanted, got })
      : refuse("too-few-organisations", { wanted, got });
  },
};
