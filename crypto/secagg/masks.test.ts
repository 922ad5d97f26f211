import { createCipheriv } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { hkdfSha256 } from "../suites/boxes.ts";
import { type KeyUse, keyInfo } from "./context.ts";
import { applyMask, deriveKey, maskWords } from "./masks.ts";
import { arithmeticOf, bytesOfWords } from "./words.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

test("keys come from HKDF-SHA-256 with an empty salt (RFC 5869 test case 3)", () => {
  expect(hex(hkdfSha256(new Uint8Array(22).fill(0x0b), new Uint8Array(0)))).toBe(
    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d",
  );
});

test("the mask stream is AES-256-CTR from counter 0 (blocks published as GCM test cases 13 and 14)", () => {
  expect(hex(bytesOfWords(maskWords(new Uint8Array(32), 6)))).toBe(
    ["dc95c078a2408989ad48a21492842087", "530f8afbc74536b9a963b4f1c4cb738b", "cea7403d4d606b6e074ec5d3baf39d18"].join(
      "",
    ),
  );
});

test("the platform's AES-256-CTR is that of SP 800-38A F.5.5", () => {
  const key = Buffer.from("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", "hex");
  const counter = Buffer.from("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", "hex");
  const cipher = createCipheriv("aes-256-ctr", key, counter);
  expect(cipher.update("6bc1bee22e409f96e93d7e117393172a", "hex", "hex")).toBe("601ec313775789a5b7a7f504bbf3d228");
});

test("the counter follows from the word offset", () => {
  const key = new Uint8Array(32).fill(9);
  const whole = maskWords(key, 70_000);
  for (const offset of [0, 1, 2, 7, 8191, 32_767, 32_768, 65_535]) {
    expect(maskWords(key, 100, offset)).toEqual(whole.subarray(offset, offset + 100));
  }
});

test("a mask is the same stream over vectors longer than the pieces it is made in", () => {
  const key = new Uint8Array(32).fill(9);
  for (const pattern of [[1], [2], [2, 1]] as const) {
    const masked = new BigUint64Array(99_000);
    applyMask(masked, key, "add", arithmeticOf(pattern));
    // As bytes: a list of what differs would take minutes.
    expect(Buffer.compare(bytesOfWords(masked), bytesOfWords(maskWords(key, 99_000)))).toBe(0);
  }
});

test("adding and subtracting one mask leaves every vector as it was, for every element pattern", () => {
  const patterns = fc.array(fc.constantFrom<1 | 2>(1, 2), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(
      patterns,
      fc.integer({ min: 0, max: 4000 }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      (pattern, atoms, key) => {
        const arithmetic = arithmeticOf(pattern);
        const period = pattern.reduce<number>((sum, words) => sum + words, 0);
        const words = maskWords(new Uint8Array(32).fill(1), atoms * period);
        const masked = words.slice();
        applyMask(masked, key, "add", arithmetic);
        if (atoms > 2) expect(masked).not.toEqual(words);
        applyMask(masked, key, "subtract", arithmetic);
        expect(masked).toEqual(words);
      },
    ),
    { numRuns: 30 },
  );
});

test("every field of a key's use changes the key", () => {
  const use: KeyUse = { suite: "intl", context: "c", kind: "pair", phase: 1, ids: ["a", "b"], keys: ["k", "l"] };
  const others: KeyUse[] = [
    { ...use, context: "d" },
    { ...use, kind: "envelope" },
    { ...use, phase: 2 },
    { ...use, ids: ["a", "c"] },
    { ...use, ids: ["b", "a"] },
    { ...use, keys: ["k", "m"] },
  ];
  const secret = new Uint8Array(32).fill(3);
  const keys = [use, ...others].map((one) => hex(deriveKey(secret, one)));
  expect(new Set(keys).size).toBe(keys.length);
  expect(keyInfo(use)).toHaveLength(32);
});
