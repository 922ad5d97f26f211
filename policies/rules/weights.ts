import type { Statistic, WeightedTerm } from "../model/query.ts";
import { elementsOf, fieldOf, limitingElements } from "../model/statistic.ts";
import type { Case, Finding } from "../model/verdict.ts";
import { refuse } from "./finding.ts";

type Weighted = Extract<Statistic, { readonly kind: "weighted-sum" | "weighted-ratio" }>;

export const isWeighted = (statistic: Statistic): statistic is Weighted =>
  statistic.kind === "weighted-sum" || statistic.kind === "weighted-ratio";

/**
 * What keeps a weighted sum from being formed: the policy lists its terms, with these weights, and its own fields can be
 * summed so. The elements in it are opened for nothing else by that. Identity fields are another rule's.
 */
export function weightProblems({ terms, asset }: Case, measure: string, statistic: Weighted): readonly Finding[] {
  const refusals: Finding[] = [];
  const allowed = new Set(terms.weights.map(sameText));
  const lists = statistic.kind === "weighted-sum" ? [statistic.terms] : [statistic.top, statistic.bottom];
  for (const list of lists) {
    if (!allowed.has(sameText(list))) {
      refusals.push(refuse("weights-not-allowed", { measure, allowed: terms.weights.map(said), got: said(list) }));
    }
  }
  for (const element of elementsOf(statistic)) {
    const field = fieldOf(asset, element);
    if (field === undefined) refusals.push(refuse("element-unknown", { measure, element }));
    else if (field.type !== "decimal" && field.type !== "integer") {
      refusals.push(refuse("element-not-numeric", { measure, element, type: field.type }));
    } else if (field.bounds === undefined) refusals.push(refuse("element-without-bounds", { measure, element }));
  }
  for (const element of limitingElements(statistic)) {
    const field = fieldOf(asset, element);
    if (field === undefined) refusals.push(refuse("element-unknown", { measure, element }));
    else if (
      field.type !== "code" ||
      field.codeTable === undefined ||
      !Object.hasOwn(asset.codeTables, field.codeTable)
    ) {
      refusals.push(refuse("domain-not-public", { element, type: field.type, codeTable: field.codeTable ?? null }));
    }
  }
  for (const element of [...elementsOf(statistic), ...limitingElements(statistic)]) {
    if (terms.prohibited.elements.includes(element)) refusals.push(refuse("element-prohibited", { measure, element }));
  }
  return refusals;
}

const said = (list: readonly WeightedTerm[]): string =>
  list
    .map(({ element, weight, where }) => {
      return `${weight} × ${element}${where === undefined ? "" : ` (${where.element} = ${where.value})`}`;
    })
    .join(" + ");

/** In whatever order the terms stand. */
const sameText = (list: readonly WeightedTerm[]): string =>
  JSON.stringify(
    list.map(({ element, weight, where }) => [element, weight, where?.element, where?.value].join("\n")).sort(),
  );
