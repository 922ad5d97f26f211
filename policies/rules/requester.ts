import type { Finding, GeneralCase, Rule } from "../model/verdict.ts";
import { refuse, unless } from "./finding.ts";

/** Who asks: the kind of node, and the named members and labels of the registry where the policy names them. */
export const requester: Rule<GeneralCase> = {
  id: "requester",
  evaluate({ terms, request, context }) {
    const refusals: Finding[] = [];
    const kind = context.requester?.kind;
    if (kind === undefined || !terms.requesterKinds.includes(kind)) {
      refusals.push(refuse("requester-kind-not-allowed", { allowed: terms.requesterKinds, got: kind ?? null }));
    }
    if (terms.requesters !== undefined && !terms.requesters.includes(request.requester)) {
      refusals.push(refuse("requester-not-named", { allowed: terms.requesters, got: request.requester }));
    }
    const clearance = context.requester?.attributes?.clearance;
    if (terms.clearances !== undefined && (clearance === undefined || !terms.clearances.includes(clearance))) {
      refusals.push(refuse("clearance-missing", { allowed: terms.clearances, got: clearance ?? null }));
    }
    if (terms.prohibited.requesters.includes(request.requester)) {
      const compared = { prohibited: terms.prohibited.requesters, got: request.requester };
      refusals.push(refuse("requester-prohibited", compared));
    }
    return unless(refusals, "requester-allowed", { got: request.requester, kind: kind ?? null });
  },
};
