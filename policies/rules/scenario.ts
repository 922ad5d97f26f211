import type { GeneralCase, Rule } from "../model/verdict.ts";
import { permit, refuse } from "./finding.ts";

/** No scenario, no grant; the policy may narrow which. */
export const scenario: Rule<GeneralCase> = {
  id: "scenario",
  evaluate({ terms, request }) {
    if (terms.scenarios !== undefined && !terms.scenarios.includes(request.scenario)) {
      return refuse("scenario-not-allowed", { allowed: terms.scenarios, got: request.scenario });
    }
    return permit("scenario-allowed", { got: request.scenario });
  },
};
