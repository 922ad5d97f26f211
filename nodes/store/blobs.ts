/** Bytes by key, for what would be too large as JSON: one purpose, one store, as in records.ts. */
import type { Database } from "./database.ts";
import { guardedWrites } from "./records.ts";

export interface BlobStore {
  /** What is on disk, at once. */
  get(id: string): Uint8Array | undefined;
  /** On disk when it resolves. */
  put(id: string, bytes: Uint8Array): Promise<void>;
  /** Ascending. */
  ids(prefix: string): AsyncIterable<string>;
}

export function openBlobs(database: Database, name: string, onFailure: (error: unknown) => void): BlobStore {
  const level = database.sublevel<string, Uint8Array>(name, { valueEncoding: "view" });
  const write = guardedWrites(database, onFailure);
  const durable: object = { sync: true };
  return Object.freeze({
    get: (id: string) => level.getSync(id),
    put: (id: string, bytes: Uint8Array) => write(() => level.put(id, bytes, durable)),
    async *ids(prefix: string) {
      for await (const id of level.keys({ gte: prefix, lt: `${prefix}\uffff` })) yield id;
    },
  });
}
