import { randomBytes } from "node:crypto";
import initialize from "node-seal";
import { describe, expect, test } from "vitest";
import {
  ANSWER_BYTES,
  answerQueries,
  encryptQueries,
  FLOOD_BITS,
  LARGEST_ANSWER_NOISE,
  LARGEST_VALUE,
  MOST_CELLS,
  QUERY_BYTES,
  QUERY_PARAMETERS,
  readAnswers,
} from "./query.ts";

const seal = await initialize();
const random = (bytes: number) => new Uint8Array(randomBytes(bytes));
const dot = (c: readonly bigint[], x: readonly bigint[]) => c.reduce((sum, one, i) => sum + one * x[i]!, 0n);
const asked = (
  lists: readonly (readonly bigint[])[],
  cells: readonly bigint[],
  floods: (bytes: number) => Uint8Array = random,
) => {
  const { publicKey, secretKey, queries } = encryptQueries(seal, lists);
  const answers = answerQueries(seal, { publicKey, queries, cells }, floods);
  return { publicKey, secretKey, queries, answers, read: readAnswers(seal, secretKey, answers) };
};
const numbers = (count: number, bits: number) =>
  Array.from({ length: count }, () => BigInt.asIntN(bits, randomBytes(8).readBigUInt64LE()));

describe("an answer", () => {
  test("is the sum of coefficients times cells, whatever their signs, to the bit", () => {
    const cells = numbers(MOST_CELLS, 30);
    const lists = [numbers(MOST_CELLS, 14), cells.map((_, i) => (i === 4711 ? 1n : 0n))];
    expect(asked(lists, cells).read).toEqual([dot(lists[0]!, cells), cells[4711]]);
  });

  test("is exact for the largest cells there may be, with the worst flood to either side", () => {
    const cells = [
      LARGEST_VALUE - 1n,
      1n - LARGEST_VALUE,
      ...new Array<bigint>(MOST_CELLS - 2).fill(LARGEST_VALUE - 1n),
    ];
    const lists = [[1n], [0n, 1n], [1n, 1n]];
    for (const byte of [0, 255]) {
      const { read } = asked(lists, cells, (bytes) => new Uint8Array(bytes).fill(byte));
      expect(read).toEqual([LARGEST_VALUE - 1n, 1n - LARGEST_VALUE, 0n]);
    }
  });

  test("of cells that are all zero is zero, and looks like any other", () => {
    const { read, answers } = asked([[3n, 5n]], [0n, 0n]);
    expect(read).toEqual([0n]);
    expect(answers[0]).toHaveLength(ANSWER_BYTES);
  });

  test("to the same question is other bytes every time, in every part", () => {
    const { publicKey, queries } = asked([[1n]], [7n]);
    const [a, b] = [0, 1].map(() => answerQueries(seal, { publicKey, queries, cells: [7n] }, random)[0]!);
    const equal = a!.filter((byte, i) => byte === b![i]).length;
    // A byte in 256 by chance; the top bytes of coefficients are less than random.
    expect(equal / ANSWER_BYTES).toBeLessThan(0.05);
  });
});

describe("margins", () => {
  const q = QUERY_PARAMETERS.moduli.slice(0, -1).reduce((product, prime) => product * prime, 1n);
  const t = QUERY_PARAMETERS.plainModulus;

  test("noise at its worst and the flood together leave every answer readable", () => {
    expect(2n * t * (LARGEST_ANSWER_NOISE + (1n << BigInt(FLOOD_BITS - 1)) + t)).toBeLessThan(q);
  });

  test("two answers with the same sum, and any cells and noise behind them, are 2^-80 apart at most", () => {
    // Uniform over 2^F numbers, shifted by at most 2B: the share that does not overlap is 2B / 2^F.
    const distance = Number(2n * LARGEST_ANSWER_NOISE) / 2 ** FLOOD_BITS;
    expect(Math.log2(distance)).toBeLessThan(-80);
  });

  test("measured: the flood is the noise there is, all other noise is below what the library can tell", () => {
    // Its decryption rounds with 61 bits beyond the plaintext's: nearer to half of q/t it may fall to either side.
    const told = 2n ** 124n;
    const half = q / (2n * t);
    const { secretKey, publicKey, queries } = encryptQueries(seal, [numbers(MOST_CELLS, 20)]);
    const cells = numbers(MOST_CELLS, 50);
    const flood = 1n << BigInt(FLOOD_BITS - 1);
    const floods = { none: (1 << ((FLOOD_BITS - 1) % 8)) & 255, most: 255 };
    const at = (first: number, rest: number) =>
      answerQueries(seal, { publicKey, queries, cells }, (bytes) =>
        new Uint8Array(bytes).fill(rest).fill(first, 0, 1),
      )[0]!;
    const [quiet, loud] = [at(floods.none, 0), at(255, 255)];
    const [a, b, c, d, own] = readAnswers(seal, secretKey, [
      shifted(quiet, half - told),
      shifted(quiet, half + told),
      shifted(loud, half - flood - told),
      shifted(loud, half - flood + told),
      quiet,
    ]);
    expect([a! - own!, b! - own!, c! - own!, d! - own!]).toEqual([0n, 1n, 0n, 1n]);
  });
});

describe("what is none is refused before the library sees it", () => {
  const { publicKey, queries } = encryptQueries(seal, [[1n]]);
  const query = queries[0]!;
  const broken = (bytes: Uint8Array, change: (view: DataView) => void) => {
    const copy = Uint8Array.from(bytes);
    change(new DataView(copy.buffer));
    return copy;
  };
  const second = 113 + 8 * 4 * QUERY_PARAMETERS.degree;
  test.each([
    ["a short ciphertext", publicKey, query.subarray(1), /wanted 1048689 bytes/],
    ["a long one", publicKey, new Uint8Array(QUERY_BYTES + 1), /wanted 1048689 bytes/],
    ["one of other parameters", publicKey, broken(query, (view) => view.setUint8(16, 0)), /parameters/],
    ["a compressed one", publicKey, broken(query, (view) => view.setUint8(5, 2)), /compression/],
    ["one in another form", publicKey, broken(query, (view) => view.setUint8(48, 1)), /form/],
    [
      "a coefficient beyond its own prime",
      publicKey,
      broken(query, (view) => view.setBigUint64(113, QUERY_PARAMETERS.moduli[0]!, true)),
      /not below its modulus/,
    ],
    ["one without a second polynomial", publicKey, Uint8Array.from(query).fill(0, second), /second polynomial is zero/],
    ["a key that is a ciphertext", query, query, /public key: wanted 1310833 bytes/],
    ["a key of other parameters", broken(publicKey, (view) => view.setUint8(17, 0)), query, /public key: parameters/],
  ])("%s", (_name, key, one, message) => {
    const seen = new Proxy(seal, {
      get() {
        throw new Error("the library was asked");
      },
    });
    expect(() => answerQueries(seen, { publicKey: key, queries: [one], cells: [1n] }, random)).toThrow(message);
  });

  test("an answer of another length", () => {
    expect(() => readAnswers(seal, new Uint8Array(1), [new Uint8Array(ANSWER_BYTES - 1)])).toThrow(/answer: wanted/);
  });
});

/** An answer whose constant is moved by so much modulo q. */
function shifted(answer: Uint8Array, by: bigint): Uint8Array {
  const copy = Uint8Array.from(answer);
  const view = new DataView(copy.buffer);
  for (const [i, prime] of QUERY_PARAMETERS.moduli.slice(0, -1).entries()) {
    view.setBigUint64(8 * i, (view.getBigUint64(8 * i, true) + by) % prime, true);
  }
  return copy;
}
