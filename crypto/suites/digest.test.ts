import canonicalize from "canonicalize";
import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson, isCanonicalText, MAX_NESTING } from "./digest.ts";

const inOrder = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(inOrder);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, inOrder(item)]));
};

// RFC 8785 section 3.2.3: names in the order of their UTF-16 code units, integer-like ones too.
test("property names of the specification's example come in its order", () => {
  const names = ["\u20ac", "\r", "\ufb33", "1", "\u{1f600}", "\u0080", "\u00f6"];
  const text = canonicalJson(Object.fromEntries(names.map((name) => [name, 0])));
  const sorted = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\u{1f600}", "\ufb33"];
  expect(text).toBe(`{${sorted.map((name) => `${JSON.stringify(name)}:0`).join()}}`);
  expect(canonicalJson({ 9: 0, 10: 0 })).toBe('{"10":0,"9":0}');
});

test("any value has one text, in whatever order its properties were written", () => {
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.jsonValue(),
      fc.dictionary(fc.oneof(fc.string({ unit: "binary" }), fc.nat({ max: 99 }).map(String)), tie("value")),
      fc.array(tie("value")),
    ),
  }));
  fc.assert(
    fc.property(value, (json) => {
      const text = canonicalize(json);
      expect(canonicalJson(json)).toBe(text);
      expect(canonicalJson(inOrder(json))).toBe(text);
      expect(canonicalJson(JSON.parse(text!))).toBe(text);
    }),
  );
});

test("what JSON cannot carry has no text", () => {
  const circular: unknown[] = [];
  circular.push(circular);
  for (const value of [undefined, Number.NaN, [Number.POSITIVE_INFINITY], "\ud800", { a: "\udc00" }, [1n], circular]) {
    expect(() => canonicalJson(value)).toThrow();
  }
  expect(() => canonicalJson({ "\ud800": 1 })).toThrow();
  expect(canonicalJson({ a: undefined, b: [undefined] })).toBe('{"b":[null]}');
  expect(canonicalJson(-0)).toBe("0");
});

test("a text is canonical exactly where it is the one that its value has", () => {
  const member = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.string({ unit: "binary" }), fc.constant("\ud800"));
  const named = fc.dictionary(fc.constantFrom("b", "a", "10", "9", "__proto__", "toJSON", "\udc00"), member);
  fc.assert(
    fc.property(fc.oneof(member, named, fc.array(named)), fc.nat(3), (json, indent) => {
      for (const text of [JSON.stringify(json, undefined, indent), canonicalOf(json) ?? "null"]) {
        const value = JSON.parse(text);
        expect(isCanonicalText(text, value)).toBe(text === canonicalOf(value));
      }
    }),
  );
  for (const text of [
    '{"a":1,"a":1}',
    "1.0",
    "1e3",
    "-0",
    '"\\u0041"',
    '"\\ud800"',
    '"\ud800"',
    '{"b":1,"a":2}',
    "[1, 2]",
    " 1",
  ]) {
    expect([text, isCanonicalText(text, JSON.parse(text))]).toEqual([text, false]);
  }
  const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
  expect(isCanonicalText(deep, JSON.parse(deep))).toBe(false);
});

test("what is nested deeper than 64 has no text, in whatever order its keys are", () => {
  const nested = (depth: number, inner: string) => `${"[".repeat(depth)}${inner}${"]".repeat(depth)}`;
  for (const inner of ["1", '{"b":1,"a":2}', '{"a":1,"b":2}']) {
    const own = inner === "1" ? 0 : 1;
    const [holds, fails] = [nested(MAX_NESTING - own, inner), nested(MAX_NESTING - own + 1, inner)];
    expect(canonicalJson(JSON.parse(holds))).toBe(canonicalize(JSON.parse(holds)));
    expect(isCanonicalText(canonicalJson(JSON.parse(holds)), JSON.parse(holds))).toBe(true);
    expect(() => canonicalJson(JSON.parse(fails))).toThrow(/nested more than 64 deep/);
    expect(isCanonicalText(canonicalize(JSON.parse(fails))!, JSON.parse(fails))).toBe(false);
  }
});

function canonicalOf(value: unknown): string | undefined {
  try {
    return canonicalize(value);
  } catch {
    return undefined;
  }
}
