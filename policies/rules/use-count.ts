import type { Rule } from "../model/verdict.ts";
import { permit, refuse } from "./finding.ts";

/** Uses are counted per asset, so that a new request does not start from zero. */
export const useCount: Rule = {
  id: "use-count",
  evaluate({ terms, context }) {
    // Uses are only counted where a limit asks for it.
    if (terms.uses === undefined) return permit("uses-left", { limit: null });
    const compared = { limit: terms.uses, soFar: context.usesSoFar };
    return context.usesSoFar < terms.uses ? permit("uses-left", compared) : refuse("uses-exhausted", compared);
  },
};
