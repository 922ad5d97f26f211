/**
 * The homomorphic envelope of a chunk of words: members encrypt their masked words under the receiver's key, the coordinator
 * adds what members signed (crypto/he/ciphertexts.ts), the receiver reads the sum. Encryption and decryption run in workers.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { HeError } from "../../crypto/he/errors.ts";
import { pairBytes } from "../../crypto/he/pairs.ts";
import { ciphertextsFor, type ParameterSet, wordsPerCiphertext } from "../../crypto/he/parameters.ts";
import { type SummedWords, settleCarries } from "../../crypto/he/plaintexts.ts";
import type { HeKeyPair } from "../../crypto/he/scheme.ts";
import { type EnvelopeWorkerOptions, type EnvelopeWorkers, openEnvelopeWorkers } from "./envelope-workers.ts";

/** A vector that is not encrypted costs a member its contribution, and a worker may end for what others asked of it. */
const ATTEMPTS = 4;
const PAUSE_MS = 250;

/** For one computation and one sum; keep the secret key with what else must not outlive it. */
export async function createEnvelopeKeys(set: ParameterSet): Promise<HeKeyPair> {
  await using workers = await openEnvelopeWorkers({ kind: "keys", set: set.id }, { threads: 1 });
  return await workers.run({ kind: "keys" });
}

export interface EnvelopeEncryptor extends AsyncDisposable {
  /** Starts a worker, if there is none: a computation that will need it has begun. */
  warm(): void;
  /**
   * Ciphertexts of all words, one after another. Throws HeError where the key is not one of the set; where a worker fails,
   * new ones try again before it throws.
   */
  encrypt(set: ParameterSet, publicKey: Uint8Array, words: BigUint64Array): Promise<Uint8Array>;
}

/** Of a whole node: its workers see masked words and public keys, and serve one computation after another. */
export function createEnvelopeEncryptor(options: EnvelopeWorkerOptions = {}): EnvelopeEncryptor {
  let opening: Promise<EnvelopeWorkers> | undefined;
  let isDisposed = false;
  const workers = (): Promise<EnvelopeWorkers> => {
    opening ??= openEnvelopeWorkers({ kind: "encrypt" }, options);
    return opening;
  };
  /** That group and no later one, which others have begun to use. */
  async function close(group = opening): Promise<void> {
    if (opening === group) opening = undefined;
    await (await group?.catch(() => undefined))?.[Symbol.asyncDispose]();
  }
  return Object.freeze({
    warm() {
      const group = workers();
      group.catch(() => close(group));
    },
    async encrypt(set: ParameterSet, publicKey: Uint8Array, words: BigUint64Array) {
      for (let attempt = 1; ; attempt++) {
        if (isDisposed) throw new HeError("ERR_HE_FAILED", "this node's workers for homomorphic encryption have ended");
        const group = workers();
        try {
          return await sealedBy(await group, set, publicKey, words);
        } catch (error) {
          // A key that is none costs nobody else its workers, and stays none.
          if (!isFailed(error)) throw error;
          await close(group);
          if (attempt === ATTEMPTS) throw error;
        }
        await sleep(PAUSE_MS * attempt);
      }
    },
    async [Symbol.asyncDispose]() {
      isDisposed = true;
      await close();
    },
  });
}

async function sealedBy(
  { run, threads }: EnvelopeWorkers,
  set: ParameterSet,
  publicKey: Uint8Array,
  words: BigUint64Array,
) {
  // One copy of the key for all tasks.
  const shared = new Uint8Array(new SharedArrayBuffer(publicKey.length));
  shared.set(publicKey);
  const ciphertexts = await Promise.all(
    piecesOf(set, words.length, threads).map(({ start, count }) => {
      const piece = words.slice(start, start + count);
      return run({ kind: "encrypt", set: set.id, publicKey: shared, words: piece }, [piece.buffer]);
    }),
  );
  return together(ciphertexts);
}

const isFailed = (error: unknown): boolean => !(error instanceof HeError) || error.code === "ERR_HE_FAILED";

export interface EnvelopeReader extends AsyncDisposable {
  /**
   * Words of one chunk of the sum, element by element modulo 2^64 or 2^128. It reads whatever ciphertexts of the right
   * form it is given, each place once: ERR_HE_KEY_SPENT for a second call, whatever came of the first.
   */
  read(sum: {
    readonly index: number;
    readonly chunk: Uint8Array;
    readonly words: number;
    readonly pattern: readonly (1 | 2)[];
  }): Promise<BigUint64Array>;
}

/** For one sum. The bytes of `secretKey` are zero afterwards, whatever comes of it; ERR_HE_KEY_SPENT where they were before. */
export async function openEnvelopeReader(
  set: ParameterSet,
  secretKey: Uint8Array,
  options: EnvelopeWorkerOptions = {},
): Promise<EnvelopeReader> {
  const spent = () => new HeError("ERR_HE_KEY_SPENT", "secret key: it has been used, and a key decrypts one sum");
  const key = Uint8Array.from(secretKey);
  secretKey.fill(0);
  if (key.every((byte) => byte === 0)) throw spent();
  const workers = await startReading(set, key, options);
  const begun = new Set<number>();
  return Object.freeze({
    async read({ index, chunk, words, pattern }: Parameters<EnvelopeReader["read"]>[0]) {
      if (begun.has(index)) throw spent();
      begun.add(index);
      const wanted = ciphertextsFor(set, words) * pairBytes(set);
      if (chunk.length !== wanted) {
        throw new HeError("ERR_HE_VECTOR", `sum: wanted ${wanted} bytes, got ${chunk.length}`);
      }
      const whole: SummedWords = { words: new BigUint64Array(words), carries: new Uint16Array(words) };
      await Promise.all(
        piecesOf(set, words, workers.threads).map(async ({ start, count, from, to }) => {
          const piece = owned(chunk.subarray(from, to));
          const sums = await workers.run({ kind: "decrypt", chunk: piece, count }, [piece.buffer]);
          whole.words.set(sums.words, start);
          whole.carries.set(sums.carries, start);
        }),
      );
      return settleCarries(whole, pattern);
    },
    [Symbol.asyncDispose]: () => workers[Symbol.asyncDispose](),
  });
}

/** Copies of the key that this process makes are zero again; a worker keeps its own until it ends. */
async function startReading(set: ParameterSet, secretKey: Uint8Array, options: EnvelopeWorkerOptions) {
  try {
    return await openEnvelopeWorkers({ kind: "decrypt", set: set.id, secretKey }, { ...options, together: true });
  } finally {
    secretKey.fill(0);
  }
}

/** A copy that a worker may take over: of what it is a view of, the rest is needed here. */
const owned = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(bytes);

function together(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A share of the ciphertexts for each thread: which words they hold, and where their bytes are. */
function piecesOf(set: ParameterSet, words: number, threads: number) {
  const most = wordsPerCiphertext(set);
  const ciphertexts = ciphertextsFor(set, words);
  const share = Math.ceil(ciphertexts / threads);
  return Array.from({ length: Math.ceil(ciphertexts / share) }, (_, piece) => {
    const [first, end] = [piece * share, Math.min((piece + 1) * share, ciphertexts)];
    const start = first * most;
    return {
      start,
      count: Math.min(end * most, words) - start,
      from: first * pairBytes(set),
      to: end * pairBytes(set),
    };
  });
}
