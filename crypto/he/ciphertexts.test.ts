import { expect, test } from "vitest";
import { envelopeOf } from "./_envelope.ts";
import { assertCiphertexts, createSumOfChunks, sealedBytes } from "./ciphertexts.ts";
import { parametersFor, wordsPerCiphertext } from "./parameters.ts";

const set = parametersFor(17);
const { encrypt, add } = envelopeOf(set);
const WORDS = wordsPerCiphertext(set) + 1;

test.each([3, 17])("C's sum over %i members is told from every other one without a key", (members) => {
  const chunks = Array.from({ length: members }, (_, member) =>
    encrypt(new BigUint64Array(WORDS).fill(BigInt(member))),
  );
  const size = sealedBytes(set, WORDS);
  expect(chunks[0]!.length).toBe(size);
  const check = createSumOfChunks(set, size);
  for (const chunk of chunks) check.add(chunk);
  const sum = add(chunks);
  expect(check.isSum(sum)).toBe(true);
  expect(check.isSum(add(chunks.slice(1)))).toBe(false);
  expect(check.isSum(add([...chunks, chunks[0]!]))).toBe(false);
  expect(check.isSum(chunks[0]!)).toBe(false);
  expect(check.isSum(sum.subarray(0, size / 2))).toBe(false);
  // One unit in the lowest or a high bit of one residue of either ciphertext.
  for (const at of [32, 34, size - 4, size - 2]) {
    expect(check.isSum(sum.with(at, sum[at]! ^ 1))).toBe(false);
  }
});

test("residues of a sum are those of the plain sum modulo each prime", () => {
  const [a, b] = [encrypt(BigUint64Array.of(1n)), encrypt(BigUint64Array.of(2n))];
  const residues = (bytes: Uint8Array) => new Uint32Array(bytes.buffer, 32);
  const wanted = residues(a).map((one, at) => {
    return (one + residues(b)[at]!) % set.primes[Math.floor(at / 4096) % 4]!;
  });
  expect(residues(add([a, b]))).toEqual(wanted);
});

test("a ciphertext among several that is none is found, and so are bytes that are no whole number of them", () => {
  const chunk = encrypt(new BigUint64Array(WORDS));
  expect(() => assertCiphertexts(set, chunk)).not.toThrow();
  expect(() => assertCiphertexts(set, chunk.with(chunk.length / 2 + 5, 1))).toThrow("name: not that of a ciphertext");
  for (const wrong of [chunk.subarray(1), new Uint8Array(0)]) {
    expect(() => assertCiphertexts(set, wrong)).toThrow("wanted a multiple of 131104 bytes");
  }
  const sum = createSumOfChunks(set, chunk.length);
  expect(() => sum.add(chunk.subarray(0, chunk.length / 2))).toThrow("wanted 262208 bytes, got 131104");
});
