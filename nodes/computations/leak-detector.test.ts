import { describe, expect, test } from "vitest";
import { createLeakDetector } from "./leak-detector.ts";

const detector = createLeakDetector([
  { label: "gm invest 1935", text: "317.6", scale: 1 },
  { label: "gm value 1935", text: "3078.5", scale: 1 },
  { label: "loss", text: "-41.25", scale: 2 },
]);
const word = (value: bigint, littleEndian: boolean) => {
  const bytes = new Uint8Array(19).fill(7);
  new DataView(bytes.buffer).setBigUint64(5, BigInt.asUintN(64, value), littleEndian);
  return bytes;
};

describe("every form of a private value is found", () => {
  test.each([
    ["decimal text", { note: "about 317.6 million" }, "text"],
    ["scaled text", { words: ["30785"] }, "text"],
    ["JSON number", { deep: [{ value: 3078.5 }] }, "text"],
    ["negative value", { value: "-41.25" }, "text"],
    ["little-endian word at any offset", word(3176n, true), "little-endian"],
    ["big-endian word at any offset", word(30785n, false), "big-endian"],
    ["negative word", word(-4125n, true), "little-endian"],
    ["base64 of a word", { body: Buffer.from(word(3176n, true)).toString("base64") }, "little-endian"],
    ["base64url of text", { body: Buffer.from("x=317.6;").toString("base64url") }, "text"],
    ["base64url of JSON", { body: Buffer.from(JSON.stringify({ a: ["3078.5"] })).toString("base64url") }, "text"],
    ["array of bytes", { body: [...word(3176n, true)] }, "little-endian"],
  ])("%s", (_name, body, form) => {
    const leaks = detector.inspect(body);
    expect(leaks.length).toBeGreaterThan(0);
    expect(leaks.map((leak) => leak.form)).toContain(form);
  });
});

test("instants, identifiers and other numbers are not mistaken for private values", () => {
  const body = {
    at: "2026-11-22T07:31:17.600Z",
    id: "03176000-0000-8000-8000-000000003176",
    bytes: 31_760,
    callbackAddress: "https://127.0.0.1:30785/dsp/2025-1",
    digest: "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
    key: "kA-30785-317.6x",
    position: 3176,
    version: "1.317.6",
  };
  expect(detector.inspect(body)).toEqual([]);
});
