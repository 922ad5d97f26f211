import fc from "fast-check";
import { expect, test } from "vitest";
import {
  FINGERPRINT_PRIME,
  fingerprinter,
  fingerprintOfSum,
  fingerprintOfText,
  fingerprintOfWords,
  foldContributions,
  foldedDigest,
  foldedOfText,
  textOfFingerprint,
  textOfFolded,
} from "./fingerprint.ts";

const horner = (point: bigint, words: readonly bigint[]) =>
  words.reduceRight((value, word) => (value * point + word) % FINGERPRINT_PRIME, 0n);
const point = fc.bigInt({ min: 0n, max: FINGERPRINT_PRIME - 1n });
const word = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(0n, 2n ** 64n - 1n));

test("the limbs give what Horner gives with big integers, at every length around a block", () => {
  fc.assert(
    fc.property(point, fc.array(word, { maxLength: 300 }), (r, words) => {
      expect(fingerprintOfWords(fingerprinter(r), BigUint64Array.from(words))).toBe(horner(r, words));
    }),
  );
  for (const length of [0, 1, 127, 128, 129, 1023, 1024, 1025, 4097]) {
    const words = Array.from({ length }, (_, j) => 2n ** 64n - 1n - BigInt(j % 3));
    const r = FINGERPRINT_PRIME - 2n;
    expect(fingerprintOfWords(fingerprinter(r), BigUint64Array.from(words))).toBe(horner(r, words));
  }
});

test("sum and carries are the sum of the vectors as integers, and fingerprints add up to that of the sum", () => {
  const vectors = fc
    .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5000 }))
    .map(([n, length]) =>
      Array.from({ length: n }, (_, i) =>
        BigUint64Array.from({ length }, (_, j) => 2n ** 64n - BigInt((i * 7 + j * 3) % 11) - 1n),
      ),
    );
  fc.assert(
    fc.property(vectors, point, (all, r) => {
      const length = all[0]!.length;
      const folded = foldContributions(all, length);
      for (const j of [0, length - 1]) {
        const integer = all.reduce((sum, vector) => sum + vector[j]!, 0n);
        expect((BigInt(folded.carries[j]!) << 64n) + folded.words[j]!).toBe(integer);
      }
      const at = fingerprinter(r);
      const total = all.reduce((sum, vector) => sum + fingerprintOfWords(at, vector), 0n);
      expect(fingerprintOfSum(at, folded)).toBe(total % FINGERPRINT_PRIME);
    }),
    { numRuns: 20 },
  );
});

test("a sum survives its text, and its digest covers words and carries", () => {
  const folded = foldContributions([BigUint64Array.of(2n ** 64n - 1n, 5n), BigUint64Array.of(1n, 6n)], 2);
  expect([...folded.words, ...folded.carries]).toEqual([0n, 11n, 1, 0]);
  expect(foldedOfText(textOfFolded(folded), 2)).toEqual(folded);
  const wrapped = { ...folded, carries: Uint16Array.of(0, 0) };
  expect(foldedDigest(wrapped)).not.toBe(foldedDigest(folded));
  expect(() => foldedOfText(textOfFolded(folded), 3)).toThrow(/carries: expected 6 bytes/);
});

test("a fingerprint has one text", () => {
  expect(fingerprintOfText(textOfFingerprint(FINGERPRINT_PRIME - 1n))).toBe(FINGERPRINT_PRIME - 1n);
  expect(() => fingerprintOfText(textOfFingerprint(FINGERPRINT_PRIME))).toThrow(/not reduced/);
});
