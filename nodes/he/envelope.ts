/**
 * The homomorphic envelope of a chunk of words: members encrypt their masked words under the receiver's key, the coordinator
 * adds what members signed, the receiver reads the sum. Everything that computes runs in workers.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ciphertextsIn } from "../../crypto/he/ciphertexts.ts";
import { HeError } from "../../crypto/he/errors.ts";
import { type SummedWords, settleCarries } from "../../crypto/he/limbs.ts";
import { ciphertextsFor, type ParameterSet, wordsPerCiphertext } from "../../crypto/he/parameters.ts";
import type { HeKeyPair } from "../../crypto/he/session.ts";
import { openSealWorkers, type SealWorkerOptions, type SealWorkers } from "./seal-workers.ts";

/** A vector that is not encrypted costs a member its contribution, and a worker may end for what others asked of it. */
const ATTEMPTS = 4;
const PAUSE_MS = 250;

/** For one computation and one sum; keep the secret key with what else must not outlive it. */
export async function createEnvelopeKeys(set: ParameterSet): Promise<HeKeyPair> {
  await using workers = await openSealWorkers({ kind: "keys", set: set.id }, { threads: 1 });
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
export function createEnvelopeEncryptor(options: SealWorkerOptions = {}): EnvelopeEncryptor {
  let opening: Promise<SealWorkers> | undefined;
  let isDisposed = false;
  const workers = (): Promise<SealWorkers> => {
    opening ??= openSealWorkers({ kind: "encrypt" }, options);
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

async function sealedBy({ run }: SealWorkers, set: ParameterSet, publicKey: Uint8Array, words: BigUint64Array) {
  const blobs = await Promise.all(
    piecesOf(set, words.length).map(({ start, count }) => {
      const piece = words.slice(start, start + count);
      return run({ kind: "encrypt", set: set.id, publicKey, words: piece }, [piece.buffer]);
    }),
  );
  return together(blobs);
}

const isFailed = (error: unknown): boolean => !(error instanceof HeError) || error.code === "ERR_HE_FAILED";

export interface EnvelopeAdder extends AsyncDisposable {
  /** The sum of chunks of one place, still under the receiver's key. Throws HeError. */
  add(chunks: readonly Uint8Array[]): Promise<Uint8Array>;
}

/** For one computation: its workers parse what others have sent, and are given no key. */
export async function openEnvelopeAdder(set: ParameterSet, options: SealWorkerOptions = {}): Promise<EnvelopeAdder> {
  const workers = await openSealWorkers({ kind: "add", set: set.id }, options);
  return Object.freeze({
    async add(chunks: readonly Uint8Array[]) {
      const places = chunks.map((chunk) => ciphertextsIn(set, chunk));
      const [first = []] = places;
      const sums = first.map((_, at) => {
        const ciphertexts = places.map((place) => owned(place[at]!));
        return workers.run(
          { kind: "add", ciphertexts },
          ciphertexts.map(({ buffer }) => buffer),
        );
      });
      return together(await Promise.all(sums));
    },
    [Symbol.asyncDispose]: () => workers[Symbol.asyncDispose](),
  });
}

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
  options: SealWorkerOptions = {},
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
      const ciphertexts = ciphertextsIn(set, chunk);
      const wanted = ciphertextsFor(set, words);
      if (ciphertexts.length !== wanted) {
        throw new HeError("ERR_HE_VECTOR", `sum: wanted ${wanted} ciphertexts, got ${ciphertexts.length}`);
      }
      const whole: SummedWords = { words: new BigUint64Array(words), carries: new Uint16Array(words) };
      await Promise.all(
        piecesOf(set, words).map(async ({ start, count }, place) => {
          const ciphertext = owned(ciphertexts[place]!);
          const piece = await workers.run({ kind: "decrypt", ciphertext, count }, [ciphertext.buffer]);
          whole.words.set(piece.words, start);
          whole.carries.set(piece.carries, start);
        }),
      );
      return settleCarries(whole, pattern);
    },
    [Symbol.asyncDispose]: () => workers[Symbol.asyncDispose](),
  });
}

/** Copies of the key that this process makes are zero again; a worker keeps its own until it ends. */
async function startReading(set: ParameterSet, secretKey: Uint8Array, options: SealWorkerOptions) {
  try {
    return await openSealWorkers({ kind: "decrypt", set: set.id, secretKey }, { ...options, together: true });
  } finally {
    secretKey.fill(0);
  }
}

/** A copy that a worker may take over: of what it is a view of, the rest is needed here. */
const owned = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(bytes);

function together(blobs: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(blobs.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const blob of blobs) {
    bytes.set(blob, at);
    at += blob.length;
  }
  return bytes;
}

/** Which words each ciphertext holds. */
function piecesOf(set: ParameterSet, words: number): { readonly start: number; readonly count: number }[] {
  const most = wordsPerCiphertext(set);
  return Array.from({ length: ciphertextsFor(set, words) }, (_, place) => {
    const start = place * most;
    return { start, count: Math.min(most, words - start) };
  });
}
