import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { homomorphicSet, sealedVectorBytes, sumsFit } from "../../chaincode/rules/homomorphic.ts";
import { addedUp } from "../../crypto/he/_envelope.ts";
import { assertSumsFit, parametersFor } from "../../crypto/he/parameters.ts";
import { valuesCut } from "../../crypto/secagg/constants.ts";
import { vectorBytes } from "../../crypto/secagg/cut.ts";
import type { Layout } from "../../crypto/secagg/layout.ts";
import { createEnvelopeEncryptor, createEnvelopeKeys, openEnvelopeReader } from "./envelope.ts";
import { openEnvelopeWorkers } from "./envelope-workers.ts";

const MEMBERS = ["a", "b", "c"];
const WORDS = 13_001;
const set = parametersFor(MEMBERS.length);
const randomWords = () => new BigUint64Array(Uint8Array.from(randomBytes(8 * WORDS)).buffer);
const FAILED = expect.objectContaining({ code: "ERR_HE_FAILED" });

test("a chunk of several ciphertexts goes through members, coordinator and receiver; the key reads it once", async () => {
  const keys = await createEnvelopeKeys(set);
  const vectors = MEMBERS.map(randomWords);
  await using encryptor = createEnvelopeEncryptor({ threads: 2 });
  const sealed = await Promise.all(vectors.map((words) => encryptor.encrypt(set, keys.publicKey, words)));
  const sum = { index: 0, chunk: addedUp(set, sealed), words: WORDS, pattern: [1, 2] as const };
  await using reader = await openEnvelopeReader(set, keys.secretKey);
  const read = await reader.read(sum);
  const total = Array.from({ length: WORDS }, (_, i) => vectors.reduce((all, one) => all + one[i]!, 0n));
  // The second word of every three is the low one of a two-word element.
  const wanted = total.map((word, i) => BigInt.asUintN(64, i % 3 === 2 ? word + (total[i - 1]! >> 64n) : word));
  expect([...read]).toEqual(wanted);
  expect(keys.secretKey.every((byte) => byte === 0)).toBe(true);
  const SPENT = expect.objectContaining({ code: "ERR_HE_KEY_SPENT" });
  await expect(reader.read(sum)).rejects.toThrow(SPENT);
  await expect(openEnvelopeReader(set, keys.secretKey)).rejects.toThrow(SPENT);
});

test("one encryptor serves one key after another, and goes on after one that is none", async () => {
  await using encryptor = createEnvelopeEncryptor({ threads: 1 });
  for (let round = 0; round < 3; round++) {
    const keys = await createEnvelopeKeys(set);
    const words = BigUint64Array.of(1n, 2n ** 64n - 1n);
    const chunk = await encryptor.encrypt(set, keys.publicKey, words);
    await using reader = await openEnvelopeReader(set, keys.secretKey, { threads: 1 });
    expect(await reader.read({ index: 0, chunk, words: 2, pattern: [1] })).toEqual(words);
    const wrong = encryptor.encrypt(set, keys.publicKey.subarray(1), words);
    await expect(wrong).rejects.toThrow("public key: wanted 131104 bytes, got 131103");
  }
});

test("a key that is none costs the vectors that are encrypted meanwhile nothing", async () => {
  const { publicKey } = await createEnvelopeKeys(set);
  await using encryptor = createEnvelopeEncryptor({ threads: 1 });
  const others = () => [randomWords(), randomWords()].map((words) => encryptor.encrypt(set, publicKey, words));
  const wrong = encryptor.encrypt(set, publicKey.subarray(1), randomWords());
  const beside = Promise.all(others());
  await expect(wrong).rejects.toThrow("public key: wanted");
  const sealed = [...(await beside), ...(await Promise.all(others()))];
  expect(new Set(sealed.map(({ length }) => length)).size).toBe(1);
});

test("where a worker fails, the vector and those beside it are encrypted by others", async () => {
  const { publicKey } = await createEnvelopeKeys(set);
  await using encryptor = createEnvelopeEncryptor({ threads: 2 });
  const words = BigUint64Array.of(7n);
  const whole = words.slice.bind(words);
  let failures = 1;
  // Says it has more bytes than it has: the worker that gets it fails.
  const short = { length: 1, byteOffset: 0, byteLength: 8 };
  words.slice = (...range) =>
    failures-- > 0 ? ({ ...short, buffer: new ArrayBuffer(4) } as unknown as typeof words) : whole(...range);
  const sealed = await Promise.all([words, randomWords()].map((one) => encryptor.encrypt(set, publicKey, one)));
  expect(sealed.map(({ length }) => length / 131_104)).toEqual([1, 4]);
  expect(failures).toBeLessThan(0);
});

test("what is no ciphertext is not decrypted, and the worker goes on", async () => {
  const { publicKey, secretKey } = await createEnvelopeKeys(set);
  await using encryptor = createEnvelopeEncryptor({ threads: 1 });
  const good = await encryptor.encrypt(set, publicKey, BigUint64Array.of(7n));
  await using reader = await openEnvelopeReader(set, secretKey, { threads: 1 });
  const read = (index: number, chunk: Uint8Array) => reader.read({ index, chunk, words: 1, pattern: [1] });
  await expect(read(0, new Uint8Array(64 * 2 ** 20))).rejects.toThrow("sum: wanted 131104 bytes, got 67108864");
  await expect(read(1, good.with(5, 1))).rejects.toThrow("name: not that of a ciphertext");
  expect(await read(2, good)).toEqual(BigUint64Array.of(7n));
});

test("a worker does what its role is, and no other role's work", async () => {
  await using encrypting = await openEnvelopeWorkers({ kind: "encrypt" }, { threads: 1 });
  const chunk = new Uint8Array(0);
  await expect(encrypting.run({ kind: "decrypt", chunk, count: 1 })).rejects.toThrow(FAILED);
  // It has ended with that.
  await expect(encrypting.run({ kind: "keys" })).rejects.toThrow(FAILED);
});

test("a wrong secret key is refused before anything runs, and is zero afterwards", async () => {
  const key = Uint8Array.from(randomBytes(4096), (byte) => byte | 4);
  await expect(openEnvelopeReader(set, key, { threads: 1 })).rejects.toThrow(FAILED);
  expect(key.every((byte) => byte === 0)).toBe(true);
});

test.each([3, 16, 17, 1000])("the contract and the evidence know the parameters for %i members", (members) => {
  const its = parametersFor(members);
  const listed = homomorphicSet(its.id)!;
  expect(listed.plainBits).toBe(its.plainBits);
  expect(listed.maximumMembers).toBe(its.maximumMembers);
  for (const [count, fits] of [
    [members, true],
    [1000, true],
    [1001, false],
  ] as const)
    expect(sumsFit(listed, count)).toBe(fits);
  expect(sumsFit({ ...listed, plainBits: 65 }, 3)).toBe(false);
  expect(() => assertSumsFit(its, members)).not.toThrow();
  for (const [atoms, components] of [
    [1, [1]],
    [15 * 4096, [1]],
    [70_001, [1, 2, 1]],
    [40_000, [2]],
  ] as const) {
    const layout = { components, chunkWords: 1 << 18 } as unknown as Layout;
    const cut = valuesCut({ envelope: { method: "bfv", parameters: its.id } }, layout, atoms);
    const perAtom = components.reduce<number>((sum, one) => sum + one, 0);
    expect(sealedVectorBytes(listed, cut.words, perAtom)).toBe(vectorBytes(cut));
  }
});
