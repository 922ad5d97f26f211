import { namesLargest, type OutputTerms } from "../model/output-terms.ts";
import type { Query, Statistic } from "../model/query.ts";
import { hasTotals, momentMargin, SQUARES_MARGIN } from "../model/statistic.ts";
import type { Case, Requirement, Rule } from "../model/verdict.ts";
import { permit, refuse } from "./finding.ts";

/** m of secure-aggregation.md section 2 with the protocol's own floor: need = max(m, 3 + c). */
export const needOf = (minimumOrganisations: number, colluders: number): number =>
  Math.max(minimumOrganisations, 3 + colluders);

/**
 * Organisations that a measure's exact moments demand of a cell: N − 1 − c ≥ 4 (variance) or p + 4 (regression). The
 * second moment of one field may go below where the release authority is trusted with it (section 4). 0: no demand.
 */
export function momentOrganisations(statistic: Statistic, colluders: number, trusted: boolean): number {
  const margin = trusted && isUnivariate(statistic) ? 0 : momentMargin(statistic);
  return margin === 0 ? 0 : margin + 1 + colluders;
}

/** The same for the sums of squares that rules about the largest contributors are judged by. */
export const squaresOrganisations = (query: Query, output: OutputTerms, colluders: number, trusted: boolean): number =>
  !trusted && namesLargest(output) && hasTotals(query) ? SQUARES_MARGIN + 1 + colluders : 0;

const isUnivariate = ({ kind }: Statistic): boolean => kind === "variance" || kind === "standard-deviation";

/** What each measure demands of a released cell under this policy. */
export function requirementsOf({ terms, request }: Case): readonly Requirement[] {
  const floor = needOf(terms.minimumOrganisations, terms.colluders);
  const trusted = request.receiverMode === "reviewed" && terms.exactMomentsTrusted.includes(request.receiver);
  const squares = squaresOrganisations(request.query, terms.output, terms.colluders, trusted);
  return request.query.measures.map(({ id: measure, statistic }) => {
    const wanted = Math.max(momentOrganisations(statistic, terms.colluders, trusted), squares);
    if (wanted <= floor) return { measure, organisations: floor, reason: "minimum-organisations" };
    const reason = isUnivariate(statistic) || momentMargin(statistic) === 0 ? "moments-variance" : "moments-regression";
    return { measure, organisations: wanted, reason };
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
