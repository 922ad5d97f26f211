import type { GeneralCase, Rule } from "../model/verdict.ts";
import { permit, refuse } from "./finding.ts";

/** The requester commits to delete within the policy's days (PIPL 19: shortest retention). */
export const retention: Rule<GeneralCase> = {
  id: "retention",
  evaluate({ terms, request }) {
    const compared = { limit: terms.retentionDays, got: request.retentionDays };
    return request.retentionDays <= terms.retentionDays
      ? permit("retention-allowed", compared)
      : refuse("retention-too-long", compared);
  },
};
