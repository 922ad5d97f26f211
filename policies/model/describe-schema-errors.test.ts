import { Type } from "typebox";
import { Compile } from "typebox/compile";
import { expect, test } from "vitest";
import { describeSchemaErrors } from "./describe-schema-errors.ts";
import { problemLine } from "./problem.ts";

const closed = { additionalProperties: false };
const Statistic = Type.Union([
  Type.Object({ kind: Type.Literal("sum"), element: Type.String() }, closed),
  Type.Object({ kind: Type.Literal("ratio"), numerator: Type.String(), denominator: Type.String() }, closed),
]);
const Query = Type.Object(
  { level: Type.Union([Type.Literal("L1"), Type.Literal("L2")]), statistic: Statistic, rows: Type.Integer() },
  closed,
);
const problems = (value: unknown) => describeSchemaErrors(Query, Compile(Query).Errors(value), value).map(problemLine);

test("a wrong choice names what is allowed and what was given, once", () => {
  const value = { level: "L9", statistic: { kind: "sum", element: "e" }, rows: 1 };
  expect(problems(value)).toEqual(['level: wrong-choice (wanted: L1 | L2, got: "L9")']);
});

test("of alternatives with a kind, only the one that was meant is described", () => {
  const value = { level: "L1", statistic: { kind: "sum", elemen: "e" }, rows: "many" };
  expect(problems(value)).toEqual([
    "statistic.element: missing",
    "statistic.elemen: unknown-key (known: kind, element)",
    'rows: wrong-type (wanted: integer, got: "many")',
  ]);
});

test("an unknown kind is one problem with all known kinds", () => {
  const value = { level: "L1", statistic: { kind: "max", element: "e" }, rows: 1 };
  expect(problems(value)).toEqual(['statistic.kind: wrong-choice (wanted: sum | ratio, got: "max")']);
});

test("something else than an object where alternatives are wanted is one problem", () => {
  expect(problems({ level: "L1", statistic: 7, rows: 1 })).toEqual(["statistic: wrong-type (wanted: object, got: 7)"]);
});

test("a form with examples is told by them, any other by its pattern", () => {
  const Names = Type.Object({
    name: Type.String({ pattern: "^[a-z-]+$", examples: ["li-wei"] }),
    key: Type.Array(Type.String({ pattern: "^k" })),
  });
  const value = { name: "Li Wei", key: ["k1", "x"] };
  const found = describeSchemaErrors(Names, Compile(Names).Errors(value), value).map(problemLine);
  expect(found).toEqual([
    'name: form-like (wanted: "li-wei", got: "Li Wei")',
    'key.1: wrong-form (wanted: ^k, got: "x")',
  ]);
});

test("a text that is empty is told so, not counted", () => {
  const Text = Type.Object({ text: Type.String({ minLength: 1 }), token: Type.String({ minLength: 8 }) });
  const value = { text: "", token: "abc" };
  const found = describeSchemaErrors(Text, Compile(Text).Errors(value), value).map(problemLine);
  expect(found).toEqual(["text: empty", 'token: too-short (limit: 8, got: "abc")']);
});
