import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { random } from "./_envelope.ts";
import { binomial, ternary, uniform } from "./sampling.ts";

const COUNT = 1 << 16;
const shares = (target: Int8Array) => {
  const counts = new Map<number, number>();
  for (const value of target) counts.set(value, (counts.get(value) ?? 0) + 1);
  return (value: number) => (counts.get(value) ?? 0) / target.length;
};
/** Six standard deviations of a share of so many. */
const near = (share: number, wanted: number) =>
  expect(Math.abs(share - wanted)).toBeLessThan(6 * Math.sqrt((wanted * (1 - wanted)) / COUNT));

test("a ternary coefficient is -1, 0 or 1, each as likely", () => {
  const target = new Int8Array(COUNT);
  ternary(random, target);
  for (const value of [-1, 0, 1]) near(shares(target)(value), 1 / 3);
});

test("of bytes, each of the three is what 85 give, and one is thrown away", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => 255 - i);
  const target = new Int8Array(255);
  ternary(() => bytes, target);
  for (const value of [-1, 0, 1]) expect(target.filter((one) => one === value)).toHaveLength(85);
});

function choose(n: number, k: number): number {
  let result = 1;
  for (let i = 1; i <= k; i++) result = (result * (n - k + i)) / i;
  return result;
}

test("errors are centred binomial of 42 bits: every value as often as it should be, none beyond 21", () => {
  const target = new Int8Array(COUNT);
  binomial(random, target);
  const share = shares(target);
  for (let value = -10; value <= 10; value++) near(share(value), choose(42, 21 + value) / 2 ** 42);
  expect(target.every((value) => Math.abs(value) <= 21)).toBe(true);
  // Neighbours come from the same three words, and have no bit in common.
  let together = 0;
  for (let i = 0; i < COUNT; i += 2) together += target[i]! * target[i + 1]!;
  expect(Math.abs(together / (COUNT / 2))).toBeLessThan((6 * 10.5) / Math.sqrt(COUNT / 2));
});

test.each(Array.from({ length: 96 }, (_, bit) => bit))("bit %i of three words counts once at most", (bit) => {
  const words = new Uint32Array(3);
  words[bit >> 5] = 2 ** (bit & 31);
  const target = new Int8Array(2);
  binomial(() => new Uint8Array(words.buffer), target);
  const weight = Math.abs(target[0]!) + Math.abs(target[1]!);
  // 84 of them make two errors of 42 bits.
  const isUnused = bit === 32 + 21 || bit >= 64 + 21;
  expect(weight).toBe(isUnused ? 0 : 1);
});

test.each([67_084_289, 66_969_601])("residues modulo %i are below it, up to the last one, and uniform", (prime) => {
  const target = new Uint32Array(COUNT);
  uniform(random, target, prime);
  expect(target.every((value) => value < prime)).toBe(true);
  const low = target.filter((value) => value < prime / 2).length / COUNT;
  near(low, 0.5);
  const edges = Uint32Array.of(prime, prime - 1, 2 ** 26 - 1, 0, 2 ** 26 + 5);
  const few = new Uint32Array(3);
  uniform(
    (bytes) => Buffer.concat([new Uint8Array(edges.buffer), new Uint8Array(bytes)]).subarray(0, bytes),
    few,
    prime,
  );
  expect([...few]).toEqual([prime - 1, 0, 5]);
});

test("bytes that stand at an odd place are read all the same", () => {
  const [a, b] = [new Int8Array(64), new Int8Array(64)];
  const bytes = randomBytes(1000);
  const odd = Buffer.concat([Uint8Array.of(1), bytes]).subarray(1);
  binomial(() => Uint8Array.from(bytes), a);
  binomial(() => odd, b);
  expect(b).toEqual(a);
});
