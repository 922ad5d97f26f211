import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { createZstdCompress } from "node:zlib";
import { expect, test } from "vitest";
import { homomorphicSet, sealedVectorBytes, sumsFit } from "../../chaincode/rules/homomorphic.ts";
import { assertSumsFit, parametersFor } from "../../crypto/he/parameters.ts";
import { createHeKeys, openAddSession, openDecryptSession, openEncryptSession } from "../../crypto/he/session.ts";
import { valuesCut } from "../../crypto/secagg/constants.ts";
import { vectorBytes } from "../../crypto/secagg/cut.ts";
import type { Layout } from "../../crypto/secagg/layout.ts";
import { createEnvelopeEncryptor, createEnvelopeKeys, openEnvelopeAdder, openEnvelopeReader } from "./envelope.ts";
import { compileSeal, startSeal } from "./load-seal.ts";
import { openSealWorkers } from "./seal-workers.ts";

const MEMBERS = ["a", "b", "c"];
const WORDS = 5001;
const MIB = 2 ** 20;
const ZEROS = Buffer.alloc(MIB);
const set = parametersFor(MEMBERS.length);
const randomWords = () => new BigUint64Array(Uint8Array.from(randomBytes(8 * WORDS)).buffer);
const FAILED = expect.objectContaining({ code: "ERR_HE_FAILED" });

