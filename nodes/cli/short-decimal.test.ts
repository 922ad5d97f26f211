import { expect, test } from "vitest";
import { shortDecimal } from "./short-decimal.ts";

test.each([
  ["27.5886524822695", "27.5887"],
  ["-27.58865", "-27.5887"],
  ["99999.99996", "100000"],
  ["0.00001234567", "0.00001235"],
  ["0.99999", "1"],
  ["1234567890123456789.123456", "1234567890123456789.1235"],
])("%s is shown as %s", (exact, shown) => expect(shortDecimal(exact)).toBe(shown));

test.each(["153860", "3918.2", "0.1234", "-0.5", "", "12-3.12345", "1e-7"])("%s stays as it is", (text) =>
  expect(shortDecimal(text)).toBe(text),
);
