/**
 * Records that change many times at once: values of one id that come before the last one is being written are written
 * once, and reads see the latest. For stores whose readers may act on what is not on disk yet.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { RecordStore } from "./records.ts";

interface Waiting<V> {
  value: V;
  /** The write that will take the value. */
  next: Promise<void> | undefined;
  writing: Promise<void>;
}

/** A put resolves when its value, or a later one of the same id, is where the store's own put would have it. */
export function coalesced<V>(store: RecordStore<V>): RecordStore<V> {
  const waiting = new Map<string, Waiting<V>>();

  async function write(id: string, one: Waiting<V>): Promise<void> {
    // Nobody hears of the write before from here: whoever put it does.
    await one.writing.catch(() => undefined);
    await turn();
    one.writing = one.next ?? one.writing;
    one.next = undefined;
    await store.put(id, one.value);
    // What could not be written is still the latest: nobody goes on from an older one.
    if (one.next === undefined && waiting.get(id) === one) waiting.delete(id);
  }

  const written = async (ids: readonly string[]): Promise<void> => {
    for (const id of ids) {
      const one = waiting.get(id);
      if (one !== undefined) await (one.next ?? one.writing);
    }
  };

  return Object.freeze({
    get: async (id: string) => waiting.get(id)?.value ?? (await store.get(id)),
    put(id: string, value: V) {
      const one = waiting.get(id) ?? { value, next: undefined, writing: Promise.resolve() };
      one.value = value;
      waiting.set(id, one);
      one.next ??= write(id, one);
      return one.next;
    },
    async delete(id: string) {
      await written([id]);
      await store.delete(id);
    },
    async *entries(prefix = "") {
      await written([...waiting.keys()]);
      yield* store.entries(prefix);
    },
  });
}
