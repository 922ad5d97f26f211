/**
 * One vector under the homomorphic envelope, chunk by chunk as in a computation: encrypted, added to another one, checked and
 * decrypted; the same by plain use of node-seal (he-naive.ts) and by the mask envelope. They take turns. Ours works
 * on as many threads as there are processors, hashes and checks what it sends; its words have 64 bits, the library's values
 * 60. `heColdSpeedup` is the first round, in a process where nothing has run yet, with the start of our workers in it;
 * `heSpeedup` the best round of each, where the encryptor is that of the node and the reader has started while a
 * computation's earlier rounds ran: `heOpenMs`, not in it. `heProcessorRatio` compares processor time of all threads, which a busy
 * machine changes less. `heLoopMs` is the longest stretch of processor time that our
 * side held the event loop.
 */
import { randomBytes } from "node:crypto";
import { setImmediate as breathe } from "node:timers/promises";
import { createSumOfChunks } from "../../crypto/he/ciphertexts.ts";
import { ciphertextsFor, parametersFor } from "../../crypto/he/parameters.ts";
import { assertSealed, chunkHash } from "../../crypto/secagg/chunks.ts";
import { valuesCut } from "../../crypto/secagg/constants.ts";
import { chunkBytes, chunksOf } from "../../crypto/secagg/cut.ts";
import type { Layout } from "../../crypto/secagg/layout.ts";
import { applyMask } from "../../crypto/secagg/masks.ts";
import { arithmeticOf } from "../../crypto/secagg/words.ts";
import { createEnvelopeEncryptor, createEnvelopeKeys, openEnvelopeReader } from "../he/envelope.ts";
import { type BenchOptions, defineBench } from "./bench.ts";
import { openNaiveScheme } from "./he-naive.ts";

const SIZES = { values: { full: 1_000_000, tiny: 3000 }, rounds: { full: 4, tiny: 1 } };
const PHASES = ["encrypt", "add", "decrypt"] as const;
type Times = Record<(typeof PHASES)[number], number>;
const wordsLike = (count: number) => new BigUint64Array(Uint8Array.from(randomBytes(8 * count)).buffer);
const bytesOf = (parts: readonly Uint8Array[]) => parts.reduce((sum, { length }) => sum + length, 0);
const processorOf = (phases: readonly { readonly processorMs: number }[]) =>
  phases.reduce((sum, phase) => sum + phase.processorMs, 0);
const total = (times: Times) => PHASES.reduce((sum, phase) => sum + times[phase], 0);
const processorMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const timed = async <T>(work: () => T | Promise<T>) => {
  const began = performance.now();
  const worked = processorMs();
  const value = await work();
  return { value, ms: performance.now() - began, processorMs: processorMs() - worked };
};

export const heBench = defineBench(SIZES, async ({ sizes, note }: BenchOptions<keyof typeof SIZES>) => {
  const { values } = sizes;
  const runs = { ours: [] as Times[], naive: [] as Times[], mask: [] as Times[] };
  const opening: number[] = [];
  const processor = { ours: [] as number[], naive: [] as number[] };
  let bytes = { ours: 0, naive: 0 };
  let loopMs = 0;
  await using encryptor = createEnvelopeEncryptor();
  // Ours meets a process in which nothing has run; compiled code is the process's, so the other side finds it warmer.
  const first = await runOurs(encryptor, values);
  using naive = await openNaiveScheme();
  const plain = await runNaive(naive, values);
  const cold = { he: total(first.times) + first.openMs, naive: total(plain.times) };
  for (let round = 0; round < sizes.rounds; round++) {
    note(`round ${round + 1} of ${sizes.rounds}`);
    const ours = await runOurs(encryptor, values);
    loopMs = Math.max(loopMs, ours.loopMs);
    runs.ours.push(ours.times);
    processor.ours.push(ours.processorMs);
    opening.push(ours.openMs);
    const other = await runNaive(naive, values);
    runs.naive.push(other.times);
    processor.naive.push(other.processorMs);
    bytes = { ours: ours.bytes, naive: other.bytes };
    runs.mask.push(await runMask(values));
  }
  const best = (times: readonly Times[]) => times.reduce((a, b) => (total(b) < total(a) ? b : a));
  const all = { he: best(runs.ours), naive: best(runs.naive), mask: best(runs.mask) };
  const set = parametersFor(2);
  return {
    parameters: { values, set: set.id, naiveBits: naive.bits, ciphertexts: ciphertextsFor(set, values) },
    results: [
      { metric: "heSpeedup", value: total(all.naive) / total(all.he), unit: "x", target: { atLeast: 3 } },
      {
        metric: "heProcessorRatio",
        value: Math.min(...processor.naive) / Math.min(...processor.ours),
        unit: "x",
      },
      { metric: "heColdSpeedup", value: cold.naive / cold.he, unit: "x" },
      ...Object.entries(all).flatMap(([name, times]) =>
        PHASES.map((phase) => ({
          metric: `${name}${phase[0]!.toUpperCase()}${phase.slice(1)}Ms`,
          value: times[phase],
          unit: "ms",
        })),
      ),
      { metric: "heOpenMs", value: Math.min(...opening), unit: "ms" },
      { metric: "heLoopMs", value: loopMs, unit: "ms", target: { atMost: 20 } },
      { metric: "heBytes", value: bytes.ours, unit: "bytes" },
      { metric: "naiveBytes", value: bytes.naive, unit: "bytes" },
      { metric: "maskBytes", value: 8 * values, unit: "bytes" },
    ],
  };
});