test("a chunk of several ciphertexts goes through members, coordinator and receiver; the key reads it once", async () => {
  const keys = await createEnvelopeKeys(set);
  const vectors = MEMBERS.map(randomWords);
  await using encryptor = createEnvelopeEncryptor({ threads: 2 });
  const sealed = await Promise.all(vectors.map((words) => encryptor.encrypt(set, keys.publicKey, words)));
  await using adder = await openEnvelopeAdder(set, { threads: 2 });
  const sum = { index: 0, chunk: await adder.add(sealed), words: WORDS, pattern: [1, 2] as const };
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

test("one encryptor serves keys of different sets, and goes on after one that is none", async () => {
  await using encryptor = createEnvelopeEncryptor({ threads: 1 });
  for (const members of [3, 17, 3]) {
    const its = parametersFor(members);
    const keys = await createEnvelopeKeys(its);
    const words = BigUint64Array.of(1n, 2n ** 64n - 1n);
    const chunk = await encryptor.encrypt(its, keys.publicKey, words);
    await using reader = await openEnvelopeReader(its, keys.secretKey, { threads: 1 });
    expect(await reader.read({ index: 0, chunk, words: 2, pattern: [1] })).toEqual(words);
    const wrong = encryptor.encrypt(its, keys.publicKey.subarray(1), words);
    await expect(wrong).rejects.toThrow("public key: wanted 65649 bytes, got 65648");
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
  expect(sealed.map(({ length }) => length / 65_649)).toEqual([1, 3]);
  expect(failures).toBeLessThan(0);
});

test("a ciphertext that is none stops the sum before the library sees it, and the worker goes on", async () => {
  const keys = await createEnvelopeKeys(set);
  await using encryptor = createEnvelopeEncryptor({ threads: 1 });
  const good = await encryptor.encrypt(set, keys.publicKey, BigUint64Array.of(7n));
  await using adding = await openSealWorkers({ kind: "add", set: set.id }, { threads: 1 });
  const refused = adding.run({ kind: "add", ciphertexts: [good, new Uint8Array(64 * MIB)] });
  await expect(refused).rejects.toThrow(/wanted 65649 bytes, got 67108864/);
  const altered = good.with(5, 1);
  await expect(adding.run({ kind: "add", ciphertexts: [altered] })).rejects.toThrow(/compression: not that of/);
  expect(await adding.run({ kind: "add", ciphertexts: [good] })).toEqual(good);
});

test("a worker does what its role is, and no other role's work", async () => {
  await using adding = await openSealWorkers({ kind: "add", set: set.id }, { threads: 1 });
  const ciphertext = new Uint8Array(0);
  await expect(adding.run({ kind: "decrypt", ciphertext, count: 1 })).rejects.toThrow(FAILED);
  // It has ended with that.
  await expect(adding.run({ kind: "keys" })).rejects.toThrow(FAILED);
});

test("a wrong secret key is refused before anything runs, and is zero afterwards", async () => {
  const key = randomBytes(32_856);
  await expect(openEnvelopeReader(set, key, { threads: 1 })).rejects.toThrow(FAILED);
  expect(key.every((byte) => byte === 0)).toBe(true);
});

/** A frame that unpacks to so many bytes inside the library. */
async function bomb(like: Uint8Array, mebibytes: number): Promise<Uint8Array> {
  const zeros = Array.from({ length: mebibytes }, () => ZEROS);
  const packed = await buffer(Readable.from(zeros).pipe(createZstdCompress()));
  const bytes = Buffer.concat([like.subarray(0, 16), packed]);
  bytes.writeUInt8(2, 5);
  bytes.writeBigUInt64LE(BigInt(bytes.length), 8);
  return Uint8Array.from(bytes);
}

test("a blob that would fill the memory fails with its worker in bounded memory, and the next worker does the work", async () => {
  const { publicKey, secretKey } = await createEnvelopeKeys(set);
  await using encryptor = createEnvelopeEncryptor({ threads: 1 });
  const chunk = await encryptor.encrypt(set, publicKey, BigUint64Array.of(7n));
  // Nothing of others' comes so far: the library is given it as a node's own key.
  const filling = await bomb(secretKey, 512);
  expect(filling.length).toBeLessThan(MIB);
  const most = () => process.resourceUsage().maxRSS * 1024;
  const before = most();
  await expect(openEnvelopeReader(set, filling, { threads: 1 })).rejects.toThrow(FAILED);
  expect(most() - before).toBeLessThan(256 * MIB);
  await using reader = await openEnvelopeReader(set, secretKey, { threads: 1 });
  expect(await reader.read({ index: 0, chunk, words: 1, pattern: [1] })).toEqual(BigUint64Array.of(7n));
});

test("10,000 operations leave nothing on the heap of the library", async () => {
  const { seal, heapBytes } = await startSeal(await compileSeal(), 64 * MIB);
  const keys = createHeKeys({ seal, set });
  const words = BigUint64Array.of(1n, 2n, 3n);
  function round(operations: number): void {
    using encrypting = openEncryptSession({ seal, set }, keys.publicKey);
    using adding = openAddSession({ seal, set });
    using decrypting = openDecryptSession({ seal, set }, keys.secretKey);
    const one = encrypting.encrypt(words);
    for (let at = 0; at < operations; at++) {
      if (at % 20 === 0) encrypting.encrypt(words);
      else if (at % 20 === 1) decrypting.decrypt(one, 3);
      else adding.add([one]);
    }
    expect([...decrypting.decrypt(one, 3).words]).toEqual([1n, 2n, 3n]);
  }
  round(20);
  const before = heapBytes();
  for (let at = 0; at < 20; at++) {
    round(500);
    expect(heapBytes()).toBe(before);
  }
});

test.each([3, 16, 17, 1000])("the contract and the evidence know the parameters for %i members", (members) => {
  const its = parametersFor(members);
  const listed = homomorphicSet(its.id)!;
  expect(1n << BigInt(listed.plainBits)).toBe(its.plainModulus);
  expect(listed.limbBits).toBe(its.limbBits);
  const most = Math.floor(2 ** listed.plainBits / (2 ** listed.limbBits - 1));
  for (const count of [members, most])
    expect(sumsFit(listed, count)).toBe(count * (2 ** listed.limbBits - 1) < 2 ** listed.plainBits);
  expect(() => assertSumsFit(its, members)).not.toThrow();
  for (const [atoms, components] of [
    [1, [1]],
    [31 * 2048, [1]],
    [70_001, [1, 2, 1]],
    [40_000, [2]],
  ] as const) {
    const layout = { components, chunkWords: 1 << 18 } as unknown as Layout;
    const cut = valuesCut({ envelope: { method: "bfv", parameters: its.id } }, layout, atoms);
    const perAtom = components.reduce<number>((sum, one) => sum + one, 0);
    expect(sealedVectorBytes(listed, cut.words, perAtom)).toBe(vectorBytes(cut));
  }
});
