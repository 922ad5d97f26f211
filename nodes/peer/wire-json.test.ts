import { expect, test } from "vitest";
import { parseWireJson } from "./wire-json.ts";

const read = (text: string) => parseWireJson(Buffer.from(text));

test("plain JSON is read as it is", () => {
  const value = { a: [1, -0.5, "ü𝒳", null, true], b: { c: {} } };
  expect(read(JSON.stringify(value))).toEqual(value);
});

test.each([
  ["half a surrogate pair", '{"a":"\\ud800"}', "surrogate"],
  ["half a surrogate pair in a name", '{"\\udc00":1}', "surrogate"],
  ["a number that no double holds", '{"a":[1e999]}', "range"],
  ["the name __proto__", '{"a":{"__proto__":{}}}', "__proto__"],
  ["nesting beyond the bound", `${"[".repeat(65)}${"]".repeat(65)}`, "nested deeper"],
  ["nesting beyond any stack", `${"[".repeat(200_000)}${"]".repeat(200_000)}`, "nested deeper"],
  ["a byte-order mark", '\ufeff{"a":1}', "JSON"],
  ["nothing", "", "JSON"],
])("%s is refused as a syntax error", (_what, text, why) => {
  expect(() => read(text)).toThrow(SyntaxError);
  expect(() => read(text)).toThrow(why);
});

test("bytes that are not UTF-8 are refused as a syntax error", () => {
  expect(() => parseWireJson(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(SyntaxError);
});

test("nesting up to the bound is read, and brackets in text are no nesting", () => {
  expect(() => read(`${"[".repeat(64)}${"]".repeat(64)}`)).not.toThrow();
  const text = { a: `\\"${"[{".repeat(100)}`, b: "\\\\" };
  expect(read(JSON.stringify(text))).toEqual(text);
});
