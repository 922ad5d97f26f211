import { elementsOf, fieldOf } from "../model/statistic.ts";
import type { Case, Finding, Rule } from "../model/verdict.ts";
import { refuse, unless } from "./finding.ts";

/** A result unit is the field's own or one of the same quantity with a declared exact factor. */
export const units: Rule = {
  id: "units",
  evaluate(input) {
    const refusals = input.request.query.measures.flatMap((measure) => unitProblems(input, measure));
    return unless(refusals, "units-convertible");
  },
};

function unitProblems({ asset, context }: Case, measure: Case["request"]["query"]["measures"][number]): Finding[] {
  const elements = elementsOf(measure.statistic);
  const quantity = (unit: string) => {
    const table = context.quantities ?? {};
    return Object.hasOwn(table, unit) ? table[unit] : undefined;
  };
  return Object.entries(measure.units ?? {}).flatMap(([element, unit]) => {
    const compared = { measure: measure.id, element, wanted: unit, held: fieldOf(asset, element)?.unit ?? null };
    if (!elements.includes(element)) return [refuse("unit-of-unused-element", compared)];
    if (compared.held === null) return [refuse("unit-not-convertible", compared)];
    const same = compared.held === unit || (quantity(unit) !== undefined && quantity(unit) === quantity(compared.held));
    return same ? [] : [refuse("unit-not-convertible", compared)];
  });
}
