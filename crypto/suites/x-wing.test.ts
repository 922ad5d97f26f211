import { hash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { concat } from "./encoding.ts";
import vectors from "./kem-vectors.json" with { type: "json" };
import { mlKem } from "./ml-kem.ts";
import { suiteOf } from "./suite.ts";
import { xWing } from "./x-wing.ts";

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));
const text = (value: Uint8Array): string => Buffer.from(value).toString("base64");
const seed = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);

test("a public key of ML-KEM-768 is that of FIPS 203: NIST ACVP, tcId 26", () => {
  expect(hash("sha256", mlKem.publicKeyOf(bytes(vectors.mlKem.seed)))).toBe(vectors.mlKem.publicKeySha256);
});

test.each(vectors.outOfRange)("a key whose coefficients are out of range is none (%#)", (key) => {
  expect(() => mlKem.assertUsable(bytes(key))).toThrow(/out of range/);
});

test.each(vectors.xWing)("X-Wing is that of the draft, appendix C (%#)", (vector) => {
  expect(text(xWing.publicKeyOf(bytes(vector.privateKey)))).toBe(vector.publicKey);
  expect(text(xWing.decapsulating(bytes(vector.privateKey))(bytes(vector.ciphertext)))).toBe(vector.secret);
});

describe("X-Wing", () => {
  const publicKey = xWing.publicKeyOf(seed(1));

  test("who is encapsulated to gets the secret, nobody else does, and no two are the same", () => {
    const [one, other] = [xWing.encapsulate(publicKey), xWing.encapsulate(publicKey)];
    expect(xWing.decapsulating(seed(1))(one.ciphertext)).toEqual(one.secret);
    expect(xWing.decapsulating(seed(2))(one.ciphertext)).not.toEqual(one.secret);
    expect(other.secret).not.toEqual(one.secret);
    expect(other.ciphertext).toHaveLength(xWing.ciphertextBytes);
  });

  test.each([
    ["ML-KEM's", 17],
    ["X25519's", 1100],
  ])("a bit that is another in the ciphertext, %s half, gives another secret", (_half, at) => {
    const { ciphertext, secret } = xWing.encapsulate(publicKey);
    const changed = ciphertext.map((byte, i) => (i === at ? byte ^ 1 : byte));
    expect(xWing.decapsulating(seed(1))(changed)).not.toEqual(secret);
  });

  test("keys that contribute nothing, second encodings and other lengths are refused", () => {
    const { agreement } = suiteOf("intl-pq");
    expect(() => agreement.assertUsable(publicKey)).not.toThrow();
    expect(() => agreement.assertUsable(concat(publicKey.subarray(0, 1184), new Uint8Array(32)))).toThrow(/low order/);
    expect(() => agreement.assertUsable(concat(bytes(vectors.outOfRange[0]!), publicKey.subarray(1184)))).toThrow(
      /out of range/,
    );
    expect(() => agreement.assertUsable(publicKey.subarray(1))).toThrow(/1216 bytes/);
    expect(() => xWing.decapsulating(seed(1))(new Uint8Array(1119))).toThrow(/1120 bytes/);
  });
});
