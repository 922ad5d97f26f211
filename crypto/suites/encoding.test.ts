import fc from "fast-check";
import { expect, test } from "vitest";
import { fromBase64url, toBase64url } from "./encoding.ts";

test("only the one text that the bytes are written as is read", () => {
  const text = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map(toBase64url),
    fc.stringMatching(/^[A-Za-z0-9+/_=-]{0,24}$/),
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.uint8Array({ minLength: 1000, maxLength: 1100 }).map((bytes) => `${toBase64url(bytes)}=`),
  );
  fc.assert(
    fc.property(text, (given) => {
      const canonical = toBase64url(new Uint8Array(Buffer.from(given, "base64url"))) === given;
      if (canonical) expect(toBase64url(fromBase64url(given, "text"))).toBe(given);
      else expect(() => fromBase64url(given, "text")).toThrow(RangeError);
    }),
    { numRuns: 2_000 },
  );
});
