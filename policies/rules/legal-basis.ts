import type { GeneralCase, Rule } from "../model/verdict.ts";
import { permit, refuse } from "./finding.ts";

/** The request states a legal basis (its schema demands one); the policy may narrow which. */
export const legalBasis: Rule<GeneralCase> = {
  id: "legal-basis",
  evaluate({ terms, request }) {
    const { code } = request.legalBasis;
    if (terms.legalBases !== undefined && !terms.legalBases.includes(code)) {
      return refuse("legal-basis-not-allowed", { allowed: terms.legalBases, got: code });
    }
    return permit("legal-basis-allowed", { got: code });
  },
};
