/** R's part of a homomorphic envelope: its worker gets the secret key, and sums that were found to be those of what was signed. */
import type { ComputationOpened } from "../../chaincode/rules/records.ts";
import { parametersNamed, wordsPerCiphertext } from "../../crypto/he/parameters.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import { type EnvelopeReader, openEnvelopeReader } from "../he/envelope.ts";
import type { SealedSum } from "./redo-sum.ts";

export interface SealedReading extends Pick<SealedSum, "read"> {
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
  return Object.freeze({
    async read(index: number, chunk: Uint8Array, count: number) {
      // A sum that is read again, after a crash or a false transcript, is the same one: close-2 names its ciphertexts.
      reader ??= open();
      if (reader === undefined) throw new TypeError(`computation ${computation}: its homomorphic key is gone`);
      return await (await reader).read({ index, chunk, words: count, pattern });
    },
    async close() {
      const last = reader;
      reader = undefined;
      await (await last?.catch(() => undefined))?.[Symbol.asyncDispose]();
    },
  });
}
