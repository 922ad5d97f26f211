import { expect, test } from "vitest";
import { toBase64url } from "../suites/encoding.ts";
import { assertUsablePublicKey, forgetSecrets, publicKeyOf, sharedKey, sharedSecret } from "./key-agreement.ts";

const b64 = (hex: string) => toBase64url(new Uint8Array(Buffer.from(hex, "hex")));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

test("the shared secret is that of RFC 7748 sections 5.2 and 6.1", () => {
  const scalar = b64("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
  const point = b64("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
  expect(hex(sharedSecret("intl", scalar, point))).toBe(
    "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
  );
  const bob = b64("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  const alice = b64("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  expect(publicKeyOf("intl", bob)).toBe(b64("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
  expect(hex(sharedSecret("intl", bob, alice))).toBe(
    "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
  );
});

test("a pair agrees once; what it agreed on is overwritten when it is forgotten, and agreed again alike", () => {
  const [mine, theirs] = [b64("12".repeat(32)), publicKeyOf("intl", b64("34".repeat(32)))];
  const secret = sharedSecret("intl", mine, theirs);
  const text = hex(secret);
  expect(sharedSecret("intl", mine, theirs)).toBe(secret);
  forgetSecrets([mine]);
  expect(hex(secret)).toBe("00".repeat(32));
  expect(hex(sharedSecret("intl", mine, theirs))).toBe(text);
});

test("keys that are kept with a secret are overwritten with it, and by the next of their kind", () => {
  const [mine, theirs] = [b64("56".repeat(32)), publicKeyOf("intl", b64("34".repeat(32)))];
  const use = {
    suite: "intl",
    context: "a",
    kind: "pair",
    phase: 2,
    ids: ["m001", "m002"],
    keys: [theirs, theirs],
  } as const;
  const key = sharedKey(mine, theirs, use);
  const text = hex(key);
  expect(sharedKey(mine, theirs, use)).toBe(key);
  const other = sharedKey(mine, theirs, { ...use, kind: "view" });
  expect(hex(other)).not.toBe(text);
  const next = sharedKey(mine, theirs, { ...use, context: "b" });
  expect(hex(key)).toBe("00".repeat(32));
  forgetSecrets([mine]);
  expect([next, other].map(hex)).toEqual(["00".repeat(32), "00".repeat(32)]);
  expect(hex(sharedKey(mine, theirs, use))).toBe(text);
});

// Canonical encodings of the points of order 1, 2, 4 and 8 on the curve and its twist.
const LOW_ORDER = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

test.each(LOW_ORDER)("a low-order key is refused: %s", (point) => {
  expect(() => assertUsablePublicKey("intl", b64(point), "key")).toThrow(/low order/);
});

test("a second encoding of a point is refused, so that it cannot pass a duplicate check", () => {
  const good = publicKeyOf("intl", b64("11".repeat(32)));
  expect(() => assertUsablePublicKey("intl", good, "key")).not.toThrow();
  const bytes = Buffer.from(good, "base64url");
  bytes[31]! |= 0x80;
  expect(() => assertUsablePublicKey("intl", toBase64url(new Uint8Array(bytes)), "key")).toThrow(/canonical/);
  expect(() => assertUsablePublicKey("intl", b64(`f0${"ff".repeat(30)}7f`), "key")).toThrow(/canonical/);
});
