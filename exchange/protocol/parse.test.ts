import fc from "fast-check";
import { Type } from "typebox";
import { expect, test } from "vitest";
import { createParser } from "./parse.ts";

interface Message {
  readonly "@type": "Numbers";
  readonly numbers: readonly number[];
}
const schema = Type.Object({ "@type": Type.Literal("Numbers"), numbers: Type.Array(Type.Integer()) });
const parse = createParser<Message>({ Numbers: schema }, () => []);
const numbers = (list: unknown): unknown => ({ "@type": "Numbers", numbers: list });

test("a message of more values than anybody needs is refused before any of them is looked at", () => {
  const wide = parse(numbers(Array.from({ length: 500_000 }, () => "no number")));
  expect(wide).toMatchObject({ ok: false, problems: [{ field: "", detail: expect.stringContaining("at most") }] });
  let deep: unknown = [];
  for (let level = 0; level < 20_000; level += 1) deep = [deep];
  expect(parse(numbers(deep))).toMatchObject({ ok: false, problems: [{ field: "" }] });
});

test("what is wrong is named by its place, of the first ones", () => {
  const read = parse(numbers([1, "two", 3, ...Array.from({ length: 100 }, () => null)]));
  expect(read).toMatchObject({ ok: false });
  if (read.ok) return;
  expect(read.problems[0]?.field).toBe("/numbers/1");
  expect(read.problems.length).toBeLessThanOrEqual(32);
});

test("hostile JSON is answered, never thrown at", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const read = parse(typeof value === "object" ? { "@type": "Numbers", ...value } : value);
      expect(read.ok || read.problems.length > 0).toBe(true);
    }),
  );
});
