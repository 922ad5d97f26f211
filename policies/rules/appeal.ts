import type { Rule } from "../model/verdict.ts";
import { permit, wait } from "./finding.ts";

/** Whoever asks again after a refusal is answered by a person, under the policy that is in force now. */
export const appeal: Rule = {
  id: "appeal",
  evaluate({ request, context }) {
    if (request.appeal === undefined) return permit("no-appeal");
    const compared = { appeal: request.appeal.request };
    return context.approval === undefined ? wait("appeal-pending", compared) : permit("appeal-heard", compared);
  },
};
