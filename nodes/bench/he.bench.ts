/**
 * One vector under the homomorphic envelope: encrypted, added to another one, decrypted; the same by plain use of the same
 * library (he-naive.ts) and by the mask envelope. They take turns, and the best round of each counts. Ours works on as many
 * threads as there are processors, signs, checks and hashes what it sends; its words have 64 bits, the library's values 60.
 * `heSpeedup` counts the making of encryptions of zero; `heReadyMs` is what is left of encrypting where they were made
 * ahead, while a source is being read; `heOpenMs`, not in it, is the start of the workers of one role. `heLoopMs` is the longest stretch of processor time that our side held the event loop.
 */
import { randomBytes } from "node:crypto";
import { type Contribution, type HashedCiphertext, signContribution } from "../../crypto/he/contribution.ts";
import { ciphertextsFor, parametersFor } from "../../crypto/he/parameters.ts";
import { applyMask } from "../../crypto/secagg/masks.ts";
import { arithmeticOf } from "../../crypto/secagg/words.ts";
import { signingIdentity } from "../../crypto/suites/signed.ts";
import { createEnvelopeKeys, openEnvelopeAdder, openEnvelopeEncryptor, openEnvelopeReader } from "../he/envelope.ts";
import { type BenchOptions, defineBench } from "./bench.ts";
import { openNaiveScheme } from "./he-naive.ts";

const SIZES = { values: { full: 1_000_000, tiny: 3000 }, rounds: { full: 3, tiny: 1 } };
const PHASES = ["encrypt", "add", "decrypt"] as const;
type Times = Record<(typeof PHASES)[number], number>;
const SUM = { computation: "0".repeat(32), context: "bench" };
const wordsLike = (count: number) => new BigUint64Array(Uint8Array.from(randomBytes(8 * count)).buffer);
const bytesOf = (parts: readonly Uint8Array[]) => parts.reduce((sum, { length }) => sum + length, 0);
const total = (times: Times) => PHASES.reduce((sum, phase) => sum + times[phase], 0);
const timed = async <T>(work: () => T | Promise<T>) => {
  const began = performance.now();
  const value = await work();
  return { value, ms: performance.now() - began };
};

export const heBench = defineBench(SIZES, async ({ sizes, note }: BenchOptions<keyof typeof SIZES>) => {
  const { values } = sizes;
  using naive = await openNaiveScheme();
  const runs = { ours: [] as Times[], naive: [] as Times[], mask: [] as Times[] };
  const ready: number[] = [];
  const opening: number[] = [];
  let bytes = { ours: 0, naive: 0 };
  let loopMs = 0;
  for (let round = 0; round < sizes.rounds; round++) {
    note(`round ${round + 1} of ${sizes.rounds}`);
    const loop = watchLoop();
    const ours = await runOurs(values);
    loopMs = Math.max(loopMs, loop());
    runs.ours.push(ours.times);
    ready.push(ours.readyMs);
    opening.push(ours.openMs);
    const plain = await runNaive(naive, values);
    runs.naive.push(plain.times);
    bytes = { ours: ours.bytes, naive: plain.bytes };
    runs.mask.push(await runMask(values));
  }
  const best = (times: readonly Times[]) => times.reduce((a, b) => (total(b) < total(a) ? b : a));
  const all = { he: best(runs.ours), naive: best(runs.naive), mask: best(runs.mask) };
  const set = parametersFor(2);
  return {
    parameters: { values, set: set.id, naiveBits: naive.bits, ciphertexts: ciphertextsFor(set, values) },
    results: [
      { metric: "heSpeedup", value: total(all.naive) / total(all.he), unit: "x", target: { atLeast: 3 } },
      ...Object.entries(all).flatMap(([name, times]) =>
        PHASES.map((phase) => ({
          metric: `${name}${phase[0]!.toUpperCase()}${phase.slice(1)}Ms`,
          value: times[phase],
          unit: "ms",
        })),
      ),
      { metric: "heReadyMs", value: Math.min(...ready), unit: "ms" },
      { metric: "heOpenMs", value: Math.min(...opening), unit: "ms" },
      { metric: "heLoopMs", value: loopMs, unit: "ms", target: { atMost: 20 } },
      { metric: "heBytes", value: bytes.ours, unit: "bytes" },
      { metric: "naiveBytes", value: bytes.naive, unit: "bytes" },
      { metric: "maskBytes", value: 8 * values, unit: "bytes" },
    ],
  };
});

