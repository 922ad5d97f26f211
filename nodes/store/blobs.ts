/** Bytes by key, for what would be too large as JSON: one purpose, one store, as in records.ts. */
import type { Database } from "./database.ts";
import { guardedWrites } from "./records.ts";

export interface BlobStore {
  /** What is on disk, at once. */
  get(id: string): Uint8Array | undefined;
  /** On disk when it resolves; those of `instead` are gone with the same write. */
  put(id: string, bytes: Uint8Array, instead?: readonly string[]): Promise<void>;
  /** Everything under the prefix. The database gives the room back as it compacts its files. */
  erase(prefix: string): Promise<void>;
  /** Ascending. */
  ids(prefix: string): AsyncIterable<string>;
  /** What stands before the first `/` of the ids, each once. */
  folders(): AsyncIterable<string>;
}

const LAST = "\uffff";

export function openBlobs(database: Database, name: string, onFailure: (error: unknown) => void): BlobStore {
  const level = database.sublevel<string, Uint8Array>(name, { valueEncoding: "view" });
  const write = guardedWrites(database, onFailure);
  const durable: object = { sync: true };
  const under = (prefix: string) => ({ gte: prefix, lt: `${prefix}${LAST}` });
  return Object.freeze({
    get: (id: string) => level.getSync(id),
    put(id: string, bytes: Uint8Array, instead: readonly string[] = []) {
      if (instead.length === 0) return write(() => level.put(id, bytes, durable));
      const gone = instead.map((key) => ({ type: "del" as const, key }));
      return write(() => level.batch([...gone, { type: "put", key: id, value: bytes }], durable));
    },
    erase: (prefix: string) => write(() => level.clear(under(prefix))),
    async *ids(prefix: string) {
      for await (const id of level.keys(under(prefix))) yield id;
    },
    async *folders() {
      for (let after = ""; ; ) {
        const [id] = await level.keys({ gt: after, limit: 1 }).all();
        if (id === undefined) return;
        const [folder] = id.split("/", 1) as [string];
        yield folder;
        after = `${folder}/${LAST}`;
      }
    },
  });
}
