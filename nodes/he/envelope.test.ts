import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { type HashedCiphertext, signContribution } from "../../crypto/he/contribution.ts";
import { parametersFor } from "../../crypto/he/parameters.ts";
import { createHeKeys, openAddSession, openDecryptSession, openEncryptSession } from "../../crypto/he/session.ts";
import { signingIdentity } from "../../crypto/suites/signed.ts";
import { createEnvelopeKeys, openEnvelopeAdder, openEnvelopeEncryptor, openEnvelopeReader } from "./envelope.ts";
import { compileSeal, startSeal } from "./load-seal.ts";
import { openSealWorkers } from "./seal-workers.ts";

const MEMBERS = ["a", "b", "c"];
const WORDS = 5001;
const MIB = 2 ** 20;
const set = parametersFor(MEMBERS.length);
const about = { computation: "one", context: "masks", words: WORDS };
const identities = MEMBERS.map((member) => signingIdentity(member, "intl", randomBytes(32)));
const publicKeys = new Map(identities.map(({ member, publicKey }) => [member, publicKey]));
const randomWords = () => new BigUint64Array(Uint8Array.from(randomBytes(8 * WORDS)).buffer);
const FAILED = expect.objectContaining({ code: "ERR_HE_FAILED" });

test("a vector of several ciphertexts goes through members, coordinator and receiver; the key reads it once", async () => {
  const keys = await createEnvelopeKeys(set);
  const vectors = MEMBERS.map(randomWords);
  const contributions = [];
  {
    await using encryptor = await openEnvelopeEncryptor(set, keys.publicKey, { threads: 2 });
    await encryptor.prepare(4);
    for (const [i, words] of vectors.entries()) {
      contributions.push(signContribution(identities[i]!, { ...about, set }, await encryptor.encrypt(words)));
    }
  }
  await using adder = await openEnvelopeAdder(set, { threads: 2 });
  const ciphertexts = await adder.add(about, publicKeys, contributions);
  const sum = { ciphertexts, words: WORDS, pattern: [1, 2] as const };
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

test("a ciphertext that is none stops the sum before the library sees it, and the worker goes on", async () => {
  const keys = await createEnvelopeKeys(set);
  await using workers = await openSealWorkers(set, { kind: "encrypt", publicKey: keys.publicKey }, { threads: 1 });
  const good = await workers.run({ kind: "encrypt", words: BigUint64Array.of(7n) });
  const bad: HashedCiphertext = { ...good, bytes: new Uint8Array(64 * MIB) };
  await using adding = await openSealWorkers(set, { kind: "add" }, { threads: 1 });
  const refused = adding.run({ kind: "add", ciphertexts: [good, bad] });
  await expect(refused).rejects.toThrow(/wanted 65649 bytes, got 67108864/);
  const altered = { ...good, bytes: good.bytes.with(200, good.bytes[200]! ^ 1) };
  await expect(adding.run({ kind: "add", ciphertexts: [altered] })).rejects.toThrow(/differs from its signed hash/);
  expect(await adding.run({ kind: "add", ciphertexts: [good] })).toEqual(good.bytes);
});

test("a worker does what its role is, and no other role's work", async () => {
  await using adding = await openSealWorkers(set, { kind: "add" }, { threads: 1 });
  const ciphertext = new Uint8Array(0);
  await expect(adding.run({ kind: "decrypt", ciphertext, count: 1 })).rejects.toThrow(FAILED);
  // It has ended with that.
  await expect(adding.run({ kind: "keys" })).rejects.toThrow(FAILED);
});

test("a wrong key is refused before anything runs", async () => {
  await expect(openEnvelopeEncryptor(set, new Uint8Array(10), { threads: 1 })).rejects.toThrow(FAILED);
  const key = randomBytes(32_856);
  await expect(openEnvelopeReader(set, key, { threads: 1 })).rejects.toThrow(FAILED);
  expect(key.every((byte) => byte === 0)).toBe(true);
});

test("a worker that needs more memory than it may have ends, with the same error as ever", async () => {
  const { publicKey } = await createEnvelopeKeys(set);
  const options = { threads: 1, maximumHeapBytes: 24 * MIB };
  await using workers = await openSealWorkers(set, { kind: "encrypt", publicKey }, options);
  await workers.run({ kind: "prepare", count: 10 });
  const failure = await workers.run({ kind: "prepare", count: 1000 }).catch((error: unknown) => error);
  expect(failure).toEqual(FAILED);
  expect(String(failure)).toBe("HeError: the homomorphic operation failed");
});

test("10,000 operations leave nothing on the heap of the library", async () => {
  const { seal, heapBytes } = await startSeal(await compileSeal(), 64 * MIB);
  const keys = createHeKeys({ seal, set });
  const words = BigUint64Array.of(1n, 2n, 3n);
  function round(operations: number): void {
    using encrypting = openEncryptSession({ seal, set }, keys.publicKey);
    using adding = openAddSession({ seal, set });
    using decrypting = openDecryptSession({ seal, set }, keys.secretKey);
    encrypting.prepare(2);
    const one = encrypting.encrypt(words);
    for (let at = 0; at < operations; at++) {
      if (at % 20 === 0) encrypting.encrypt(words);
      else if (at % 20 === 1) decrypting.decrypt(one.bytes, 3);
      else adding.add([one]);
    }
    expect([...decrypting.decrypt(one.bytes, 3).words]).toEqual([1n, 2n, 3n]);
  }
  round(20);
  const before = heapBytes();
  for (let at = 0; at < 20; at++) {
    round(500);
    expect(heapBytes()).toBe(before);
  }
});
