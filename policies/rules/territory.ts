import type { GeneralCase, Rule } from "../model/verdict.ts";
import { permit, refuse } from "./finding.ts";

/** ISO 3166 codes: CN holds CN-33. */
const within = (inner: string, outer: string): boolean => inner === outer || inner.startsWith(`${outer}-`);

/** Where released figures may be kept. A request for more than is allowed, or that touches a prohibited place, fails. */
export const territory: Rule<GeneralCase> = {
  id: "territory",
  evaluate({ terms, request }) {
    const got = request.territory;
    if (terms.prohibited.territories.some((place) => within(got, place) || within(place, got))) {
      return refuse("territory-prohibited", { prohibited: terms.prohibited.territories, got });
    }
    if (!terms.territories.some((place) => within(got, place))) {
      return refuse("territory-not-allowed", { allowed: terms.territories, got });
    }
    return permit("territory-allowed", { got });
  },
};