async function runOurs(encryptor: ReturnType<typeof createEnvelopeEncryptor>, values: number) {
  const set = parametersFor(2);
  const layout = { components: [1], chunkWords: 1 << 18 } as unknown as Layout;
  const cut = valuesCut({ envelope: { method: "bfv", parameters: set.id } }, layout, values);
  const vectors = ["a", "b"].map(() => wordsLike(values));
  const keys = await createEnvelopeKeys(set);
  const open = await timed(async () => {
    encryptor.warm();
    return await openEnvelopeReader(set, keys.secretKey);
  });
  await using reader = open.value;
  const loop = watchLoop();
  async function encryptAll(words: BigUint64Array): Promise<Uint8Array[]> {
    const sealed: Uint8Array[] = [];
    for (const chunk of chunksOf(words, cut)) {
      const bytes = await encryptor.encrypt(set, keys.publicKey, chunk);
      chunkHash(bytes);
      sealed.push(bytes);
    }
    return sealed;
  }
  const one = await timed(() => encryptAll(vectors[0]!));
  const other = await encryptAll(vectors[1]!);
  const added = await timed(async () => {
    const sums: Uint8Array[] = [];
    for (const [index, chunk] of one.value.entries()) {
      const sum = createSumOfChunks(set, chunk.length);
      for (const bytes of [chunk, other[index]!]) {
        assertSealed(`chunk ${index}`, set.id, bytes);
        sum.add(bytes);
        await breathe();
      }
      sums.push(sum.chunk());
    }
    return sums;
  });
  const read = await timed(async () => {
    const words = new BigUint64Array(values);
    for (const [index, chunk] of added.value.entries()) {
      const check = createSumOfChunks(set, chunkBytes(cut, index));
      for (const bytes of [one.value[index]!, other[index]!]) {
        check.add(bytes);
        await breathe();
      }
      if (!check.isSum(chunk)) throw new Error(`chunk ${index}: the sum is not that of its ciphertexts`);
      const count = Math.min(cut.chunkWords, values - index * cut.chunkWords);
      words.set(await reader.read({ index, chunk, words: count, pattern: [1] }), index * cut.chunkWords);
    }
    return words;
  });
  const loopMs = loop();
  assertSame(read.value, vectors);
  const times = { encrypt: one.ms, add: added.ms, decrypt: read.ms };
  return { times, processorMs: processorOf([one, added, read]), openMs: open.ms, loopMs, bytes: bytesOf(one.value) };
}

async function runNaive(naive: Awaited<ReturnType<typeof openNaiveScheme>>, values: number) {
  const vectors = ["a", "b"].map(() => wordsLike(values).map((word) => word >> 6n));
  const encrypted = await timed(() => naive.encrypt(vectors[0]!));
  const other = naive.encrypt(vectors[1]!);
  const added = await timed(() => naive.add(encrypted.value, other));
  const read = await timed(() => naive.decrypt(added.value, values));
  assertSame(read.value, vectors);
  const times = { encrypt: encrypted.ms, add: added.ms, decrypt: read.ms };
  return { times, processorMs: processorOf([encrypted, added, read]), bytes: bytesOf(encrypted.value) };
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

/**
 * Longest processor time of this thread between two turns of its event loop, up to the millisecond that a turn is waited
 * for; other work on the machine does not count. Looking at every turn would itself keep a processor from the workers.
 */
function watchLoop(): () => number {
  let longest = 0;
  let last = process.threadCpuUsage();
  const look = () => {
    const now = process.threadCpuUsage();
    longest = Math.max(longest, (now.user + now.system - last.user - last.system) / 1000);
    last = now;
  };
  const timer = setInterval(look, 1);
  return () => {
    clearInterval(timer);
    look();
    return longest;
  };
}
