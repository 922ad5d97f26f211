import fc from "fast-check";
import { expect, test } from "vitest";
import { exactDecimal, integerRoot, rational, roundedDecimal, squareRootDecimal } from "./rational.ts";

test.each([
  [1n, 3n, 5, "0.33333"],
  [2n, 3n, 5, "0.66667"],
  [-1n, 8n, 5, "-0.125"],
  [25n, 10n, 1, "2"],
  [35n, 10n, 1, "4"],
  [-25n, 10n, 1, "-2"],
  [123456n, 1n, 3, "123000"],
  [100000n, 1n, 3, "100000"],
  [999_999n, 1n, 3, "1000000"],
  [1n, 3_000_000n, 3, "0.000000333"],
  [0n, 5n, 3, "0"],
] as const)("%s/%s to %s digits is %s, half to even", (numerator, denominator, digits, wanted) => {
  expect(roundedDecimal(rational(numerator, denominator), digits)).toBe(wanted);
});

test("exact decimals keep every digit and endless ones have none", () => {
  expect(exactDecimal(rational(123456789012345678901234567890n, 1000n))).toBe("123456789012345678901234567.89");
  expect(exactDecimal(rational(-5n, 1000n))).toBe("-0.005");
  expect(exactDecimal(rational(1n, 3n))).toBeUndefined();
  expect(() => rational(1n, 0n)).toThrow("zero denominator");
});

test("the integer root is the floor of the root", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 60n }), (value) => {
      const root = integerRoot(value);
      return root * root <= value && (root + 1n) * (root + 1n) > value;
    }),
  );
});

test("a rounded root is the nearest decimal of its length", () => {
  const part = fc.bigInt({ min: 1n, max: 10n ** 24n });
  fc.assert(
    fc.property(part, part, (numerator, denominator) => {
      const value = rational(numerator, denominator);
      const text = squareRootDecimal(value, 15);
      const [whole = "", fraction = ""] = text.split(".");
      const places = BigInt(fraction.length);
      const scaled = BigInt(whole + fraction);
      // One more or less in the last of 15 digits is farther away: (2s ± u)² brackets 4·value.
      const unit = 10n ** BigInt(Math.max(0, String(scaled).length - 15));
      const square = 4n * value.numerator * 10n ** (2n * places);
      const low = (2n * scaled - unit) ** 2n * value.denominator;
      const high = (2n * scaled + unit) ** 2n * value.denominator;
      return low <= square && square <= high && String(scaled).replace(/^0+|0+$/g, "").length <= 15;
    }),
  );
  expect(squareRootDecimal(rational(9n, 4n), 15)).toBe("1.5");
  expect(squareRootDecimal(rational(2n), 15)).toBe("1.4142135623731");
  expect(squareRootDecimal(rational(0n), 15)).toBe("0");
});
