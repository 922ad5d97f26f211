import type { Finding, GeneralCase, Rule } from "../model/verdict.ts";
import { refuse, unless } from "./finding.ts";

/**
 * Personal information is used for a stated purpose (every policy lists them), on a legal basis that the policy lists,
 * and for no longer than the policy says: silence about either opens nothing (PIPL 6, 13, 19).
 */
export const personal: Rule<GeneralCase> = {
  id: "personal-information",
  evaluate({ terms, touched }) {
    const got = touched.personal;
    if (got.length === 0) return unless([], "personal-untouched");
    const refusals: Finding[] = [];
    if (terms.legalBases === undefined) refusals.push(refuse("personal-needs-basis", { got }));
    if (!terms.isRetentionStated) refusals.push(refuse("personal-needs-retention", { got }));
    return unless(refusals, "personal-allowed", { got });
  },
};
