import { fieldOf } from "../model/statistic.ts";
import type { Case, Finding, Rule } from "../model/verdict.ts";
import { refuse, unless } from "./finding.ts";

const MAX_DIMENSIONS = 3;

/** Group domains are public: a coded field with its table, or a registry attribute of the network. */
export const groupBy: Rule = {
  id: "group-by",
  evaluate(input) {
    const dimensions = input.request.query.groupBy;
    const refusals = dimensions.flatMap((dimension) =>
      "element" in dimension
        ? elementProblems(input, dimension.element)
        : attributeProblems(input, dimension.attribute),
    );
    const names = dimensions.map((dimension) => ("element" in dimension ? dimension.element : dimension.attribute));
    if (new Set(names).size !== names.length) refusals.push(refuse("dimension-repeated", { got: names }));
    if (names.length > MAX_DIMENSIONS) {
      refusals.push(refuse("too-many-dimensions", { limit: MAX_DIMENSIONS, got: names.length }));
    }
    return unless(refusals, "groups-allowed", { got: names });
  },
};

function elementProblems({ terms, asset }: Case, element: string): Finding[] {
  const refusals: Finding[] = [];
  const field = fieldOf(asset, element);
  if (field === undefined) refusals.push(refuse("element-unknown", { element }));
  else if (
    field.type !== "code" ||
    field.codeTable === undefined ||
    !Object.hasOwn(asset.codeTables, field.codeTable)
  ) {
    refusals.push(refuse("domain-not-public", { element, type: field.type, codeTable: field.codeTable ?? null }));
  }
  if (terms.prohibited.elements.includes(element)) refusals.push(refuse("element-prohibited", { element }));
  const allowed = Object.hasOwn(terms.elements, element) && terms.elements[element]?.groupBy === true;
  if (!allowed) refusals.push(refuse("group-not-allowed", { element }));
  return refusals;
}

function attributeProblems({ terms, context }: Case, attribute: string): Finding[] {
  const refusals: Finding[] = [];
  if (!Object.hasOwn(context.attributes, attribute)) {
    refusals.push(refuse("attribute-unknown", { known: Object.keys(context.attributes), got: attribute }));
  }
  if (!terms.attributes.includes(attribute)) {
    refusals.push(refuse("attribute-not-allowed", { allowed: terms.attributes, got: attribute }));
  }
  return refusals;
}
