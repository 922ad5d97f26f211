/** A store in memory that can crash: what was written after the last sync survives as any prefix of the writes. */
import type { LogStore, StoreOperation } from "./store.ts";

export interface MemoryStore extends LogStore {
  /** Batches written so far; `synced` of them are safe. */
  readonly batches: readonly (readonly StoreOperation[])[];
  readonly synced: number;
  readonly data: Map<string, string>;
  /** A new store holding the first `count` batches, as after a crash or from a backup. */
  after(count: number): MemoryStore;
}

/** `early`: nothing is written; `late`: all of it; `torn`: half of it, which level promises never to do. All three throw. */
export type Fault = "early" | "late" | "torn";

/** `fault` sees the number of every batch before it is written; `syncMs` is how long a synced one takes. */
export function memoryStore(
  batches: readonly (readonly StoreOperation[])[] = [],
  fault: (batch: number) => Fault | undefined = () => undefined,
  syncMs = 0,
): MemoryStore {
  const written: (readonly StoreOperation[])[] = [];
  const data = new Map<string, string>();
  let synced = 0;
  const apply = (operations: readonly StoreOperation[]): void => {
    written.push(operations);
    for (const operation of operations) {
      if (operation.type === "put") data.set(operation.key, operation.value);
      else data.delete(operation.key);
    }
  };
  for (const operations of batches) apply(operations);
  const within = ({ gte, lt }: { gte: string; lt: string }) =>
    [...data].filter(([key]) => key >= gte && key < lt).sort(([a], [b]) => (a < b ? -1 : 1));

  return {
    batches: written,
    data,
    get synced() {
      return synced;
    },
    after: (count) => memoryStore(written.slice(0, count)),
    get: async (key) => data.get(key),
    async batch(operations, { sync }) {
      const failure = fault(written.length);
      if (failure === "early") throw new Error("ENOSPC: no space left on device");
      apply(failure === "torn" ? operations.slice(0, Math.ceil(operations.length / 2)) : operations);
      if (sync && syncMs > 0) await new Promise((resolve) => setTimeout(resolve, syncMs));
      if (sync) synced = written.length;
      if (failure !== undefined) throw new Error("EIO: input/output error");
    },
    async *range(bounds) {
      yield* within(bounds);
    },
    async *reverse(bounds) {
      yield* within(bounds).reverse();
    },
    close: async () => {},
  };
}
