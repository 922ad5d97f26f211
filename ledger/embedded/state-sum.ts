/**
 * A sum over the whole contract state that follows every write, so that opening a store can tell whether its state is
 * the one its head was written with. It finds damage; against whoever owns the store only re-execution helps
 * (`sealane audit ledger`).
 */
import { createHash } from "node:crypto";

const MODULUS = 1n << 256n;

export const EMPTY_STATE_SUM = "0";

const termOf = (key: string, text: string): bigint =>
  BigInt(`0x${createHash("sha256").update(key).update("\0").update(text).digest("hex")}`);

/** `sum` in hexadecimal after replacing `before` (undefined: absent) by `after` under `key`. */
export function replaceInSum(sum: string, key: string, before: string | undefined, after: string): string {
  const removed = before === undefined ? 0n : termOf(key, before);
  return ((BigInt(`0x${sum}`) - removed + termOf(key, after) + MODULUS) % MODULUS).toString(16);
}
