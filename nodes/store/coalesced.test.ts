import { expect, test } from "vitest";
import { coalesced } from "./coalesced.ts";
import type { RecordStore } from "./records.ts";

function storeOf() {
  const kept = new Map<string, number>();
  const puts: string[] = [];
  let failing = 0;
  const store: RecordStore<number> = {
    get: async (id) => kept.get(id),
    async put(id, value) {
      puts.push(`${id} ${value}`);
      await Promise.resolve();
      if (failing-- > 0) throw new Error("disk");
      kept.set(id, value);
    },
    delete: async (id) => void kept.delete(id),
    async *entries() {
      yield* kept;
    },
  };
  const fail = (times: number) => {
    failing = times;
  };
  return { store, kept, puts, fail };
}

test("values that come together are written once, and reads see the latest at once", async () => {
  const { store, puts, kept } = storeOf();
  const records = coalesced(store);
  const all = Array.from({ length: 100 }, (_, at) => records.put("a", at));
  expect(await records.get("a")).toBe(99);
  expect(kept.get("a")).toBeUndefined();
  await Promise.all(all);
  expect(puts).toEqual(["a 99"]);
  expect([await records.get("a"), kept.get("a")]).toEqual([99, 99]);
});

test("a value that comes while another one is being written is written after it", async () => {
  const { store, puts, kept } = storeOf();
  let during: Promise<void> | undefined;
  const records = coalesced({
    ...store,
    put(id, value) {
      if (value === 1) during = records.put("a", 2);
      return store.put(id, value);
    },
  });
  await records.put("a", 1);
  expect(await records.get("a")).toBe(2);
  await during;
  expect(puts).toEqual(["a 1", "a 2"]);
  expect(kept.get("a")).toBe(2);
});

test("a write that failed is told to whoever put it; reads go on from its value, and the next one is tried", async () => {
  const { store, fail, kept } = storeOf();
  const records = coalesced(store);
  fail(1);
  await expect(records.put("a", 1)).rejects.toThrow("disk");
  expect(await records.get("a")).toBe(1);
  await records.put("a", 2);
  expect(kept.get("a")).toBe(2);
});

test("a listing and a deletion come after what was put before them", async () => {
  const records = coalesced(storeOf().store);
  void records.put("a", 1);
  void records.put("b", 2);
  const listed: (readonly [string, number])[] = [];
  for await (const one of records.entries()) listed.push(one);
  expect(listed).toEqual([
    ["a", 1],
    ["b", 2],
  ]);
  void records.put("a", 3);
  await records.delete("a");
  expect(await records.get("a")).toBeUndefined();
});
