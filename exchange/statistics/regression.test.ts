import fc from "fast-check";
import { expect, test } from "vitest";
import { leastSquares } from "./regression.ts";

const equations = (rows: readonly (readonly bigint[])[], y: readonly bigint[]) => {
  const columns = rows.map((row) => [1n, ...row]);
  const dot = (f: (i: number) => bigint): bigint => columns.reduce((sum, _, i) => sum + f(i), 0n);
  const width = columns[0]!.length;
  const indices = Array.from({ length: width }, (_, i) => i);
  return {
    xtx: indices.map((a) => indices.map((b) => dot((i) => columns[i]![a]! * columns[i]![b]!))),
    xty: indices.map((a) => dot((i) => columns[i]![a]! * y[i]!)),
    yty: dot((i) => y[i]! * y[i]!),
  };
};

test("recovers an exact linear law of eight features", () => {
  const rowArbitrary = fc.array(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }), { minLength: 8, maxLength: 8 });
  const law = [7n, -3n, 0n, 11n, 2n, -5n, 1n, 13n, -1n];
  fc.assert(
    fc.property(fc.array(rowArbitrary, { minLength: 12, maxLength: 20 }), (rows) => {
      const y = rows.map((row) => row.reduce((sum, value, i) => sum + value * law[i + 1]!, law[0]!));
      const fit = leastSquares(equations(rows, y));
      if (fit === undefined) return;
      expect(fit.coefficients.map(({ numerator, denominator }) => [numerator, denominator])).toEqual(
        law.map((value) => [value, 1n]),
      );
      if (fit.rSquared !== null) expect([fit.rSquared.numerator, fit.rSquared.denominator]).toEqual([1n, 1n]);
    }),
    { numRuns: 25 },
  );
});

test("collinear features are singular, a constant dependent has no R²", () => {
  expect(
    leastSquares(
      equations(
        [
          [1n, 2n],
          [2n, 4n],
          [3n, 6n],
          [4n, 8n],
        ],
        [1n, 2n, 3n, 5n],
      ),
    ),
  ).toBeUndefined();
  expect(leastSquares(equations([[1n], [2n], [4n]], [5n, 5n, 5n]))?.rSquared).toBeNull();
});

test("a pivot of zero is exchanged, not divided by", () => {
  const fit = leastSquares({
    xtx: [
      [0n, 1n],
      [1n, 0n],
    ],
    xty: [3n, 4n],
    yty: 100n,
  });
  expect(fit?.coefficients.map(({ numerator }) => numerator)).toEqual([4n, 3n]);
});
