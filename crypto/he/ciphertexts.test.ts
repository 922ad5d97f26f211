import initialize from "node-seal";
import { expect, test } from "vitest";
import { assertCiphertexts, ciphertextsIn, createSumCheck, sealedBytes } from "./ciphertexts.ts";
import { parametersFor, wordsPerCiphertext } from "./parameters.ts";
import { createHeKeys, openAddSession, openEncryptSession } from "./session.ts";

const seal = await initialize();
const joined = (blobs: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(blobs));

test.each([3, 17])("C's sum over %i members is told from every other one without the library", (members) => {
  const set = parametersFor(members);
  using encrypting = openEncryptSession({ seal, set }, createHeKeys({ seal, set }).publicKey);
  using adding = openAddSession({ seal, set });
  const chunks = Array.from({ length: members }, (_, member) =>
    joined([0, 1].map((place) => encrypting.encrypt(BigUint64Array.of(BigInt(member), BigInt(place))))),
  );
  const size = sealedBytes(set, wordsPerCiphertext(set) + 1);
  expect(chunks[0]!.length).toBe(size);
  const sumOf = (some: readonly Uint8Array[]) =>
    joined([0, 1].map((place) => adding.add(some.map((chunk) => ciphertextsIn(set, chunk)[place]!))));
  const check = createSumCheck(set, size);
  for (const chunk of chunks) check.add(chunk);
  const sum = sumOf(chunks);
  expect(check.isSum(sum)).toBe(true);
  expect(check.isSum(sumOf(chunks.slice(1)))).toBe(false);
  expect(check.isSum(sumOf([...chunks, chunks[0]!]))).toBe(false);
  expect(check.isSum(chunks[0]!)).toBe(false);
  expect(check.isSum(sum.subarray(0, size / 2))).toBe(false);
  // One unit in the lowest or highest bit of one coefficient of either ciphertext.
  for (const at of [113, 119, size - 8, size - 2]) {
    expect(check.isSum(sum.with(at, sum[at]! ^ 1))).toBe(false);
  }
});

test("a ciphertext among several that is none is found", () => {
  const set = parametersFor(3);
  using encrypting = openEncryptSession({ seal, set }, createHeKeys({ seal, set }).publicKey);
  const chunk = joined([0, 1].map(() => encrypting.encrypt(BigUint64Array.of(1n))));
  expect(() => assertCiphertexts(set, chunk)).not.toThrow();
  const altered = chunk.with(chunk.length / 2 + 5, 1);
  expect(() => assertCiphertexts(set, altered)).toThrow("compression: not that of bfv-4096-60-36");
});
