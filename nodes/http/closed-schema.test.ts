import { Type } from "typebox";
import { expect, test } from "vitest";
import { closed } from "../../chaincode/rules/vocabulary.ts";
import { isClosed } from "./closed-schema.ts";

const inner = closed({ id: Type.String(), any: Type.Unknown() });
const open = Type.Object({ id: Type.String() });

test.each([
  ["closed fields, all the way down", closed({ one: inner, many: Type.Array(inner), some: Type.Optional(inner) })],
  ["a closed record", Type.Record(Type.String({ pattern: "^[a-z]+$" }), inner, { additionalProperties: false })],
  ["a union of closed ones", Type.Union([inner, Type.Literal("none"), Type.Null()])],
  ["anything at all, which declares all there is", Type.Unknown()],
  ["an object that is declared to be open", closed({ one: Type.Object({}, { additionalProperties: true }) })],
])("nothing is to be filtered under %s", (_name, schema) => {
  expect(isClosed(schema)).toBe(true);
});

test.each([
  ["an open object", open],
  ["an open object inside", closed({ many: Type.Array(Type.Union([inner, open])) })],
  ["an open record", Type.Record(Type.String({ pattern: "^[a-z]+$" }), inner)],
  ["an intersection", Type.Intersect([inner, open])],
])("%s is filtered", (_name, schema) => {
  expect(isClosed(schema)).toBe(false);
});
