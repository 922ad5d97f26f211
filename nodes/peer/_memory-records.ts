/** Test fixture: a record store that lasts as long as its test. */
import type { RecordStore } from "../store/records.ts";

export function memoryRecords<V = string>(): RecordStore<V> {
  const records = new Map<string, V>();
  return {
    get: async (id) => records.get(id),
    put: async (id, value) => void records.set(id, value),
    delete: async (id) => void records.delete(id),
    async *entries(prefix = "") {
      yield* [...records].filter(([id]) => id.startsWith(prefix));
    },
  };
}
