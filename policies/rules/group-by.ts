import type { Dimension } from "../model/query.ts";
import { fieldOf } from "../model/statistic.ts";
import type { Case, Finding, Rule } from "../model/verdict.ts";
import { refuse, unless } from "./finding.ts";

const MAX_DIMENSIONS = 3;

/** Group domains are public: a coded field with its table, a number cut at edges of the policy, or a registry attribute. */
export const groupBy: Rule = {
  id: "group-by",
  evaluate(input) {
    const dimensions = input.request.query.groupBy;
    const refusals = dimensions.flatMap((dimension) =>
      "element" in dimension ? elementProblems(input, dimension) : attributeProblems(input, dimension.attribute),
    );
    const names = dimensions.map((dimension) => ("element" in dimension ? dimension.element : dimension.attribute));
    if (new Set(names).size !== names.length) refusals.push(refuse("dimension-repeated", { got: names }));
    if (names.length > MAX_DIMENSIONS) {
      refusals.push(refuse("too-many-dimensions", { limit: MAX_DIMENSIONS, got: names.length }));
    }
    return unless(refusals, "groups-allowed", { got: names });
  },
};

type ElementDimension = Extract<Dimension, { readonly element: string }>;

/** What keeps the element from being a dimension; identity fields are another rule's. */
export function elementProblems({ terms, asset }: Case, { element, edges }: ElementDimension): readonly Finding[] {
  const refusals: Finding[] = [];
  const field = fieldOf(asset, element);
  if (field === undefined) refusals.push(refuse("element-unknown", { element }));
  else if (edges !== undefined) {
    if (field.type !== "decimal" && field.type !== "integer") {
      refusals.push(refuse("element-not-numeric", { element, type: field.type }));
    } else if (field.bounds === undefined) refusals.push(refuse("element-without-bounds", { element }));
  } else if (
    field.type !== "code" ||
    field.codeTable === undefined ||
    !Object.hasOwn(asset.codeTables, field.codeTable)
  ) {
    refusals.push(refuse("domain-not-public", { element, type: field.type, codeTable: field.codeTable ?? null }));
  }
  if (terms.prohibited.elements.includes(element)) refusals.push(refuse("element-prohibited", { element }));
  const allowed = Object.hasOwn(terms.elements, element) ? terms.elements[element] : undefined;
  if (allowed?.groupBy !== true) refusals.push(refuse("group-not-allowed", { element }));
  else if (edges !== undefined && !allowed.edges.some((list) => list.join() === edges.join())) {
    refusals.push(
      refuse("edges-not-allowed", { element, allowed: allowed.edges.map((list) => list.join(" ")), got: edges }),
    );
  }
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
