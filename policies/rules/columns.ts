/**
 * The column lattice: the request as a plan of operators over columns, and each column that no operator was allowed to
 * lift stops what is computed with it or over the rows that it chose.
 */
import type { AggregateFigure, Comparison, Lifts, Plan } from "../lattice/plan.ts";
import { blockedColumns } from "../lattice/propagate.ts";
import type { Predicate } from "../model/query.ts";
import { cutByPeriod, elementsOf, limitingElements, readFields } from "../model/statistic.ts";
import type { Case, Rule } from "../model/verdict.ts";
import { comparisonProblems } from "./filters.ts";
import { refuse, unless } from "./finding.ts";
import { aggregateProblems } from "./functions.ts";
import { elementProblems } from "./group-by.ts";
import { periodProblems } from "./period.ts";
import { isWeighted, weightProblems } from "./weights.ts";

export const columns: Rule = {
  id: "columns",
  evaluate(input) {
    const refusals = blockedColumns(planOf(input), liftsOf(input)).map(({ column, operator, outputs }) =>
      refuse("column-not-released", { element: column, operator, figures: outputs.map(withoutKind) }),
    );
    return unless(refusals, "columns-released");
  },
};

/** Dimensions and measures are named alike for whoever reads. */
const withoutKind = (output: string): string => output.replace(/^group /, "");

const PERIOD = "period";

function planOf({ request: { query }, asset }: Case): Plan {
  const elementAt = (column: string | undefined) => asset.fields.find(({ name }) => name === column)?.element ?? "";
  const table: Plan = { kind: "table", columns: readFields(query, asset).map(({ element }) => element) };
  const cut = cutByPeriod(query, asset);
  const { from, to } = query.period ?? { from: "", to: "" };
  const compared: readonly Comparison[] = [
    ...(cut === undefined ? [] : [{ column: elementAt(cut), operator: PERIOD, values: [from, to] }]),
    ...query.filters.map(({ element, operator, values }) => ({ column: element, operator, values })),
  ];
  const filtered: Plan = { kind: "filter", input: table, comparisons: compared };
  const by = query.groupBy.flatMap((dimension) =>
    "element" in dimension ? [{ column: dimension.element, edges: dimension.edges }] : [],
  );
  const figures = query.measures.map(({ id, statistic }): AggregateFigure => {
    const units = asset.unit.kind === "field" ? [elementAt(asset.unit.field)] : [];
    return {
      name: id,
      kind: statistic.kind,
      columns: statistic.kind === "count" ? units : [...elementsOf(statistic), ...limitingElements(statistic)],
    };
  });
  return { kind: "aggregate", input: { kind: "group", input: filtered, by }, figures };
}

/** Each operator lifts what its own rule would let pass; what identifies is only counted. */
function liftsOf(input: Case): Lifts {
  const { terms, asset } = input;
  const identifies = (column: string) => asset.fields.some((one) => one.element === column && one.identity === true);
  const isProhibited = (column: string) => terms.prohibited.elements.includes(column);
  return {
    join: (column) =>
      Object.hasOwn(terms.elements, column) && terms.elements[column]?.join === true && !isProhibited(column),
    filter({ column, operator, values }) {
      if (identifies(column)) return false;
      if (operator === PERIOD) return periodProblems(input).length === 0 && !isProhibited(column);
      const predicate = { element: column, operator: operator as Predicate["operator"], values: [...values] };
      return comparisonProblems(input, predicate).length === 0;
    },
    group({ column, edges }) {
      const dimension = edges === undefined ? { element: column } : { element: column, edges: [...edges] };
      return !identifies(column) && elementProblems(input, dimension).length === 0;
    },
    aggregate(column, { name, kind }) {
      if (kind === "count") return terms.countUnits && !isProhibited(column);
      if (identifies(column) && kind !== "distinct") return false;
      if (kind === "weighted-sum" || kind === "weighted-ratio") {
        const { statistic } = input.request.query.measures.find(({ id }) => id === name)!;
        return isWeighted(statistic) && weightProblems(input, name, statistic).length === 0;
      }
      return aggregateProblems(input, name, kind, column).length === 0;
    },
  };
}
