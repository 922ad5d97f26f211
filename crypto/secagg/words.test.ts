import fc from "fast-check";
import { expect, test } from "vitest";
import {
  arithmeticOf,
  decodeElements,
  encodeElements,
  type Pattern,
  periodOf,
  textOfWords,
  wordsOfText,
} from "./words.ts";

const pattern = fc.array(fc.constantFrom<1 | 2>(1, 2), { minLength: 1, maxLength: 6 });
const elements = (shape: Pattern, atoms: number) =>
  fc.tuple(
    ...Array.from({ length: atoms }, () => shape)
      .flat()
      .map((words) => fc.bigInt({ min: -(2n ** BigInt(64 * words - 1)), max: 2n ** BigInt(64 * words - 1) - 1n })),
  );

test("signed values at and inside the bounds survive encoding, for one and two words", () => {
  fc.assert(
    fc.property(
      pattern.chain((shape) => fc.tuple(fc.constant(shape), elements(shape, 3))),
      ([shape, values]) => {
        expect(decodeElements(encodeElements(values, shape), shape)).toEqual(values);
      },
    ),
  );
  for (const words of [1, 2] as const) {
    const edge = 2n ** BigInt(64 * words - 1);
    expect(decodeElements(encodeElements([-edge, edge - 1n], [words]), [words])).toEqual([-edge, edge - 1n]);
  }
});

test("what does not fit is refused, never wrapped", () => {
  for (const [value, words] of [
    [2n ** 63n, 1],
    [-(2n ** 63n) - 1n, 1],
    [2n ** 127n, 2],
    [-(2n ** 127n) - 1n, 2],
  ] as const) {
    expect(() => encodeElements([value], [words])).toThrow(/does not fit/);
  }
});

test("carries propagate between the two words of an element in sums and differences", () => {
  fc.assert(
    fc.property(
      pattern.chain((shape) => fc.tuple(fc.constant(shape), elements(shape, 4), elements(shape, 4))),
      ([shape, a, b]) => {
        const { add, subtract } = arithmeticOf(shape);
        const bits = (i: number) => 64 * shape[i % shape.length]!;
        const sum = encodeElements(a, shape);
        add(sum, encodeElements(b, shape));
        expect(decodeElements(sum, shape)).toEqual(a.map((x, i) => BigInt.asIntN(bits(i), x + b[i]!)));
        const difference = encodeElements(a, shape);
        subtract(difference, encodeElements(b, shape));
        expect(decodeElements(difference, shape)).toEqual(a.map((x, i) => BigInt.asIntN(bits(i), x - b[i]!)));
      },
    ),
  );
  const { add, subtract } = arithmeticOf([2]);
  const words = encodeElements([2n ** 64n - 1n], [2]);
  add(words, encodeElements([1n], [2]));
  expect(decodeElements(words, [2])).toEqual([2n ** 64n]);
  subtract(words, encodeElements([1n], [2]));
  expect(decodeElements(words, [2])).toEqual([2n ** 64n - 1n]);
});

test("a carry ripples through the whole high word, up and down", () => {
  const edges = [2n ** 96n - 1n, 2n ** 64n - 1n, -1n, 2n ** 32n - 1n, 2n ** 127n - 1n, 2n ** 95n, 0n];
  for (const shape of [[2], [1, 2], [2, 2, 1]] as const) {
    const { add, subtract } = arithmeticOf(shape);
    for (const a of edges) {
      for (const b of [1n, 2n ** 64n - 1n, 2n ** 32n, -1n]) {
        const ones = shape.map(() => 1n);
        const filled = (value: bigint) => ones.map((one, k) => (shape[k] === 2 ? value : one));
        const words = encodeElements(filled(a), shape);
        add(words, encodeElements(filled(b), shape));
        const wanted = shape.map((size) => (size === 2 ? BigInt.asIntN(128, a + b) : 2n));
        expect(decodeElements(words, shape)).toEqual(wanted);
        subtract(words, encodeElements(filled(b), shape));
        expect(decodeElements(words, shape)).toEqual(filled(a));
      }
    }
  }
});

test("a vector of the wrong length is refused", () => {
  const text = textOfWords(new BigUint64Array([1n, 2n]));
  expect(wordsOfText(text, "words", 2)).toEqual(new BigUint64Array([1n, 2n]));
  expect(() => wordsOfText(text, "words", 3)).toThrow(/expected 24 bytes, got 16/);
  expect(periodOf([1, 2, 2])).toBe(5);
});
