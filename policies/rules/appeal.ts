import type { Rule } from "../model/verdict.ts";
import { permit, refuse, wait } from "./finding.ts";

/**
 * Whoever asks again in time after a refusal of an own request is answered by a person, whatever the other
 * rules say until then, under the policy that is in force now. That somebody else's request exists is not told.
 */
export const appeal: Rule = {
  id: "appeal",
  evaluate({ request, context }) {
    if (request.appeal === undefined) return permit("no-appeal");
    const { appealed } = context;
    const compared = { appeal: request.appeal.request };
    if (appealed?.requester !== request.requester) return refuse("appeal-unknown", compared);
    if (appealed.until === undefined) return refuse("appeal-not-refused", compared);
    const { filedAt, until } = appealed;
    if (Date.parse(filedAt) > Date.parse(until)) return refuse("appeal-late", { ...compared, filedAt, until });
    return context.approval === undefined ? wait("appeal-pending", compared) : permit("appeal-heard", compared);
  },
};
