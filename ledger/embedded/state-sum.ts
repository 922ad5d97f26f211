/**
 * A sum over the whole contract state that follows every write, so that opening a store can tell whether its state is
 * the one its head was written with. It finds damage; against whoever owns the store only re-execution helps
 * (`sealane audit ledger`).
 */
import { hash } from "node:crypto";

/** Of zero: no state at all. */
export const EMPTY_STATE_SUM = "0".repeat(64);

export interface StateSum {
  /** Replaces `before` (undefined: absent) by `after` under `key`. */
  replace(key: string, before: string | undefined, after: string): void;
  /** 64 hexadecimal digits. */
  text(): string;
}

/** Addition modulo 2^256 of SHA-256 over key and value, on 32-bit words, lowest first. */
export function stateSum(text: string): StateSum {
  const words = new Uint32Array(8);
  const start = Buffer.from(text, "hex");
  for (let at = 0; at < 8; at += 1) words[at] = start.readUInt32BE(28 - 4 * at);
  const change = (key: string, value: string, sign: 1 | -1): void => {
    // One character a byte: quicker than a buffer of its own.
    const term = hash("sha256", `${key}\0${value}`, "binary");
    let carry = 0;
    for (let at = 0; at < 8; at += 1) {
      const sum = words[at]! + sign * wordAt(term, 28 - 4 * at) + carry;
      words[at] = sum;
      carry = Math.floor(sum / 2 ** 32);
    }
  };
  return Object.freeze({
    replace(key: string, before: string | undefined, after: string) {
      if (before !== undefined) change(key, before, -1);
      change(key, after, 1);
    },
    text() {
      const bytes = Buffer.alloc(32);
      for (let at = 0; at < 8; at += 1) bytes.writeUInt32BE(words[at]!, 28 - 4 * at);
      return bytes.toString("hex");
    },
  });
}

const wordAt = (bytes: string, at: number): number =>
  ((bytes.charCodeAt(at) << 24) |
    (bytes.charCodeAt(at + 1) << 16) |
    (bytes.charCodeAt(at + 2) << 8) |
    bytes.charCodeAt(at + 3)) >>>
  0;
