/**
 * The contract's state over a peer's: every key is read once, writes are kept until the whole batch is executed, and
 * reads see them. The peer is asked once per key, because each question is a message there and back.
 */
import type { StateStore } from "../rules/host.ts";
import type { Stub } from "./stub.ts";

export interface BatchState extends StateStore {
  /** Hands the writes to the peer, ascending by key, and says how many there were. */
  flush(): Promise<number>;
}

export function createBatchState(stub: Pick<Stub, "getState" | "putState" | "getStateByRange">): BatchState {
  const known = new Map<string, unknown>();
  const writes = new Map<string, string>();

  return Object.freeze({
    async get(key: string) {
      if (!known.has(key)) known.set(key, parsed(await stub.getState(key)));
      return known.get(key);
    },
    // Kept as text too: what is read afterwards is what JSON carries, and nobody's reference changes it.
    async put(key: string, value: unknown) {
      const text = JSON.stringify(value);
      writes.set(key, text);
      known.set(key, JSON.parse(text));
    },
    async *range(prefix: string) {
      const pending = [...writes.keys()].filter((key) => key.startsWith(prefix));
      const all = new Map<string, unknown>();
      for await (const { key, value } of stub.getStateByRange(prefix, `${prefix}\u007f`)) all.set(key, parsed(value));
      for (const key of pending) all.set(key, known.get(key));
      for (const key of [...all.keys()].sort(byCode)) yield [key, all.get(key)] as const;
    },
    async flush() {
      for (const key of [...writes.keys()].sort(byCode)) await stub.putState(key, Buffer.from(writes.get(key) ?? ""));
      return writes.size;
    },
  });
}

// Keys are ASCII: UTF-16 order is byte order.
const byCode = (a: string, b: string): number => (a < b ? -1 : 1);

function parsed(bytes: Uint8Array): unknown {
  return bytes.length === 0 ? undefined : JSON.parse(Buffer.from(bytes).toString("utf8"));
}
