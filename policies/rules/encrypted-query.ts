import type { Finding, Rule } from "../model/verdict.ts";
import { refuse, unless } from "./finding.ts";

/** What one word of a cell is: sums of these are sums of cells. */
const LINEAR: readonly string[] = ["count", "sum", "histogram", "weighted-sum"];

/** Instead of the rules about computations: one asset, figures that add up, and no more of them than the policy lets be asked for. */
export const encryptedQuery: Rule = {
  id: "encrypted-query",
  evaluate({ terms, request }) {
    const refusals: Finding[] = [];
    const got = request.encryptedQuery?.figures ?? 0;
    if (terms.answers === undefined || got > terms.answers) {
      refusals.push(refuse("answers-not-allowed", { limit: terms.answers ?? 0, got }));
    }
    if (request.assets.length !== 1) refusals.push(refuse("query-of-one-asset", { got: request.assets.length }));
    // Rules about the largest contributors and reviews want another receiver: they do not hold for answers.
    if (request.receiverMode !== "direct") refusals.push(refuse("query-not-direct", { got: request.receiverMode }));
    for (const { id: measure, statistic } of request.query.measures) {
      if (LINEAR.includes(statistic.kind)) continue;
      refusals.push(refuse("statistic-not-linear", { measure, allowed: LINEAR, got: statistic.kind }));
    }
    return unless(refusals, "answers-allowed", { limit: terms.answers ?? 0, got });
  },
};
