import { cellModeOf } from "../model/statistic.ts";
import type { Finding, Rule } from "../model/verdict.ts";
import { permit, refuse } from "../rules/finding.ts";
import { costFor, epsilonOf } from "./accountant.ts";
import { clipFor, isNoised } from "./noised.ts";

/** Whether a release with noise is possible, and what is left of the asset's budget for it. On metadata alone. */
export const privacy: Rule = {
  id: "privacy",
  evaluate({ terms, request, asset, context }) {
    const wanted = terms.privacy;
    // Encrypted queries and joins are answered with exact sums.
    const isExact = request.encryptedQuery !== undefined || request.join !== undefined;
    if (wanted === undefined) {
      // The contract opens no exact sums over it any more, whatever its policy says.
      if (context.privacyLeft !== undefined && !isExact) return refuse("privacy-account", { epsilon: null });
      return permit("privacy-not-asked", { epsilon: null });
    }
    const { measures } = request.query;
    const refusals: Finding[] = [];
    const strange = measures.filter(({ statistic }) => isExact || !isNoised(statistic)).map(({ id }) => id);
    if (strange.length > 0) refusals.push(refuse("privacy-statistic-not-noised", { measures: strange }));
    const bounded = new Set(wanted.clips.map(({ element }) => element));
    const unbounded = [...new Set(measures.flatMap(({ statistic }) => clipFor(statistic)))].filter(
      (element) => !bounded.has(element),
    );
    if (unbounded.length > 0) refusals.push(refuse("privacy-clip-missing", { elements: unbounded }));
    if (cellModeOf(request.query, [asset]) === "counted") {
      refusals.push(refuse("privacy-needs-registry", { mode: "counted" }));
    }
    const delta = Number(wanted.delta);
    const left = context.privacyLeft ?? 0;
    const compared = { epsilon: wanted.epsilon, delta: wanted.delta, left: shortEpsilon(left, delta) };
    const isLeft = left > 0 && left >= costFor(Number(wanted.epsilon), delta);
    if (!isLeft) refusals.push(refuse("privacy-budget-spent", compared));
    return refusals.length > 0 ? refusals : permit("privacy-budget-left", compared);
  },
};

/** Rounded up, for people. */
const shortEpsilon = (cost: number, delta: number): string =>
  (Math.ceil(epsilonOf(cost, delta) * 1e4) / 1e4).toString();
