/**
 * What is done to columns, as a tree of relational operators. Only what it reads and compares is told: the lattice looks at
 * columns, never at rows.
 */
import type { Statistic } from "../model/query.ts";

/** A comparison of a column with literals. */
export interface Comparison {
  readonly column: string;
  readonly operator: string;
  readonly values: readonly string[];
}
export interface Grouping {
  readonly column: string;
  /** Classes of a number; undefined: the codes themselves. */
  readonly edges: readonly string[] | undefined;
}
export interface AggregateFigure {
  /** What the figure is called above this operator. */
  readonly name: string;
  readonly kind: Statistic["kind"];
  readonly columns: readonly string[];
}

export type Plan =
  | { readonly kind: "table"; readonly columns: readonly string[] }
  | { readonly kind: "join"; readonly left: Plan; readonly right: Plan; readonly keys: readonly string[] }
  | { readonly kind: "filter"; readonly input: Plan; readonly comparisons: readonly Comparison[] }
  | { readonly kind: "group"; readonly input: Plan; readonly by: readonly Grouping[] }
  | { readonly kind: "aggregate"; readonly input: Plan; readonly figures: readonly AggregateFigure[] };

/** Whether a policy lets an operator lift a column from "of one record" to "released". */
export interface Lifts {
  join(column: string): boolean;
  filter(comparison: Comparison): boolean;
  group(grouping: Grouping): boolean;
  aggregate(column: string, figure: AggregateFigure): boolean;
}
