import type { Finding, Rule } from "../model/verdict.ts";
import { refuse, unless } from "./finding.ts";

/** Who gets released figures besides the requester and the receiver. */
export const recipients: Rule = {
  id: "recipients",
  evaluate({ terms, request }) {
    const others = request.recipients.filter((member) => member !== request.requester && member !== request.receiver);
    const refusals: Finding[] = [];
    if (terms.prohibited.redistribution && others.length > 0) {
      refusals.push(refuse("redistribution-prohibited", { got: others }));
    }
    const everyone = [request.requester, request.receiver, ...others];
    const prohibited = everyone.filter((member) => terms.prohibited.recipients.includes(member));
    if (prohibited.length > 0) {
      refusals.push(refuse("recipient-prohibited", { prohibited: terms.prohibited.recipients, got: prohibited }));
    }
    const unlisted = others.filter((member) => !terms.recipients.includes(member));
    if (unlisted.length > 0) {
      refusals.push(refuse("recipient-not-allowed", { allowed: terms.recipients, got: unlisted }));
    }
    return unless(refusals, "recipients-allowed", { got: others });
  },
};
