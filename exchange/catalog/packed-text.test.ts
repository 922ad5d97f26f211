import { createGunzip, gunzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { gzipOf, packed, packedBytes, packedFrom, unpacked } from "./packed-text.ts";

const someText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 200 }),
  // Repeats itself, within a piece and from one to the next.
  fc.integer({ min: 0, max: 3_000 }).map((count) => "energy 能源 ".repeat(count)),
);

test("whatever pieces follow each other, they are one gzip member of the texts in this order", () => {
  fc.assert(
    fc.property(fc.array(someText, { maxLength: 8 }), (texts) => {
      const kept = texts.map((text) => packedFrom(packedBytes(packed(text))));
      expect(kept.map(unpacked)).toEqual(texts.map((text) => Buffer.from(text).toString()));
      const document = gzipOf(kept);
      expect(gunzipSync(document).equals(Buffer.from(texts.join("")))).toBe(true);
      // The decoder compares checksum and length only of what it takes for a whole member.
      const isOtherwise = (at: number) => {
        const broken = Buffer.from(document);
        broken[at]! ^= 1;
        return () => gunzipSync(broken);
      };
      expect(isOtherwise(document.length - 5)).toThrow(/incorrect data check/);
      expect(isOtherwise(document.length - 1)).toThrow(/incorrect length check/);
    }),
    { numRuns: 200 },
  );
});

test("a client that is handed the document byte by byte has the text", async () => {
  const texts = ["{", "能源".repeat(500), ",", "x".repeat(70_000), "}"];
  const gunzip = createGunzip();
  const parts: Buffer[] = [];
  gunzip.on("data", (part: Buffer) => parts.push(part));
  const done = new Promise((resolve, reject) => gunzip.on("end", resolve).on("error", reject));
  for (const byte of gzipOf(texts.map(packed))) gunzip.write(Buffer.of(byte));
  gunzip.end();
  await done;
  expect(Buffer.concat(parts).toString()).toBe(texts.join(""));
});
