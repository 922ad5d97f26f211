import type { GeneralCase, Rule } from "../model/verdict.ts";
import { permit, refuse } from "./finding.ts";

/** The purpose code is on the allow-list and not prohibited (PIPL 5–6: a specific purpose). */
export const purpose: Rule<GeneralCase> = {
  id: "purpose",
  evaluate({ terms, request }) {
    const { code } = request.purpose;
    if (terms.prohibited.purposes.includes(code)) {
      return refuse("purpose-prohibited", { prohibited: terms.prohibited.purposes, got: code });
    }
    if (!terms.purposes.includes(code)) return refuse("purpose-not-allowed", { allowed: terms.purposes, got: code });
    return permit("purpose-allowed", { got: code });
  },
};
