/**
 * The homomorphic envelope of whole vectors: a member encrypts its masked words under the receiver's key, the coordinator
 * adds what members signed, the receiver reads the sum, once. Everything that computes runs in workers.
 */
import {
  type Contribution,
  ciphertextsToAdd,
  type HashedCiphertext,
  type SumOf,
} from "../../crypto/he/contribution.ts";
import { HeError } from "../../crypto/he/errors.ts";
import { type SummedWords, settleCarries } from "../../crypto/he/limbs.ts";
import { ciphertextsFor, type ParameterSet, wordsPerCiphertext } from "../../crypto/he/parameters.ts";
import type { HeKeyPair } from "../../crypto/he/session.ts";
import { openSealWorkers, type SealWorkerOptions } from "./seal-workers.ts";

/** For one computation and one decryption; keep the secret key with what else must not outlive it. */
export async function createEnvelopeKeys(set: ParameterSet): Promise<HeKeyPair> {
  await using workers = await openSealWorkers(set, { kind: "keys" }, { threads: 1 });
  return await workers.run({ kind: "keys" });
}

export interface EnvelopeEncryptor extends AsyncDisposable {
  /** So many ciphertexts will follow: the slow part of them is done while whoever reads the values is at it. */
  prepare(ciphertexts: number): Promise<void>;
  encrypt(words: BigUint64Array): Promise<readonly HashedCiphertext[]>;
}

/** Zeros that are made ahead stay on the heaps of the workers. */
const MOST_PREPARED = 512;

/** Throws HeError where the key is not one of the set. */
export async function openEnvelopeEncryptor(
  set: ParameterSet,
  publicKey: Uint8Array,
  options: SealWorkerOptions = {},
): Promise<EnvelopeEncryptor> {
  const workers = await openSealWorkers(set, { kind: "encrypt", publicKey }, options);
  return Object.freeze({
    async prepare(ciphertexts: number) {
      const count = Math.ceil(Math.min(ciphertexts, MOST_PREPARED) / workers.threads);
      await Promise.all(Array.from({ length: workers.threads }, () => workers.run({ kind: "prepare", count })));
    },
    encrypt: (words: BigUint64Array) =>
      Promise.all(
        piecesOf(set, words.length).map(({ start, count }) => {
          const piece = words.slice(start, start + count);
          return workers.run({ kind: "encrypt", words: piece }, [piece.buffer]);
        }),
      ),
    [Symbol.asyncDispose]: () => workers[Symbol.asyncDispose](),
  });
}

export interface EnvelopeAdder extends AsyncDisposable {
  /** The sum of signed contributions, still under the receiver's key; `publicKeys` are identities. Throws HeError. */
  add(
    sum: Omit<SumOf, "set">,
    publicKeys: ReadonlyMap<string, Uint8Array>,
    contributions: readonly Contribution[],
  ): Promise<readonly Uint8Array[]>;
}

/** Its workers parse what others have sent, and are given no key. */
export async function openEnvelopeAdder(set: ParameterSet, options: SealWorkerOptions = {}): Promise<EnvelopeAdder> {
  const workers = await openSealWorkers(set, { kind: "add" }, options);
  return Object.freeze({
    add: async (
      sum: Omit<SumOf, "set">,
      publicKeys: ReadonlyMap<string, Uint8Array>,
      contributions: readonly Contribution[],
    ) =>
      await Promise.all(
        ciphertextsToAdd({ ...sum, set }, publicKeys, contributions).map((ciphertexts) =>
          workers.run({ kind: "add", ciphertexts }),
        ),
      ),
    [Symbol.asyncDispose]: () => workers[Symbol.asyncDispose](),
  });
}

/** It reads whatever ciphertexts of the right form it is given: that they are the sum of what was signed is the adder's word. */
export interface EnvelopeReader extends AsyncDisposable {
  /** The sum's words, element by element modulo 2^64 or 2^128. Once: ERR_HE_KEY_SPENT for a second call, whatever came of the first. */
  read(sum: {
    readonly ciphertexts: readonly Uint8Array[];
    readonly words: number;
    readonly pattern: readonly (1 | 2)[];
  }): Promise<BigUint64Array>;
}

/**
 * The bytes of `secretKey` are zero afterwards, whatever comes of it: where no worker starts, the sum is lost with the
 * key. ERR_HE_KEY_SPENT where they were zero before.
 */
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
  let isSpent = false;
  return Object.freeze({
    async read({ ciphertexts, words, pattern }: Parameters<EnvelopeReader["read"]>[0]) {
      if (isSpent) throw spent();
      isSpent = true;
      const wanted = ciphertextsFor(set, words);
      if (ciphertexts.length !== wanted) {
        throw new HeError("ERR_HE_VECTOR", `sum: wanted ${wanted} ciphertexts, got ${ciphertexts.length}`);
      }
      const whole: SummedWords = { words: new BigUint64Array(words), carries: new Uint16Array(words) };
      await Promise.all(
        piecesOf(set, words).map(async ({ start, count }, place) => {
          const piece = await workers.run({ kind: "decrypt", ciphertext: ciphertexts[place]!, count });
          whole.words.set(piece.words, start);
          whole.carries.set(piece.carries, start);
        }),
      );
      return settleCarries(whole, pattern);
    },
    [Symbol.asyncDispose]: () => workers[Symbol.asyncDispose](),
  });
}

async function startReading(set: ParameterSet, secretKey: Uint8Array, options: SealWorkerOptions) {
  try {
    return await openSealWorkers(set, { kind: "decrypt", secretKey }, options);
  } finally {
    secretKey.fill(0);
  }
}

/** Which words each ciphertext holds. */
function piecesOf(set: ParameterSet, words: number): { readonly start: number; readonly count: number }[] {
  const most = wordsPerCiphertext(set);
  return Array.from({ length: ciphertextsFor(set, words) }, (_, place) => {
    const start = place * most;
    return { start, count: Math.min(most, words - start) };
  });
}
