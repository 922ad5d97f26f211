import type { Field } from "../model/asset.ts";
import { fieldOf } from "../model/statistic.ts";
import type { FilterTerms } from "../model/terms.ts";
import type { Case, Finding, Rule } from "../model/verdict.ts";
import { refuse, unless } from "./finding.ts";

type Predicate = Case["request"]["query"]["filters"][number];

/**
 * Only predicates the policy allows: operators, allow-listed literals or the classes of a fixed partition. On numbers
 * and dates a free literal is an isolating parameter, so there one of the two lists is mandatory.
 */
export const filters: Rule = {
  id: "filters",
  evaluate(input) {
    const used = input.request.query.filters;
    const refusals = used.flatMap((predicate) => comparisonProblems(input, predicate));
    const keys = used.map(({ element, operator }) => `${element} ${operator}`);
    const repeated = keys.filter((key, index) => keys.indexOf(key) !== index);
    if (repeated.length > 0) refusals.push(refuse("filter-repeated", { got: [...new Set(repeated)] }));
    return unless(refusals, "filters-allowed", { got: keys });
  },
};

/** What keeps this one comparison from being made; identity fields are another rule's. */
export function comparisonProblems(input: Case, predicate: Predicate): readonly Finding[] {
  const { terms, asset } = input;
  const { element } = predicate;
  const field = fieldOf(asset, element);
  const allowed = Object.hasOwn(terms.elements, element) ? terms.elements[element]?.filter : undefined;
  if (field === undefined) return [refuse("element-unknown", { element })];
  if (terms.prohibited.elements.includes(element)) return [refuse("element-prohibited", { element })];
  if (allowed === undefined) return [refuse("filter-not-allowed", { element })];
  return predicateProblems(input, predicate, field, allowed);
}

function predicateProblems(input: Case, predicate: Predicate, field: Field, allowed: FilterTerms): Finding[] {
  const { element, operator, values } = predicate;
  const refusals: Finding[] = [];
  if (!allowed.predicates.includes(operator)) {
    refusals.push(refuse("predicate-not-allowed", { element, allowed: allowed.predicates, got: operator }));
  }
  if (operator !== "isAnyOf" && values.length !== 1) {
    refusals.push(refuse("predicate-value-count", { element, operator, wanted: 1, got: values.length }));
  }
  const ordered = operator === "gteq" || operator === "lteq";
  if (field.type === "text" || (ordered && field.type === "code")) {
    refusals.push(refuse("predicate-not-for-type", { element, operator, type: field.type }));
  }
  if (field.type === "code") {
    const { codeTables } = input.asset;
    const known = field.codeTable !== undefined && Object.hasOwn(codeTables, field.codeTable);
    const codes = new Set(known ? codeTables[field.codeTable ?? ""]?.map((entry) => entry.code) : []);
    const strangers = values.filter((value) => !codes.has(value));
    if (strangers.length > 0) refusals.push(refuse("value-not-in-code-table", { element, got: strangers }));
  }
  if (allowed.values !== undefined) {
    const strangers = values.filter((value) => !allowed.values?.includes(value));
    if (strangers.length > 0) {
      refusals.push(refuse("value-not-allowed", { element, allowed: allowed.values, got: strangers }));
    }
  } else if (allowed.partition !== undefined) {
    refusals.push(...partitionProblems(input.request.query.filters, element, allowed.partition));
  } else if (field.type !== "code") {
    refusals.push(refuse("filter-needs-allow-list", { element, type: field.type }));
  }
  return refusals;
}

function partitionProblems(
  used: readonly Predicate[],
  element: string,
  classes: NonNullable<FilterTerms["partition"]>,
): Finding[] {
  const of = (operator: string) => used.find((one) => one.element === element && one.operator === operator)?.values[0];
  const [minimum, maximum] = [of("gteq"), of("lteq")];
  if (classes.some((one) => one.minimum === minimum && one.maximum === maximum)) return [];
  const allowed = classes.map((one) => `${one.minimum}..${one.maximum}`);
  return [refuse("class-not-in-partition", { element, allowed, got: `${minimum ?? ""}..${maximum ?? ""}` })];
}
