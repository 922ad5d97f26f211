import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Mask } from "../../policies/model/mask.ts";
import { type MaskedField, maskingOf } from "./masked.ts";

const KEY = new Uint8Array(32).fill(7);
const element = "e";
const TEXT: MaskedField = { type: "text" };
const masked = (mask: Mask, value: string | null, key = KEY, field = TEXT) => maskingOf(mask, key, field)(value);
const round = (step: string): Mask => ({ element, mask: "round", step });
const PSEUDONYM: Mask = { element, mask: "pseudonym" };

test.each<[string, Mask, string, string | null]>([
  ["redact", { element, mask: "redact" }, "secret", null],
  ["prefix", { element, mask: "prefix", length: "2" }, "330683", "33"],
  ["prefix of a shorter one", { element, mask: "prefix", length: "9" }, "33", "33"],
  ["prefix of characters beyond 16 bits", { element, mask: "prefix", length: "2" }, "𠮷野家", "𠮷野"],
  ["month", { element, mask: "month" }, "2026-03-17", "2026-03"],
  ["year", { element, mask: "year" }, "2026-03-17", "2026"],
  ["to thousands", round("1000"), "12499.9", "12000"],
  ["to thousands, up", round("1000"), "12500.1", "13000"],
  ["half to even, down", round("1000"), "12500", "12000"],
  ["half to even, up", round("1000"), "13500.00", "14000"],
  ["negative", round("10"), "-15", "-20"],
  ["negative to nothing", round("10"), "-4", "0"],
  ["to tenths", round("0.1"), "2.25", "2.2"],
  ["to tenths of a whole", round("0.1"), "3", "3.0"],
  ["to quarters", round("0.25"), "0.13", "0.25"],
  ["more digits than a double holds", round("1"), "12345678901234567890.5", "12345678901234567890"],
])("%s", (_name, mask, value, wanted) => {
  expect(masked(mask, value)).toBe(wanted);
});

test.each<Mask>([
  PSEUDONYM,
  { element, mask: "redact" },
  { element, mask: "prefix", length: "1" },
  { element, mask: "month" },
  round("1"),
])("NULL stays NULL: $mask", (mask) => {
  expect(masked(mask, null)).toBeNull();
});

test.each<[Mask, string]>([
  [{ element, mask: "month" }, "17.03.2026"],
  [{ element, mask: "year" }, "26"],
  [round("1"), "about 5"],
  [round("1"), "1e"],
  [round("1"), "1e1000"],
  [{ element, mask: "month" }, "2026-03-17 x"],
])("a value that the mask cannot read does not leave: %j %s", (mask, value) => {
  expect(() => masked(mask, value)).toThrow(RangeError);
});

describe("a mask reads the value that registration read", () => {
  const FLOAT: MaskedField = { type: "decimal", scale: 4, roundedFromFloat: true };
  test.each<[string, Mask, string, string | null, MaskedField]>([
    ["blanks around a date", { element, mask: "month" }, " 2026-03-17\u00a0", "2026-03", TEXT],
    ["blanks around a code", { element, mask: "prefix", length: "2" }, "\u3000330683 ", "33", TEXT],
    ["blanks around a number", round("10"), " 12 ", "10", TEXT],
    ["a power of ten", round("0.01"), "1e-05", "0.00", FLOAT],
    ["a large power of ten", round("1000"), "1.25E+4", "12000", FLOAT],
    ["a double at the places of its column", round("0.001"), "0.00249999999999999", "0.002", FLOAT],
    ["one that its column takes as a half", round("0.001"), "0.00250001", "0.002", FLOAT],
    ["one beyond what the engine reads", round("0.0001"), "0.0000500000000000000001", "0.0000", FLOAT],
    ["a column that is no double", round("0.001"), "0.00250001", "0.003", { type: "decimal", scale: 8 }],
  ])("%s", (_name, mask, value, wanted, field) => {
    expect(masked(mask, value, KEY, field)).toBe(wanted);
  });
  test.each<Mask>([PSEUDONYM, { element, mask: "prefix", length: "1" }, { element, mask: "month" }, round("1")])(
    "blanks alone are NULL: $mask",
    (mask) => {
      for (const blank of ["", "  ", "\u3000"]) expect(masked(mask, blank)).toBeNull();
    },
  );
  test("the same value in another spelling is the same pseudonym", () => {
    expect(masked(PSEUDONYM, " Huaxin ")).toBe(masked(PSEUDONYM, "Huaxin"));
    const integer = (value: string) => masked(PSEUDONYM, value, KEY, { type: "integer" });
    for (const spelling of ["+7", "007", "7.0", " 7 "]) expect(integer(spelling)).toBe(integer("7"));
    expect(integer("-7")).not.toBe(integer("7"));
    expect(integer("-0")).toBe(integer("0"));
    expect(masked(PSEUDONYM, "007")).not.toBe(masked(PSEUDONYM, "7"));
  });
});

describe("a pseudonym", () => {
  test("is HMAC-SHA-256 over its domain, element and value, 16 bytes of it", () => {
    const text = "sealane/pseudonym/v1\0e\0Huaxin";
    const whole = createHmac("sha256", KEY).update(text).digest();
    expect(masked(PSEUDONYM, "Huaxin")).toBe(whole.subarray(0, 16).toString("base64url"));
  });
  test("is the same for the same value, and another one under another agreement or element", () => {
    const here = masked(PSEUDONYM, "Huaxin");
    expect(masked(PSEUDONYM, "Huaxin")).toBe(here);
    expect(masked(PSEUDONYM, "Huaxim")).not.toBe(here);
    expect(masked(PSEUDONYM, "Huaxin", new Uint8Array(32).fill(8))).not.toBe(here);
    expect(masked({ ...PSEUDONYM, element: "f" }, "Huaxin")).not.toBe(here);
  });
});

test("a rounded number is a multiple of the step, at most half of it away", () => {
  const number = fc.record({ whole: fc.integer({ min: -1_000_000, max: 1_000_000 }), cents: fc.nat(99) });
  fc.assert(
    fc.property(number, fc.constantFrom(1, 5, 25, 100, 300, 1_000), ({ whole, cents }, step) => {
      const text = `${whole}.${String(cents).padStart(2, "0")}`;
      const hundredths = whole * 100 + (text.startsWith("-") ? -cents : cents);
      const got = Number(masked(round(String(step)), text));
      expect(Math.abs(got % step)).toBe(0);
      expect(Math.abs(got * 100 - hundredths)).toBeLessThanOrEqual(step * 50);
    }),
  );
});
