import type { Finding, Rule } from "../model/verdict.ts";
import { refuse, unless } from "./finding.ts";

/**
 * `direct`: the requester receives, with one partition dimension at most. `reviewed`: a release authority that the
 * policy names, of another group than the requester (secure-aggregation.md sections 1 and 4).
 */
export const receiverMode: Rule = {
  id: "receiver-mode",
  evaluate({ terms, request, context }) {
    const refusals: Finding[] = [];
    const got = request.receiverMode;
    if (!terms.receiverModes.includes(got)) {
      refusals.push(refuse("receiver-mode-not-allowed", { allowed: terms.receiverModes, got }));
    }
    if (got === "direct") {
      if (request.receiver !== request.requester) {
        const compared = { receiver: request.receiver, requester: request.requester };
        refusals.push(refuse("receiver-is-not-requester", compared));
      }
      if (request.query.groupBy.length > 1) {
        refusals.push(refuse("dimensions-need-review", { limit: 1, got: request.query.groupBy.length }));
      }
      for (const { id: measure, statistic } of request.query.measures) {
        if (statistic.kind === "distinct") refusals.push(refuse("distinct-needs-review", { measure }));
      }
    } else {
      if (!terms.releaseAuthorities.includes(request.receiver)) {
        refusals.push(refuse("receiver-not-authority", { allowed: terms.releaseAuthorities, got: request.receiver }));
      }
      const group = context.requester?.holdingGroup;
      if (request.receiver === request.requester || group === context.receiver?.holdingGroup) {
        const compared = { receiver: request.receiver, requester: request.requester, group: group ?? null };
        refusals.push(refuse("receiver-is-requester", compared));
      }
    }
    return unless(refusals, "receiver-mode-allowed", { got, receiver: request.receiver });
  },
};
