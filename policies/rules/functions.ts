import type { AggregateFunction } from "../model/operands.ts";
import { elementsOf, fieldOf, isClassed } from "../model/statistic.ts";
import type { Case, Finding, Rule } from "../model/verdict.ts";
import { refuse, unless } from "./finding.ts";

/**
 * Every measure uses only functions that the policy opens for its elements: on numeric fields with declared bounds, or,
 * to count distinct values, on codes and texts.
 */
export const functions: Rule = {
  id: "functions",
  evaluate(input) {
    const { measures } = input.request.query;
    const refusals = measures.flatMap((measure) => measureProblems(input, measure));
    const ids = measures.map((measure) => measure.id);
    const repeated = ids.filter((id, index) => ids.indexOf(id) !== index);
    if (repeated.length > 0) refusals.push(refuse("measure-repeated", { got: [...new Set(repeated)] }));
    return unless(refusals, "functions-allowed", { measures: ids });
  },
};

type Measure = Case["request"]["query"]["measures"][number];

function measureProblems({ terms, asset, request }: Case, { id: measure, statistic }: Measure): Finding[] {
  if (statistic.kind === "count") {
    return terms.countUnits ? [] : [refuse("count-not-allowed", { measure, allowed: false })];
  }
  const wanted: AggregateFunction = statistic.kind;
  const elements = elementsOf(statistic);
  const refusals: Finding[] = [];
  if (new Set(elements).size !== elements.length) {
    refusals.push(refuse("element-repeated", { measure, got: elements }));
  }
  if (
    (statistic.kind === "histogram" || statistic.kind === "quantile") &&
    !isClassed(request.query, statistic.element)
  ) {
    refusals.push(refuse("classes-missing", { measure, element: statistic.element }));
  }
  for (const element of new Set(elements)) {
    const field = fieldOf(asset, element);
    const allowed = Object.hasOwn(terms.elements, element) ? (terms.elements[element]?.aggregate ?? []) : [];
    if (field === undefined) refusals.push(refuse("element-unknown", { measure, element }));
    else if (statistic.kind === "distinct") {
      if (field.type !== "code" && field.type !== "text") {
        refusals.push(refuse("element-not-text", { measure, element, type: field.type }));
      }
    } else if (field.type !== "decimal" && field.type !== "integer") {
      refusals.push(refuse("element-not-numeric", { measure, element, type: field.type }));
    } else if (field.bounds === undefined) refusals.push(refuse("element-without-bounds", { measure, element }));
    if (terms.prohibited.elements.includes(element)) refusals.push(refuse("element-prohibited", { measure, element }));
    if (!allowed.includes(wanted)) {
      refusals.push(refuse("function-not-allowed", { measure, element, allowed, got: wanted }));
    }
  }
  return refusals;
}
