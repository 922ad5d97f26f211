/** R's part of a homomorphic envelope: its worker gets the secret key, and sums that were found to be those of what was signed. */
import { EventEmitter } from "node:events";
import type { ComputationOpened } from "../../chaincode/rules/records.ts";
import { HeError } from "../../crypto/he/errors.ts";
import { parametersNamed, wordsPerCiphertext } from "../../crypto/he/parameters.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import { type EnvelopeReader, openEnvelopeReader } from "../he/envelope.ts";
import type { SealedSum } from "./redo-sum.ts";
import { untilDone } from "./retry.ts";

export interface SealedReading extends Pick<SealedSum, "read"> {
  /** What is being read is given up; what is read later begins with a new worker. */
  close(): Promise<void>;
}

/** One worker decrypts as many before another one has started. */
const FEW_CIPHERTEXTS = 64;

/** `secretKey`: base64url; undefined where the opening has no such envelope, or its sum is decoded. */
export function createSealedReading(
  { computation, envelope }: ComputationOpened["body"],
  secretKey: string | undefined,
  { words, pattern }: { readonly words: number; readonly pattern: readonly (1 | 2)[] },
): SealedReading {
  const open = (): Promise<EnvelopeReader> | undefined => {
    if (envelope === undefined || secretKey === undefined) return undefined;
    const set = parametersNamed(envelope.parameters);
    const threads = words > FEW_CIPHERTEXTS * wordsPerCiphertext(set) ? {} : { threads: 1 };
    const opening = openEnvelopeReader(set, fromBase64url(secretKey, "homomorphic key"), threads);
    opening.catch(() => undefined);
    return opening;
  };
  // At once: a worker takes a moment to start, and the rounds before take longer.
  let reader = open();
  const closed = new EventEmitter();

  async function end(one = reader): Promise<void> {
    if (reader === one) reader = undefined;
    await (await one?.catch(() => undefined))?.[Symbol.asyncDispose]();
  }

  async function readOnce(index: number, chunk: Uint8Array, count: number): Promise<BigUint64Array> {
    // A sum that is read again, after a crash or a false transcript, is the same one: close-2 names its ciphertexts.
    reader ??= open();
    const present = reader;
    if (present === undefined) throw new TypeError(`computation ${computation}: its homomorphic key is gone`);
    try {
      return await (await present).read({ index, chunk, words: count, pattern });
    } catch (error) {
      // Its worker has ended; another one has the key anew.
      if (isWorkersEnd(error)) await end(present);
      throw error;
    }
  }

  return Object.freeze({
    async read(index: number, chunk: Uint8Array, count: number) {
      const stop = new AbortController();
      const onClosed = () => stop.abort();
      closed.once("closed", onClosed);
      try {
        // Nobody else would begin again: R would wait for its own sum until the deadline.
        const attempt = () => readOnce(index, chunk, count);
        const words = await untilDone(attempt, { signal: stop.signal, isFinal: (error) => !isWorkersEnd(error) });
        return words ?? Promise.reject(new HeError("ERR_HE_FAILED", `computation ${computation}: no longer read`));
      } finally {
        closed.off("closed", onClosed);
      }
    },
    async close() {
      closed.emit("closed");
      await end();
    },
  });
}

const isWorkersEnd = (error: unknown): boolean => error instanceof HeError && error.code === "ERR_HE_FAILED";
