import type { AggregateFunction } from "../model/operands.ts";
import { elementsOf, fieldOf, isClassed } from "../model/statistic.ts";
import type { Case, Finding, Rule } from "../model/verdict.ts";
import { refuse, unless } from "./finding.ts";
import { isWeighted, weightProblems } from "./weights.ts";

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

function measureProblems(input: Case, { id: measure, statistic }: Measure): readonly Finding[] {
  const { terms, request } = input;
  if (statistic.kind === "count") {
    return terms.countUnits ? [] : [refuse("count-not-allowed", { measure, allowed: false })];
  }
  if (isWeighted(statistic)) return weightProblems(input, measure, statistic);
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
  for (const element of new Set(elements)) refusals.push(...aggregateProblems(input, measure, statistic.kind, element));
  return refusals;
}

/** What keeps the function from being computed over the element; identity fields are another rule's. */
export function aggregateProblems(
  { terms, asset }: Case,
  measure: string,
  wanted: AggregateFunction,
  element: string,
): readonly Finding[] {
  const refusals: Finding[] = [];
  const field = fieldOf(asset, element);
  const allowed = functionsOf(terms, element);
  if (field === undefined) refusals.push(refuse("element-unknown", { measure, element }));
  else if (wanted === "distinct") {
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
  const through =
    wanted === "ratio" && allowed.includes(wanted) && !isTotalled(allowed) ? totalledBeside(terms, element) : [];
  if (through.length > 0) refusals.push(refuse("column-derivable", { measure, element, through }));
  return refusals;
}

const functionsOf = (terms: Case["terms"], element: string): readonly AggregateFunction[] =>
  Object.hasOwn(terms.elements, element) ? (terms.elements[element]?.aggregate ?? []) : [];

/** A mean comes with the number of rows, so it tells the sum. */
const isTotalled = (functions: readonly AggregateFunction[]): boolean =>
  functions.includes("sum") || functions.includes("mean");

/** A ratio to one of these, times its total, is the total of the element: two releases tell what the policy closes. */
const totalledBeside = (terms: Case["terms"], element: string): readonly string[] =>
  Object.keys(terms.elements).filter((other) => {
    const functions = functionsOf(terms, other);
    return other !== element && functions.includes("ratio") && isTotalled(functions);
  });
