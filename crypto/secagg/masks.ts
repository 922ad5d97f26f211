/**
 * Mask streams: AES-256-CTR under HKDF-SHA-256(secret, info), IV 0, read as little-endian 64-bit words
 * (specification §3). Streamed in chunks that stay in the processor's cache.
 */
import { createCipheriv, hkdfSync } from "node:crypto";
import { type KeyUse, keyInfo } from "./context.ts";
import type { Arithmetic } from "./words.ts";

// 64 KiB chunks run 3 times faster than 1 MiB ones (0.28 against 0.97 ms per MiB of keystream).
const CHUNK_WORDS = 8192;
const ZERO = new Uint8Array(CHUNK_WORDS * 8);
const NO_SALT = new Uint8Array(0);

/** HKDF-SHA-256 (RFC 5869) with an empty salt; 32 bytes. */
export const hkdf = (secret: Uint8Array, info: Uint8Array): Uint8Array =>
  new Uint8Array(hkdfSync("sha256", secret, NO_SALT, info, 32));

export const deriveKey = (secret: Uint8Array, use: KeyUse): Uint8Array => hkdf(secret, keyInfo(use));

/** Key stream from a word offset on; the counter block is offset / 2 (big-endian, SP 800-38A). */
function streamFrom(key: Uint8Array, wordOffset: number) {
  const counter = new Uint8Array(16);
  new DataView(counter.buffer).setBigUint64(8, BigInt(Math.floor(wordOffset / 2)));
  const cipher = createCipheriv("aes-256-ctr", key, counter);
  if (wordOffset % 2 === 1) cipher.update(ZERO.subarray(0, 8));
  return (words: number): BigUint64Array => {
    const bytes = cipher.update(words === CHUNK_WORDS ? ZERO : ZERO.subarray(0, words * 8));
    // Views need an 8-byte boundary; Node returns its own allocation here, the copy is for pooled slices.
    return bytes.byteOffset % 8 === 0
      ? new BigUint64Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, words)
      : new BigUint64Array(Uint8Array.from(bytes).buffer);
  };
}

/** Words of the stream of `key` from its start, at most 8192 at a time. */
export const keyStream = (key: Uint8Array): ((words: number) => BigUint64Array) => streamFrom(key, 0);

/** Mask words [wordOffset, wordOffset + words). */
export function maskWords(key: Uint8Array, words: number, wordOffset = 0): BigUint64Array {
  const out = new BigUint64Array(words);
  const next = streamFrom(key, wordOffset);
  for (let at = 0; at < words; at += CHUNK_WORDS) out.set(next(Math.min(CHUNK_WORDS, words - at)), at);
  return out;
}

/** Adds or subtracts the whole mask of `key` in place; `target` starts at word 0. */
export function applyMask(
  target: BigUint64Array,
  key: Uint8Array,
  direction: "add" | "subtract",
  arithmetic: Arithmetic,
): void {
  const chunk = Math.floor(CHUNK_WORDS / arithmetic.period) * arithmetic.period;
  if (chunk === 0) throw new RangeError(`pattern: at most ${CHUNK_WORDS} words per atom, got ${arithmetic.period}`);
  const combine = arithmetic[direction];
  const next = streamFrom(key, 0);
  for (let at = 0; at < target.length; at += chunk) {
    const words = Math.min(chunk, target.length - at);
    combine(target.subarray(at, at + words), next(words));
  }
}
