/**
 * Mask streams: the suite's cipher in counter mode under a key derived from (secret, info), IV 0, read as little-endian
 * 64-bit words (specification §3): AES-256 and HKDF-SHA-256, or SM4 and HKDF-SM3. Streamed in chunks that stay in the processor's cache.
 */
import { createCipheriv, createSecretKey } from "node:crypto";
import { suiteOf } from "../suites/suite.ts";
import { type KeyUse, keyInfo } from "./context.ts";
import type { Arithmetic } from "./words.ts";

// 256 KiB of key stream stay in a second-level cache with the zeros they are made of and what they are added to.
const CHUNK_WORDS = 32_768;
const ZERO = new Uint8Array(CHUNK_WORDS * 8);
const zeros = (words: number): Uint8Array =>
  words < CHUNK_WORDS ? ZERO.subarray(0, words * 8) : new Uint8Array(words * 8);

export const deriveKey = (secret: Uint8Array, use: KeyUse): Uint8Array =>
  suiteOf(use.suite).maskKey(secret, keyInfo(use));

/** No suite has keys of another length for another cipher. */
const cipherOf = (key: Uint8Array): string => (key.length === 16 ? "sm4-ctr" : "aes-256-ctr");

/** Key stream from a word offset on, piece by piece; the counter block is offset / 2 (big-endian, SP 800-38A). */
function streamFrom(key: Uint8Array, wordOffset: number) {
  const counter = new Uint8Array(16);
  new DataView(counter.buffer).setBigUint64(8, BigInt(Math.floor(wordOffset / 2)));
  // Ten times quicker than with plain bytes, as above.
  const cipher = createCipheriv(cipherOf(key), createSecretKey(key), counter);
  if (wordOffset % 2 === 1) cipher.update(ZERO.subarray(0, 8));
  /** The words are there only while `use` runs. */
  return (words: number, use: (stream: BigUint64Array) => void): void => {
    const bytes = cipher.update(words === CHUNK_WORDS ? ZERO : zeros(words));
    const isOwn = bytes.byteOffset === 0 && bytes.length === bytes.buffer.byteLength;
    const buffer = (isOwn ? bytes.buffer : Uint8Array.from(bytes).buffer) as ArrayBuffer;
    use(new BigUint64Array(buffer));
    // Given back at once, the next piece gets the same warm memory; left to the collector, key streams cost twice as much.
    buffer.transfer(0);
  };
}

/** Mask words [wordOffset, wordOffset + words). */
export function maskWords(key: Uint8Array, words: number, wordOffset = 0): BigUint64Array {
  const out = new BigUint64Array(words);
  const next = streamFrom(key, wordOffset);
  for (let at = 0; at < words; at += CHUNK_WORDS) {
    next(Math.min(CHUNK_WORDS, words - at), (stream) => out.set(stream, at));
  }
  return out;
}

/** Adds or subtracts the mask of `key` in place; `target` is the vector from word `start` on, in whole atoms. */
export function applyMask(
  target: BigUint64Array,
  key: Uint8Array,
  direction: "add" | "subtract",
  arithmetic: Arithmetic,
  start = 0,
): void {
  const chunk = Math.max(1, Math.floor(CHUNK_WORDS / arithmetic.period)) * arithmetic.period;
  const combine = arithmetic[direction];
  const next = streamFrom(key, start);
  for (let at = 0; at < target.length; at += chunk) {
    const piece = target.subarray(at, at + chunk);
    next(piece.length, (stream) => combine(piece, stream));
  }
}
