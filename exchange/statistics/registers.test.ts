import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  estimateDistinct,
  REGISTERS,
  RELATIVE_ERROR,
  ranksFor,
  readRegister,
  readThermometers,
  writeThermometers,
} from "./registers.ts";

const random = (bytes: number): Uint8Array => randomBytes(bytes);

/** Registers of the values 0 … n − 1 under a key, as the definition has them. */
function registersOf(values: readonly string[], ranks: number, key = "k"): Uint8Array {
  const registers = new Uint8Array(REGISTERS);
  for (const value of values) {
    const digest = createHash("sha256")
      .update(key + value)
      .digest();
    const rank = Math.min(Math.clz32(digest.readUInt32BE(1)) + 1, ranks);
    registers[digest[0]!] = Math.max(registers[digest[0]!]!, rank);
  }
  return registers;
}
const named = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `v${from + i}`);

describe("the estimate", () => {
  test.each([0, 1, 10, 100, 1_000, 10_000, 100_000])("of %i values is within four standard errors", (n) => {
    const ranks = ranksFor(Math.max(n, 1));
    const estimate = estimateDistinct(registersOf(named(0, n), ranks), ranks);
    expect(Math.abs(estimate - n)).toBeLessThanOrEqual(4 * Number(RELATIVE_ERROR) * n + 1);
  });

  test("has the stated standard error and no bias", () => {
    const n = 5_000;
    const ranks = ranksFor(n);
    const errors = Array.from({ length: 200 }, (_, i) => {
      return estimateDistinct(registersOf(named(0, n), ranks, `key-${i}`), ranks) / n - 1;
    });
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    const deviation = Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length);
    // Four standard errors of the mean and of the deviation of 200 runs; keys are fixed, so this is no matter of luck.
    expect(Math.abs(mean)).toBeLessThan((4 * Number(RELATIVE_ERROR)) / Math.sqrt(200));
    expect(deviation).toBeLessThan(Number(RELATIVE_ERROR) * 1.2);
  });
});

describe("sums of thermometers", () => {
  /** Modulo 2^64, as the array stores. */
  const add = (vectors: readonly BigUint64Array[]): BigUint64Array =>
    vectors[0]!.map((_, i) => vectors.reduce((sum, vector) => sum + vector[i]!, 0n));

  test.each([1n, 2n ** 31n, 2n ** 32n, 2n ** 63n])("a sum of %s is not zero, wherever the vector lies", (sum) => {
    const ranks = 3;
    const words = new BigUint64Array(REGISTERS * ranks + 1).subarray(1);
    words[5 * ranks + 1] = sum;
    const registers = readThermometers(words, ranks);
    expect([...registers.entries()].filter(([, rank]) => rank > 0)).toEqual([[5, 2]]);
  });

  test("give the registers of the union, whoever holds which value", () => {
    const shares = fc.array(fc.array(fc.nat(500), { maxLength: 60 }), { minLength: 1, maxLength: 6 });
    const check = (organisations: readonly (readonly number[])[]) => {
      const ranks = ranksFor(500);
      const vectors = organisations.map((values) => {
        const words = new BigUint64Array(REGISTERS * ranks);
        writeThermometers(words, registersOf(values.map(String), ranks), ranks, random);
        return words;
      });
      expect(readThermometers(add(vectors), ranks)).toEqual(registersOf(organisations.flat().map(String), ranks));
    };
    fc.assert(fc.property(shares, check), { numRuns: 30 });
  });

  test("do not tell how many organisations hold a value: every word is zero or random", () => {
    const ranks = ranksFor(10);
    const once = new BigUint64Array(REGISTERS * ranks);
    const again = new BigUint64Array(REGISTERS * ranks);
    for (const words of [once, again]) writeThermometers(words, registersOf(["x"], ranks), ranks, random);
    const filled = [...once.keys()].filter((i) => once[i] !== 0n);
    expect(filled).toEqual([...again.keys()].filter((i) => again[i] !== 0n));
    expect(filled.some((i) => once[i] === again[i])).toBe(false);
    expect(filled.every((i) => once[i]! > 1_000_000n)).toBe(true);
  });

  test("a zero that chance gives is drawn again", () => {
    const draws = [new Uint8Array(8), Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0)];
    const words = new BigUint64Array(REGISTERS);
    writeThermometers(words, Uint8Array.of(1), 1, () => draws.shift()!);
    expect(words[0]).toBe(7n);
  });
});

test.each([{ register: "256", rank: "1" }, { register: "0", rank: "0" }, { register: "0", rank: "9" }, { rank: "1" }])(
  "an answer of the source that is no register is refused: %j",
  (row) => {
    expect(() => readRegister(row as Record<string, string>, 8)).toThrow("expected a register");
  },
);