async function runOurs(values: number) {
  const set = parametersFor(2);
  const sum = { ...SUM, words: values };
  const identities = ["a", "b"].map((member) => signingIdentity(member, "intl", randomBytes(32)));
  const vectors = identities.map(() => wordsLike(values));
  const keys = await createEnvelopeKeys(set);
  const open = await timed(() => openEnvelopeEncryptor(set, keys.publicKey));
  const contributions: Contribution[] = [];
  const take = (ciphertexts: readonly HashedCiphertext[]) =>
    contributions.push(signContribution(identities[contributions.length]!, { ...sum, set }, ciphertexts));
  const times = { encrypt: 0, add: 0, decrypt: 0 };
  let readyMs = 0;
  {
    await using encryptor = open.value;
    times.encrypt = (await timed(async () => take(await encryptor.encrypt(vectors[0]!)))).ms;
    await encryptor.prepare(ciphertextsFor(set, values));
    readyMs = (await timed(async () => take(await encryptor.encrypt(vectors[1]!)))).ms;
  }
  const publicKeys = new Map(identities.map(({ member, publicKey }) => [member, publicKey]));
  await using adder = await openEnvelopeAdder(set);
  const added = await timed(() => adder.add(sum, publicKeys, contributions));
  times.add = added.ms;
  await using reader = await openEnvelopeReader(set, keys.secretKey);
  const read = await timed(() => reader.read({ ciphertexts: added.value, words: values, pattern: [1] }));
  times.decrypt = read.ms;
  assertSame(read.value, vectors);
  const bytes = bytesOf(contributions[0]!.ciphertexts.map((one) => one.bytes));
  return { times, readyMs, openMs: open.ms, bytes };
}

async function runNaive(naive: Awaited<ReturnType<typeof openNaiveScheme>>, values: number) {
  const vectors = ["a", "b"].map(() => wordsLike(values).map((word) => word >> 6n));
  const encrypted = await timed(() => naive.encrypt(vectors[0]!));
  const other = naive.encrypt(vectors[1]!);
  const added = await timed(() => naive.add(encrypted.value, other));
  const read = await timed(() => naive.decrypt(added.value, values));
  assertSame(read.value, vectors);
  return { times: { encrypt: encrypted.ms, add: added.ms, decrypt: read.ms }, bytes: bytesOf(encrypted.value) };
}

/** One mask more on the member's words, and off the sum again at the receiver. */
async function runMask(values: number): Promise<Times> {
  const arithmetic = arithmeticOf([1]);
  const vectors = ["a", "b"].map(() => wordsLike(values));
  const keys = vectors.map(() => randomBytes(32));
  const masked = vectors.map((words) => words.slice());
  const encrypt = await timed(() => applyMask(masked[0]!, keys[0]!, "add", arithmetic));
  applyMask(masked[1]!, keys[1]!, "add", arithmetic);
  const sum = masked[0]!;
  const add = await timed(() => arithmetic.add(sum, masked[1]!));
  const decrypt = await timed(() => {
    for (const key of keys) applyMask(sum, key, "subtract", arithmetic);
  });
  assertSame(sum, vectors);
  return { encrypt: encrypt.ms, add: add.ms, decrypt: decrypt.ms };
}

function assertSame(sum: BigUint64Array, vectors: readonly BigUint64Array[]): void {
  const wrong = sum.findIndex(
    (word, i) =>
      word !==
      BigInt.asUintN(
        64,
        vectors.reduce((all, one) => all + one[i]!, 0n),
      ),
  );
  if (wrong !== -1) throw new Error(`value ${wrong}: the sum is wrong`);
}

/** Longest processor time of this thread between two turns of its event loop; other work on the machine does not count. */
function watchLoop(): () => number {
  let longest = 0;
  let on = true;
  let last = process.threadCpuUsage();
  const look = () => {
    const now = process.threadCpuUsage();
    longest = Math.max(longest, (now.user + now.system - last.user - last.system) / 1000);
    last = now;
    if (on) setImmediate(look);
  };
  setImmediate(look);
  return () => {
    on = false;
    return longest;
  };
}
