/**
 * Keyed JSON records of one kind. A put is on disk when it resolves.
 *
 *   const invitations = openRecords<Invitation>(database, "invitations");
 */
import type { Database } from "./database.ts";
import { StoreError } from "./store-error.ts";

export interface RecordStore<V> {
  get(id: string): Promise<V | undefined>;
  put(id: string, value: V): Promise<void>;
  delete(id: string): Promise<void>;
  /** Ascending by id; a snapshot as of the call. */
  entries(prefix?: string): AsyncIterable<readonly [id: string, value: V]>;
}

// LevelDB acknowledges a write before it is on disk unless told otherwise.
const DURABLE: object = { sync: true };

/** `name` is `[a-z-]+` and never changes: it is the key prefix on disk. `onFailure` hears of every failed write. */
export function openRecords<V>(
  database: Database,
  name: string,
  onFailure: (error: unknown) => void = () => undefined,
): RecordStore<V> {
  const level = database.sublevel<string, V>(name, { valueEncoding: "json" });
  return Object.freeze({
    get: (id: string) => level.get(id),
    put: (id: string, value: V) => writing(() => level.put(id, value, DURABLE), onFailure),
    delete: (id: string) => writing(() => level.del(id, DURABLE), onFailure),
    async *entries(prefix = "") {
      const range = prefix === "" ? {} : { gte: prefix, lt: `${prefix}\uffff` };
      for await (const [id, value] of level.iterator(range)) yield [id, value] as const;
    },
  });
}

async function writing(write: () => Promise<void>, onFailure: (error: unknown) => void): Promise<void> {
  try {
    await write();
  } catch (cause) {
    onFailure(cause);
    if (isDiskFull(cause)) {
      throw new StoreError("ERR_STORE_FULL", "the disk is full; nothing was written. Free space, then repeat", {
        cause,
      });
    }
    throw cause;
  }
}

/** True for ENOSPC and EDQUOT wherever they hide in the chain of causes. */
export function isDiskFull(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    const code = (current as { code?: unknown }).code;
    if (code === "ENOSPC" || code === "EDQUOT" || code === "ERR_STORE_FULL") return true;
    if (/No space left on device|Disk quota exceeded/.test(current.message)) return true;
  }
  return false;
}
