/**
 * The contract's state over a peer's: every key is read once, writes are kept until the whole batch is executed, and
 * reads see them. The peer is asked once per key, because each question is a message there and back.
 */
import type { StateStore } from "../rules/host.ts";
import type { Stub } from "./stub.ts";

export interface BatchState extends StateStore {
  /** Reads these keys now, in one message where the peer can. They are in what the call has read, needed or not. */
  prefetch(keys: readonly string[]): Promise<void>;
  /** Hands the writes to the peer, ascending by key, and says how many there were. */
  flush(): Promise<number>;
}

type StateStub = Pick<Stub, "getState" | "putState" | "getStateByRange" | "getStates" | "putStates">;

export function createBatchState(stub: StateStub): BatchState {
  const known = new Map<string, unknown>();
  const writes = new Map<string, string>();

  return Object.freeze({
    async prefetch(keys: readonly string[]) {
      const fresh = [...new Set(keys)].filter((key) => !known.has(key)).sort(byCode);
      const values = await (stub.getStates?.(fresh) ?? eachOf(fresh, stub.getState.bind(stub)));
      for (const [at, key] of fresh.entries()) known.set(key, parsed(values[at]!));
    },
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
      const entries = [...writes.keys()]
        .sort(byCode)
        .map((key) => ({ key, value: Buffer.from(writes.get(key) ?? "") }));
      await (stub.putStates?.(entries) ?? eachOf(entries, ({ key, value }) => stub.putState(key, value)));
      return writes.size;
    },
  });
}

// Keys are ASCII: UTF-16 order is byte order.
const byCode = (a: string, b: string): number => (a < b ? -1 : 1);

function parsed(bytes: Uint8Array): unknown {
  return bytes.length === 0 ? undefined : JSON.parse(Buffer.from(bytes).toString("utf8"));
}

async function eachOf<T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  for (const item of items) answers.push(await ask(item));
  return answers;
}
