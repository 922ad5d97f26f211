import { cutByPeriod, elementsOf, limitingElements } from "../model/statistic.ts";
import type { Finding, Rule } from "../model/verdict.ts";
import { refuse, unless } from "./finding.ts";

/**
 * What identifies a unit or a person is never compared with a literal, never a group and never summed. How many distinct
 * ones there are may be counted where the policy says so: then only hashes are looked at, and none leaves alone.
 */
export const identity: Rule = {
  id: "identity",
  evaluate({ request, asset }) {
    const names = new Set(asset.fields.filter((field) => field.identity === true).map((field) => field.element));
    const refusals: Finding[] = [];
    for (const { element } of request.query.filters) {
      if (names.has(element)) refusals.push(refuse("identity-compared", { element }));
    }
    const cut = asset.fields.find(({ name }) => name === cutByPeriod(request.query, asset));
    if (cut?.identity === true) refusals.push(refuse("identity-compared", { element: cut.element }));
    for (const dimension of request.query.groupBy) {
      if ("element" in dimension && names.has(dimension.element)) {
        refusals.push(refuse("identity-grouped", { element: dimension.element }));
      }
    }
    for (const { id: measure, statistic } of request.query.measures) {
      for (const element of statistic.kind === "distinct" ? [] : elementsOf(statistic)) {
        if (names.has(element)) refusals.push(refuse("identity-aggregated", { measure, element }));
      }
      for (const element of limitingElements(statistic)) {
        if (names.has(element)) refusals.push(refuse("identity-compared", { element }));
      }
    }
    return unless(refusals, "identity-untouched");
  },
};
