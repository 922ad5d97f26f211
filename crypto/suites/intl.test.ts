import { expect, test } from "vitest";
import { intl } from "./intl.ts";

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
const hex = (value: Uint8Array): string => Buffer.from(value).toString("hex");

test("Ed25519 is that of RFC 8032 section 7.1, test 2", () => {
  const { publicKey, privateKey } = intl.keyPair(
    bytes("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
  );
  expect(hex(publicKey)).toBe("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const signature = intl.sign(privateKey, bytes("72"));
  expect(hex(signature)).toBe(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  );
  expect(intl.verify(publicKey, bytes("72"), signature)).toBe(true);
  expect(intl.verify(publicKey, bytes("73"), signature)).toBe(false);
});
