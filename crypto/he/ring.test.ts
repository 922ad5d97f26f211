import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { parametersFor } from "./parameters.ts";
import { lifted, reduce, ringOf } from "./ring.ts";

const { degree, primes } = parametersFor(2);
const rings = primes.map((prime) => ringOf(degree, prime));
const residue = (value: number, p: number) => ((value % p) + p) % p;
const noise = (p: number) =>
  Float64Array.from({ length: degree }, () => (randomBytes(4).readUInt32LE() % p) - Math.floor(p / 2));

test.each(primes)("%i is a prime below 2^26 that has 2N-th roots", (prime) => {
  expect(prime).toBeLessThan(2 ** 26);
  expect(prime % (2 * degree)).toBe(1);
  for (let divisor = 2; divisor * divisor <= prime; divisor++) expect(prime % divisor).not.toBe(0);
});

describe.each(rings)("modulo $prime", (ring) => {
  const { prime: p, perPrime } = ring;

  test.each([
    ["random", noise(p)],
    ["the largest", new Float64Array(degree).fill((p - 1) / 2)],
    ["the smallest", new Float64Array(degree).fill(-(p - 1) / 2)],
    ["alternating", Float64Array.from({ length: degree }, (_, i) => ((i & 1) * 2 - 1) * ((p - 1) / 2))],
  ])("there and back again is N times the polynomial, within its bounds: %s", (_, polynomial) => {
    const x = polynomial.slice();
    ring.forward(x);
    expect(x.every((value) => Number.isInteger(value) && Math.abs(value) < 4 * p)).toBe(true);
    const values = x.map((value) => reduce(value, p, perPrime));
    ring.inverse(values);
    expect(values.every((value) => Math.abs(value) <= p)).toBe(true);
    const wanted = Array.from(polynomial, (value) => residue(Number((BigInt(value) * BigInt(degree)) % BigInt(p)), p));
    expect(Array.from(values, (value) => residue(value, p))).toEqual(wanted);
  });

  test("values at the roots multiply as polynomials do modulo X^N + 1", () => {
    const long = noise(p);
    const short = [
      [0, 3],
      [1, -1],
      [4095, (p - 1) / 2],
    ] as const;
    const other = new Float64Array(degree);
    for (const [at, value] of short) other[at] = value;
    const wanted = new Array<bigint>(degree).fill(0n);
    for (const [at, value] of short) {
      for (let i = 0; i < degree; i++) {
        const sign = i + at < degree ? 1n : -1n;
        const place = (i + at) % degree;
        wanted[place] = wanted[place]! + sign * BigInt(long[i]!) * BigInt(value);
      }
    }
    const [a, b] = [long.slice(), other];
    ring.forward(a);
    ring.forward(b);
    const product = a.map((value, i) => reduce(value * reduce(b[i]!, p, perPrime), p, perPrime));
    ring.inverse(product);
    const scale = ring.constant(BigInt(p) - BigInt((p - 1) / degree));
    const read = Array.from(product, (value) => BigInt(lifted(value * scale, p, perPrime)));
    expect(read).toEqual(wanted.map((value) => ((value % BigInt(p)) + BigInt(p)) % BigInt(p)));
  });

  test("whatever is exact in a double is reduced rightly", () => {
    const edges = [0, 1, p - 1, p, p + 1, (p - 1) / 2, (p + 1) / 2, 2 ** 53 - p, (2 ** 26 - 1) * p];
    for (const value of edges.flatMap((edge) => [edge, -edge])) {
      const low = reduce(value, p, perPrime);
      expect(Math.abs(low)).toBeLessThanOrEqual(p / 2 + 2);
      expect(lifted(value, p, perPrime)).toBe(Number(((BigInt(value) % BigInt(p)) + BigInt(p)) % BigInt(p)));
    }
  });
});
