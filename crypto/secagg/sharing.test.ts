import fc from "fast-check";
import { expect, test } from "vitest";
import { toBase64url } from "../suites/encoding.ts";
import { seededRandom } from "./_network.ts";
import {
  evaluatePolynomial,
  FIELD_PRIME,
  interpolateAtZero,
  lagrangeAtZero,
  recoverSecret,
  shareSecret,
} from "./sharing.ts";

const littleEndian = (hex: string): bigint => BigInt(`0x${Buffer.from(hex, "hex").reverse().toString("hex")}`);

test("shares and recovery are those of RFC 9591 appendix E.1 (FROST, Ed25519 group order)", () => {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const secret = littleEndian("7b1c33d3f5291d85de664833beb1ad469f7fb6025a0ec78b3a790c6e13a98304");
  const coefficient = littleEndian("178199860edd8c62f5212ee91eff1295d0d670ab4ed4506866bae57e7030b204");
  const shares = [
    "929dcc590407aae7d388761cddb0c0db6f5627aea8e217f4a033f2ec83d93509",
    "a91e66e012e4364ac9aaa405fcafd370402d9859f7b6685c07eed76bf409e80d",
    "d3cb090a075eb154e82fdb4b3cb507f110040905468bb9c46da8bdea643a9a02",
  ].map(littleEndian);
  shares.forEach((share, i) => {
    expect(evaluatePolynomial([secret, coefficient], BigInt(i + 1), order)).toBe(share);
  });
  expect(interpolateAtZero([shares[0]!, shares[2]!], lagrangeAtZero([1, 3], order), order)).toBe(secret);
});

function isProbablePrime(n: bigint): boolean {
  const power = (base: bigint, exponent: bigint): bigint => {
    let result = 1n;
    for (let b = base % n, e = exponent; e > 0n; e >>= 1n, b = (b * b) % n) if (e & 1n) result = (result * b) % n;
    return result;
  };
  let d = n - 1n;
  let s = 0;
  for (; (d & 1n) === 0n; d >>= 1n) s++;
  return [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n].every((base) => {
    let x = power(base, d);
    if (x === 1n || x === n - 1n) return true;
    for (let i = 1; i < s; i++) {
      x = (x * x) % n;
      if (x === n - 1n) return true;
    }
    return false;
  });
}

test("the field is the smallest prime above 2^256, so any 32 bytes fit", () => {
  expect(isProbablePrime(FIELD_PRIME)).toBe(true);
  for (let n = 2n ** 256n + 1n; n < FIELD_PRIME; n += 2n) expect(isProbablePrime(n)).toBe(false);
});

const secrets = fc.uint8Array({ minLength: 32, maxLength: 32 });

test("any threshold many shares give the secret back, one fewer do not", () => {
  fc.assert(
    fc.property(secrets, fc.integer({ min: 2, max: 7 }), fc.integer({ min: 0, max: 5 }), (secret, threshold, more) => {
      const points = Array.from({ length: threshold + more }, (_, i) => i + 1);
      const shares = shareSecret(secret, threshold, points, seededRandom("poly")).map((share, i) => ({
        point: i + 1,
        share,
      }));
      expect(recoverSecret(shares.slice(more))).toBe(toBase64url(secret));
      expect(recoverSecret(shares.slice(0, threshold))).toBe(toBase64url(secret));
      expect(recoverSecret(shares.slice(0, threshold - 1))).not.toBe(toBase64url(secret));
    }),
    { numRuns: 40 },
  );
  const edge = new Uint8Array(32).fill(255);
  const shares = shareSecret(edge, 2, [1, 2], seededRandom("edge")).map((share, i) => ({ point: i + 1, share }));
  expect(recoverSecret(shares)).toBe(toBase64url(edge));
});

test("threshold − 1 shares are consistent with every secret", () => {
  const share = shareSecret(new Uint8Array(32).fill(1), 2, [1], seededRandom("one"))[0]!;
  const value = BigInt(`0x${Buffer.from(share).toString("hex")}`);
  for (const candidate of [0n, 5n, 2n ** 255n]) {
    const slope = (((value - candidate) % FIELD_PRIME) + FIELD_PRIME) % FIELD_PRIME;
    expect(evaluatePolynomial([candidate, slope], 1n, FIELD_PRIME)).toBe(value);
  }
});
