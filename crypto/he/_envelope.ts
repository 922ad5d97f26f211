/** The parties of an envelope in one process and one thread. */
import { randomBytes } from "node:crypto";
import { assertCiphertexts, createSumOfChunks } from "./ciphertexts.ts";
import type { ParameterSet } from "./parameters.ts";
import { createHeKeys, openDecryption, openEncryption } from "./scheme.ts";

export const random = (bytes: number): Uint8Array => randomBytes(bytes);

export function addedUp(set: ParameterSet, chunks: readonly Uint8Array[]): Uint8Array {
  const sum = createSumOfChunks(set, chunks[0]!.length);
  for (const chunk of chunks) {
    assertCiphertexts(set, chunk);
    sum.add(chunk);
  }
  return sum.chunk();
}

export function envelopeOf(set: ParameterSet) {
  const keys = createHeKeys(set, random);
  return {
    ...keys,
    encrypt: openEncryption(set, keys.publicKey, random),
    decrypt: openDecryption(set, keys.secretKey).decrypt,
    add: (chunks: readonly Uint8Array[]) => addedUp(set, chunks),
  };
}
