import type { Rule } from "../model/verdict.ts";
import { permit, refuse } from "./finding.ts";

/** Uses are counted per asset, so that a new request does not start from zero. */
export const useCount: Rule = {
  id: "use-count",
  evaluate({ terms, context }) {
    const compared = { limit: terms.uses ?? null, soFar: context.usesSoFar };
    if (terms.uses !== undefined && !(context.usesSoFar < terms.uses)) return refuse("uses-exhausted", compared);
    return permit("uses-left", compared);
  },
};
