/**
 * The column lattice: a column is *closed* (a value of one record) until an operator that its policy allows *releases*
 * it. What rows were chosen by (joins, comparisons, groups) is part of everything that is computed over them, so a
 * column that was not lifted there stops each figure above, not only its own. After the column rules of SCQL
 * (secretflow/scql, docs/topics/ccl), with one difference: an operator that may not lift a column is remembered with it.
 */
import type { Lifts, Plan } from "./plan.ts";

export type StoppedBy = Plan["kind"] extends infer K ? Exclude<K, "table"> | "output" : never;

/** A column of the source that keeps an output closed, and the operator that should have lifted it. */
export interface Blocked {
  readonly column: string;
  readonly operator: StoppedBy;
  /** What cannot be released for it, ascending. */
  readonly outputs: readonly string[];
}

interface Stop {
  readonly column: string;
  readonly operator: StoppedBy;
}
type Stops = ReadonlyMap<string, Stop>;

interface Label {
  /** Still a value of one record: of these columns of the source. */
  readonly raw: readonly string[];
  readonly stops: Stops;
}
interface Relation {
  readonly columns: ReadonlyMap<string, Label>;
  /** Of the choice of rows. */
  readonly rows: Stops;
}

const NONE: Stops = new Map();
const union = (...all: readonly Stops[]): Stops => new Map(all.flatMap((stops) => [...stops]));
const stopsAt = (operator: StoppedBy, columns: readonly string[]): Stops =>
  new Map(columns.map((column) => [`${operator} ${column}`, { column, operator }]));

/** Every column that stops an output of the plan; empty: all of it may be released. */
export function blockedColumns(plan: Plan, lifts: Lifts): readonly Blocked[] {
  const { columns, rows } = propagate(plan, lifts);
  const found = new Map<string, { stop: Stop; outputs: string[] }>();
  for (const [output, { raw, stops }] of columns) {
    for (const [key, stop] of union(stops, rows, stopsAt("output", raw))) {
      const one = found.get(key) ?? { stop, outputs: [] };
      one.outputs.push(output);
      found.set(key, one);
    }
  }
  return [...found.values()].map(({ stop, outputs }) => ({ ...stop, outputs: outputs.toSorted() }));
}

function propagate(plan: Plan, lifts: Lifts): Relation {
  switch (plan.kind) {
    case "table":
      return { columns: new Map(plan.columns.map((name) => [name, { raw: [name], stops: NONE }])), rows: NONE };
    case "join": {
      const left = propagate(plan.left, lifts);
      const right = propagate(plan.right, lifts);
      const columns = new Map([...left.columns, ...right.columns]);
      const matched = [left, right].flatMap((side) => plan.keys.map((key) => used(side, key, "join", lifts.join)));
      return { columns, rows: union(left.rows, right.rows, ...matched) };
    }
    case "filter": {
      const input = propagate(plan.input, lifts);
      const compared = plan.comparisons.map((one) => used(input, one.column, "filter", () => lifts.filter(one)));
      return { ...input, rows: union(input.rows, ...compared) };
    }
    case "group": {
      const input = propagate(plan.input, lifts);
      const chosen = plan.by.map((one) => used(input, one.column, "group", () => lifts.group(one)));
      const rows = union(input.rows, ...chosen);
      const groups = plan.by.map(({ column }): [string, Label] => [`group ${column}`, { raw: [], stops: NONE }]);
      return { columns: new Map([...input.columns, ...groups]), rows };
    }
    case "aggregate": {
      const input = propagate(plan.input, lifts);
      const figures = plan.figures.map((figure): [string, Label] => {
        const lifted = (column: string) => lifts.aggregate(column, figure);
        const stops = figure.columns.map((column) => used(input, column, "aggregate", lifted));
        return [figure.name, { raw: [], stops: union(...stops) }];
      });
      const groups = [...input.columns].filter(([name]) => name.startsWith("group "));
      return { columns: new Map([...groups, ...figures]), rows: input.rows };
    }
  }
}

/** What stays in the way after an operator used a column. What a policy has lifted already is anybody's to use. */
function used({ columns }: Relation, name: string, operator: StoppedBy, isLifted: (column: string) => boolean): Stops {
  const label = columns.get(name);
  if (label === undefined) return stopsAt(operator, [name]);
  return union(
    label.stops,
    stopsAt(
      operator,
      label.raw.filter((column) => !isLifted(column)),
    ),
  );
}
