import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeElements, encodeElements, type Pattern } from "../secagg/words.ts";
import { addedUp, envelopeOf, random } from "./_envelope.ts";
import { largestNoise, modulusOf, parametersFor, wordsPerCiphertext } from "./parameters.ts";
import { settleCarries } from "./plaintexts.ts";
import { createHeKeys, openDecryption, openEncryption } from "./scheme.ts";

const set = parametersFor(1000);
const { encrypt, decrypt, add } = envelopeOf(set);

test.each([1, 2, 17, 1000])("sums of %i full ciphertexts of the largest words are exact", (members) => {
  const words = BigUint64Array.from({ length: wordsPerCiphertext(set) }, (_, i) => 0xffff_ffff_ffff_ffffn - BigInt(i));
  // The same one again and again: no sum of ciphertexts is noisier.
  const one = encrypt(words);
  const { words: low, carries } = decrypt(add(Array.from({ length: members }, () => one)), words.length);
  const sums = [...low].map((word, i) => word + (BigInt(carries[i]!) << 64n));
  expect(sums).toEqual([...words].map((word) => word * BigInt(members)));
});

test("decrypted sums are the plain sums, for elements of one word and of two, over several ciphertexts", () => {
  const elements = (pattern: Pattern) =>
    fc.tuple(
      ...pattern.map((size) =>
        fc.bigInt({ min: -(1n << (64n * BigInt(size) - 1n)), max: (1n << (64n * BigInt(size) - 1n)) - 1n }),
      ),
    );
  const worlds = fc
    .array(fc.constantFrom<1 | 2>(1, 2), { minLength: 1, maxLength: 4 })
    .chain((pattern) => fc.tuple(fc.constant(pattern), fc.array(elements(pattern), { minLength: 1, maxLength: 5 })));
  fc.assert(
    fc.property(worlds, fc.boolean(), ([pattern, members], isLong) => {
      const perRepetition = pattern.reduce<number>((sum, size) => sum + size, 0);
      const times = isLong ? Math.ceil(5000 / perRepetition) : 1;
      const whole = <T>(some: readonly T[]) => Array.from({ length: times }, () => some).flat();
      const long = whole(pattern);
      const ciphertexts = members.map((values) => encrypt(encodeElements(whole(values), long)));
      const sum = settleCarries(decrypt(add(ciphertexts), times * perRepetition), pattern);
      const wanted = pattern.map((size, at) =>
        BigInt.asIntN(
          64 * size,
          members.reduce((total, values) => total + values[at]!, 0n),
        ),
      );
      expect(decodeElements(sum, long)).toEqual(whole(wanted));
    }),
    { numRuns: 30 },
  );
});

test("two encryptions of one vector have nothing in common, and one length", () => {
  const words = BigUint64Array.of(1n, 2n, 3n);
  const all = [0, 1, 2, 3].map(() => encrypt(words));
  const residues = all.map((bytes) => new Uint32Array(bytes.buffer, 32));
  // One in 67 million by chance.
  const same = residues[0]!.filter((residue, at) => residue === residues[1]![at]).length;
  expect(same).toBeLessThan(3);
  expect(new Set(all.map(({ length }) => length)).size).toBe(1);
});

test("another key reads something else, and no error says so", () => {
  const other = openDecryption(set, createHeKeys(set, random).secretKey);
  const words = BigUint64Array.of(1n, 2n, 3n);
  expect(other.decrypt(encrypt(words), 3).words).not.toEqual(words);
});

test.each([0x00, 0x55, 0xfe])("where samples are all of one byte (%i) a sum is exact all the same", (byte) => {
  const uniformBytes = 4 * (set.degree + 64);
  const stuck = (bytes: number) => (bytes === uniformBytes ? random(bytes) : new Uint8Array(bytes).fill(byte));
  const keys = createHeKeys(set, stuck);
  const words = new BigUint64Array(4096).fill(2n ** 64n - 1n);
  const sum = addedUp(set, new Array(1000).fill(openEncryption(set, keys.publicKey, stuck)(words)));
  const read = openDecryption(set, keys.secretKey).decrypt(sum, words.length);
  expect(new Set(read.words)).toEqual(new Set([BigInt.asUintN(64, 1000n * (2n ** 64n - 1n))]));
  expect(new Set(read.carries)).toEqual(new Set([999]));
});

test("an honest ciphertext is off by far less than the bound, and its noise is there", () => {
  // With a secret of zero the first polynomial is scaled words and noise alone.
  const zero = new Uint8Array(set.degree);
  const bare = openDecryption(set, zero);
  expect(bare.decrypt(encrypt(BigUint64Array.of(5n)), 1).words[0]).not.toBe(5n);
  expect(2n ** 76n * largestNoise(set, 1000)).toBeLessThan(modulusOf(set));
});

test.each([
  ["of another length", new Uint8Array(4095)],
  ["with a coefficient that is none", new Uint8Array(4096).with(17, 3)],
])("a secret key %s is refused, and nothing says why", (_, key) => {
  const FAILED = expect.objectContaining({ code: "ERR_HE_FAILED" });
  expect(() => openDecryption(set, key)).toThrow(FAILED);
});
