import { randomBytes } from "node:crypto";
import initialize from "node-seal";
import { describe, expect, test } from "vitest";
import { plaintextBlob } from "./blobs.ts";
import {
  ANSWER_BYTES,
  answerQueries,
  encryptQueries,
  FLOOD_BITS,
  LARGEST_ANSWER_NOISE,
  LARGEST_VALUE,
  MOST_BITS_TOLD,
  MOST_CELLS,
  QUERY_BYTES,
  QUERY_KEY_BYTES,
  QUERY_PARAMETERS,
  readAnswers,
} from "./query.ts";

const seal = await initialize();
const random = (bytes: number) => new Uint8Array(randomBytes(bytes));
const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
const dot = (c: readonly bigint[], x: readonly bigint[]) => c.reduce((sum, one, i) => sum + one * x[i]!, 0n);
const asked = (
  lists: readonly (readonly bigint[])[],
  cells: readonly bigint[],
  floods: (bytes: number) => Uint8Array = random,
) => {
  const { publicKey, secretKey, queries } = encryptQueries(seal, seed, lists);
  const answers = answerQueries(seal, { seed, publicKey, queries, cells }, floods);
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
    const [a, b] = [0, 1].map(() => answerQueries(seal, { seed, publicKey, queries, cells: [7n] }, random)[0]!);
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
    const { secretKey, publicKey, queries } = encryptQueries(seal, seed, [numbers(MOST_CELLS, 20)]);
    const cells = numbers(MOST_CELLS, 50);
    const flood = 1n << BigInt(FLOOD_BITS - 1);
    const floods = { none: (1 << ((FLOOD_BITS - 1) % 8)) & 255, most: 255 };
    const at = (first: number, rest: number) =>
      answerQueries(seal, { seed, publicKey, queries, cells }, (bytes) =>
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

describe("a requester that makes key and ciphertext falsely", () => {
  const { degree: N, moduli } = QUERY_PARAMETERS;
  const primes = moduli.slice(0, -1);
  const q = primes.reduce((product, prime) => product * prime, 1n);
  const cells = numbers(40, 30).map((one) => (one === 0n ? 1n : one));
  /** In its second polynomial one number, in its first nothing: an answer's second polynomial is this number times the cells. */
  const LARGE = 1n << 180n;
  const forged = () => {
    const [honest] = encryptQueries(seal, seed, [[1n]]).queries;
    const bytes = Uint8Array.from(honest!).fill(0, 113);
    const view = new DataView(bytes.buffer);
    for (const [i, prime] of primes.entries()) view.setBigUint64(113 + 8 * N * (4 + i), LARGE % prime, true);
    return bytes;
  };
  /** Cells as they stand in the second polynomial of four primes, where what hides them is small. */
  const readFrom = (second: Uint8Array) => {
    const view = new DataView(second.buffer, second.byteOffset);
    const at = (place: number) => {
      const whole = primes.reduce((sum, prime, i) => {
        const others = q / prime;
        return sum + view.getBigUint64(8 * (N * i + place), true) * inverse(others, prime) * others;
      }, 0n);
      const number = whole % q;
      const signed = number > q / 2n ? number - q : number;
      return (2n * signed + (signed < 0n ? -LARGE : LARGE)) / (2n * LARGE);
    };
    return cells.map((_, j) => (j === 0 ? at(0) : -at(N - j)));
  };

  test("would read every cell of one answer, could it choose the key's second polynomial", () => {
    // The provider's work as it would be under a key whose second polynomial is 1: what it adds does not hide anything.
    const short = keyWithSecond(1n);
    using context = libraryContext();
    using key = new seal.PublicKey();
    key.loadFromArray(context, short);
    using encryptor = new seal.Encryptor(context, key);
    using evaluator = new seal.Evaluator(context);
    using ciphertext = new seal.Ciphertext();
    ciphertext.loadFromArray(context, forged());
    using zero = new seal.Ciphertext();
    using plain = new seal.Plaintext();
    const multiplier = new BigUint64Array(N);
    for (const [j, cell] of cells.entries()) {
      multiplier[(N - j) % N] = BigInt.asUintN(59, j === 0 ? cell : -cell);
    }
    plain.loadFromArray(context, plaintextBlob(multiplier));
    evaluator.multiplyPlainInplace(ciphertext, plain);
    encryptor.encryptZero(zero);
    evaluator.addInplace(ciphertext, zero);
    const bytes = ciphertext.saveToArray(seal.ComprModeType.none) as Uint8Array;
    expect(readFrom(bytes.subarray(113 + 8 * 4 * N))).toEqual(cells);
  });

  test("reads none of them, because that polynomial follows from what both sides know the query by", () => {
    const zeroKey = new Uint8Array(QUERY_KEY_BYTES);
    const [answer] = answerQueries(seal, { seed, publicKey: zeroKey, queries: [forged()], cells }, random);
    const read = readFrom(answer!.subarray(32));
    expect(read.filter((one, j) => one === cells[j])).toEqual([]);
    // What it reads is uniform: far beyond what a cell may be, in about all places.
    expect(read.filter((one) => one > -(2n ** 40n) && one < 2n ** 40n).length).toBeLessThan(4);
  });

  test("is told 60 bits by an answer at most, about as much as an honest one", () => {
    expect(MOST_BITS_TOLD).toBe(60);
    expect(2n ** 59n).toBe(QUERY_PARAMETERS.plainModulus);
  });

  test("and another seed is another key: a query moved to another number is not answered with what was asked", () => {
    const { publicKey, secretKey, queries } = encryptQueries(seal, seed, [[1n]]);
    const other = Uint8Array.from(seed).fill(9, 0, 1);
    const moved = answerQueries(seal, { seed: other, publicKey, queries, cells: [7n] }, random);
    expect(readAnswers(seal, secretKey, moved)).not.toEqual([7n]);
  });
});

describe("what is none is refused before the library sees it", () => {
  const { publicKey, queries } = encryptQueries(seal, seed, [[1n]]);
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
    ["a key that is a ciphertext", query, query, /public key: wanted 655360 bytes, got 1048689/],
    ["a short key", publicKey.subarray(8), query, /public key: wanted 655360 bytes/],
    [
      "a key with a coefficient beyond its own prime",
      broken(publicKey, (view) => view.setBigUint64(8, QUERY_PARAMETERS.moduli[0]!, true)),
      query,
      /public key: a coefficient is not below/,
    ],
  ])("%s", (_name, key, one, message) => {
    const seen = new Proxy(seal, {
      get() {
        throw new Error("the library was asked");
      },
    });
    expect(() => answerQueries(seen, { seed, publicKey: key, queries: [one], cells: [1n] }, random)).toThrow(message);
  });

  test("an answer of another length", () => {
    expect(() => readAnswers(seal, new Uint8Array(1), [new Uint8Array(ANSWER_BYTES - 1)])).toThrow(/answer: wanted/);
  });
});

