import fc from "fast-check";
import { expect, test } from "vitest";
import type { Lifts, Plan } from "./plan.ts";
import { blockedColumns } from "./propagate.ts";

/** Opens what it lists, as "operator column". */
const opening = (...open: readonly string[]): Lifts => ({
  join: (column) => open.includes(`join ${column}`),
  filter: ({ column }) => open.includes(`filter ${column}`),
  group: ({ column }) => open.includes(`group ${column}`),
  aggregate: (column) => open.includes(`aggregate ${column}`),
});
const left: Plan = { kind: "table", columns: ["firm", "wages", "size"] };
const right: Plan = { kind: "table", columns: ["firm", "sector"] };
const joined: Plan = { kind: "join", left, right, keys: ["firm"] };
const grouped = (input: Plan): Plan => ({ kind: "group", input, by: [{ column: "sector", edges: undefined }] });
const summed = (input: Plan, name = "total", column = "wages"): Plan => ({
  kind: "aggregate",
  input,
  figures: [{ name, kind: "sum", columns: [column] }],
});
const filtered = (input: Plan, column: string): Plan => ({
  kind: "filter",
  input,
  comparisons: [{ column, operator: "eq", values: ["1"] }],
});

test("a column that no operator touches is not released by being there", () => {
  expect(blockedColumns(left, opening("aggregate wages"))).toEqual(
    ["firm", "wages", "size"].map((column) => ({ column, operator: "output", outputs: [column] })),
  );
});

test("join, then group, then sum: each operator has to lift its own column, and the answer names the one that did not", () => {
  const plan = summed(grouped(joined));
  const all = ["join firm", "group sector", "aggregate wages"];
  expect(blockedColumns(plan, opening(...all))).toEqual([]);
  for (const [operator, column] of all.map((one) => one.split(" "))) {
    const outputs = operator === "aggregate" ? ["total"] : ["group sector", "total"];
    const open = all.filter((one) => one !== `${operator} ${column}`);
    expect(blockedColumns(plan, opening(...open))).toEqual([{ column, operator, outputs }]);
  }
});

test("a sum over the one row that a comparison leaves is stopped by the compared column", () => {
  const plan = summed(filtered(left, "firm"));
  expect(blockedColumns(plan, opening("aggregate wages"))).toEqual([
    { column: "firm", operator: "filter", outputs: ["total"] },
  ]);
});

test("what a figure was kept back by stays with it through a second comparison and a second sum", () => {
  const open = opening("aggregate size", "filter firm");
  const plan = summed(filtered(summed(left), "total"), "again", "total");
  expect(blockedColumns(plan, open)).toEqual([{ column: "wages", operator: "aggregate", outputs: ["again"] }]);
});

const columns = fc.constantFrom("a", "b", "c");
const plans: fc.Arbitrary<Plan> = fc.letrec<{ plan: Plan }>((tie) => ({
  plan: fc.oneof(
    { maxDepth: 5 },
    fc.constant<Plan>({ kind: "table", columns: ["a", "b", "c"] }),
    fc.record({
      kind: fc.constant("join"),
      left: tie("plan"),
      right: tie("plan"),
      keys: fc.array(columns, { maxLength: 2 }),
    }),
    fc.record({
      kind: fc.constant("filter"),
      input: tie("plan"),
      comparisons: fc.array(fc.record({ column: columns, operator: fc.constant("eq"), values: fc.constant(["1"]) }), {
        maxLength: 2,
      }),
    }),
    fc.record({
      kind: fc.constant("group"),
      input: tie("plan"),
      by: fc.array(fc.record({ column: columns, edges: fc.constant(undefined) }), { maxLength: 2 }),
    }),
    fc.record({
      kind: fc.constant("aggregate"),
      input: tie("plan"),
      figures: fc.array(
        fc.record({
          name: fc.constantFrom("x", "y"),
          kind: fc.constant("sum" as const),
          columns: fc.array(columns, { maxLength: 2 }),
        }),
        { minLength: 1, maxLength: 2 },
      ),
    }),
  ) as fc.Arbitrary<Plan>,
})).plan;
const lists = fc.subarray(
  ["join", "filter", "group", "aggregate"].flatMap((one) => ["a", "b", "c"].map((c) => `${one} ${c}`)),
);

/** Written again without labels: what a plan did to rows, anywhere below. */
const choices = (plan: Plan): readonly string[] => {
  if (plan.kind === "table") return [];
  if (plan.kind === "join")
    return [...choices(plan.left), ...choices(plan.right), ...plan.keys.map((key) => `join ${key}`)];
  const own =
    plan.kind === "filter"
      ? plan.comparisons.map(({ column }) => `filter ${column}`)
      : plan.kind === "group"
        ? plan.by.map(({ column }) => `group ${column}`)
        : [];
  return [...choices(plan.input), ...own];
};

test("a column that rows were chosen by stops every output above, unless that very operator may lift it", () => {
  fc.assert(
    fc.property(plans, lists, (plan, open) => {
      // Above an aggregate a name may be a figure's: such a plan chooses rows by what is no column of the source.
      fc.pre(!JSON.stringify(plan).includes('"aggregate"'));
      const stopped = blockedColumns(plan, opening(...open)).map(({ operator, column }) => `${operator} ${column}`);
      const wanted = choices(plan).filter((choice) => !open.includes(choice));
      expect(stopped.filter((one) => !one.startsWith("output")).toSorted()).toEqual([...new Set(wanted)].toSorted());
    }),
    { numRuns: 300 },
  );
});

test("who opens more keeps nothing else closed", () => {
  fc.assert(
    fc.property(plans, lists, lists, (plan, open, more) => {
      const keys = (list: readonly string[]) =>
        blockedColumns(plan, opening(...list)).flatMap(({ operator, column, outputs }) =>
          outputs.map((output) => `${operator} ${column} ${output}`),
        );
      const before = new Set(keys(open));
      for (const one of keys([...open, ...more])) expect(before).toContain(one);
    }),
    { numRuns: 500 },
  );
});
