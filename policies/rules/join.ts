import { cutByPeriod, fieldOf } from "../model/statistic.ts";
import type { Case, Finding, Rule } from "../model/verdict.ts";
import { refuse, unless } from "./finding.ts";

/** One word of a row each: their sums over groups are what a join can open. */
const JOINABLE: readonly string[] = ["count", "sum"];

/** Instead of the rules about computations: one asset, a key that tables may be matched by, a list within the sizes that the policy names. */
export const join: Rule = {
  id: "join",
  evaluate(input) {
    const { terms, request } = input;
    const { joins } = terms;
    const { operation, items } = request.join!;
    const refusals: Finding[] = [];
    if (!joins.operations.includes(operation)) {
      refusals.push(refuse("join-not-allowed", { allowed: joins.operations, got: operation }));
    }
    if (request.assets.length !== 1) refusals.push(refuse("join-of-one-asset", { got: request.assets.length }));
    if (items < joins.leastItems || items > joins.mostItems) {
      refusals.push(refuse("join-size-not-allowed", { least: joins.leastItems, most: joins.mostItems, got: items }));
    }
    // Rules about the largest contributors and reviews want another receiver: they do not hold for joins.
    if (request.receiverMode !== "direct") refusals.push(refuse("join-not-direct", { got: request.receiverMode }));
    refusals.push(...keyProblems(input), ...figureProblems(input));
    return unless(refusals, "join-allowed", { operation, got: items, minimumGroup: joins.minimumGroup });
  },
};

function keyProblems({ terms, request, asset }: Case): readonly Finding[] {
  const { element } = request.join!;
  const field = fieldOf(asset, element);
  if (field === undefined) return [refuse("element-unknown", { element })];
  if (terms.prohibited.elements.includes(element)) return [refuse("element-prohibited", { element })];
  if (field.type !== "code" && field.type !== "text") {
    return [refuse("element-not-text", { element, type: field.type })];
  }
  const isOpen = Object.hasOwn(terms.elements, element) && terms.elements[element]?.join === true;
  return isOpen ? [] : [refuse("join-element-not-allowed", { element })];
}

function figureProblems({ request, asset }: Case): readonly Finding[] {
  const { query, join, encryptedQuery } = request;
  const { operation, labels } = join!;
  const refusals: Finding[] = [];
  const kinds = query.measures.map(({ statistic }) => statistic.kind);
  const isSum = operation === "statistics";
  const isJoinable = isSum ? kinds.every((kind) => JOINABLE.includes(kind)) : kinds.join() === "count";
  const isGrouped = query.groupBy.length > 0 || labels !== undefined;
  const isCut = query.groupBy.some((dimension) => !("element" in dimension) || dimension.edges !== undefined);
  // Of rows that were chosen by what is in them, an intersection tells that of each item it names.
  const isChosen = query.filters.length > 0 || cutByPeriod(query, asset) !== undefined;
  const isOther = (isGrouped && !isSum) || (isChosen && operation === "intersection");
  if (!isJoinable || isOther || isCut || encryptedQuery !== undefined) {
    refusals.push(
      refuse("join-figures-not-joinable", { operation, allowed: isSum ? JOINABLE : ["count"], got: kinds }),
    );
  }
  return refusals;
}