function inverse(value: bigint, prime: bigint): bigint {
  let [result, base] = [1n, value % prime];
  for (let exponent = prime - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % prime;
    base = (base * base) % prime;
  }
  return result;
}

/** Without the product's own checks. */
function libraryContext() {
  using parameters = new seal.EncryptionParameters(seal.SchemeType.bfv);
  using chain = seal.CoeffModulus.Create(QUERY_PARAMETERS.degree, new Int32Array(5).fill(60));
  using plainModulus = new seal.Modulus(QUERY_PARAMETERS.plainModulus);
  parameters.setPolyModulusDegree(QUERY_PARAMETERS.degree);
  parameters.setCoeffModulus(chain);
  parameters.setPlainModulus(plainModulus);
  return new seal.SEALContext(parameters, true, seal.SecLevelType.tc128);
}

/** A public key, as the library reads it, whose second polynomial is this number and whose first is zero. */
function keyWithSecond(number: bigint): Uint8Array {
  const { degree, moduli } = QUERY_PARAMETERS;
  using context = libraryContext();
  using generator = new seal.KeyGenerator(context);
  using key = generator.createPublicKey();
  const bytes = Uint8Array.from(key.saveToArray(seal.ComprModeType.none) as Uint8Array).fill(0, 113);
  const view = new DataView(bytes.buffer);
  const second = moduli.length * degree;
  for (let i = second; i < 2 * second; i++) view.setBigUint64(113 + 8 * i, number, true);
  return bytes;
}

/** An answer whose constant is moved by so much modulo q. */
function shifted(answer: Uint8Array, by: bigint): Uint8Array {
  const copy = Uint8Array.from(answer);
  const view = new DataView(copy.buffer);
  for (const [i, prime] of QUERY_PARAMETERS.moduli.slice(0, -1).entries()) {
    view.setBigUint64(8 * i, (view.getBigUint64(8 * i, true) + by) % prime, true);
  }
  return copy;
}
