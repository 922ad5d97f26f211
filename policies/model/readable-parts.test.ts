import { Compile } from "typebox/compile";
import { expect, test } from "vitest";
import { Query } from "./query.ts";
import { readParts } from "./readable-parts.ts";

const compiled = Compile(Query);
const measures = [{ id: "a", statistic: { kind: "count" } }];
const read = (groupBy: readonly unknown[]) => readParts(Query, compiled, { measures, groupBy, filters: [] });

test("what is malformed is left out, its place stays", () => {
  const { readable, problems } = read(["year", { element: "year" }]);
  expect(readable).toEqual({ measures, groupBy: [undefined, { element: "year" }], filters: [] });
  expect(problems.map(({ field }) => field)).toEqual(["groupBy.0"]);
});

test("nothing malformed is left, however many errors there are", () => {
  for (const count of [300, 342, 400, 5_000]) {
    const { groupBy = [] } = read(Array.from({ length: count }, (_, at) => `group-${at}`)).readable;
    expect(groupBy.filter((one) => one !== undefined)).toEqual([]);
  }
});
