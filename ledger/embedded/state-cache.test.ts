import { expect, test } from "vitest";
import type { StateBase } from "./overlay.ts";
import { createStateCache } from "./state-cache.ts";

function storeOf(entries: Readonly<Record<string, string>>) {
  const state = new Map(Object.entries(entries));
  const read: string[] = [];
  const base: StateBase = {
    get: async (key) => {
      read.push(key);
      return state.get(key);
    },
    async *range(prefix) {
      for (const entry of state) if (entry[0].startsWith(prefix)) yield entry;
    },
  };
  const commit = (cache: ReturnType<typeof createStateCache>, writes: Readonly<Record<string, string>>) => {
    for (const [key, text] of Object.entries(writes)) state.set(key, text);
    cache.committed(new Map(Object.entries(writes)));
  };
  return { base, read, commit, state };
}

test("what is asked for again is not read again, and is what was committed last", async () => {
  const { base, read, commit } = storeOf({ a: '{"n":1}' });
  const cache = createStateCache(base);
  expect(await cache.value("a")).toEqual({ n: 1 });
  expect(await cache.get("a")).toBe('{"n":1}');
  expect(read).toEqual(["a"]);
  commit(cache, { a: '{"n":2}', b: '{"n":3}' });
  expect([await cache.value("a"), await cache.value("b")]).toEqual([{ n: 2 }, { n: 3 }]);
  // What nobody has asked for is not kept when it is written: nearly all that records write is that.
  expect(read).toEqual(["a", "b"]);
  commit(cache, { b: '{"n":4}' });
  expect(await cache.value("b")).toEqual({ n: 4 });
  expect(read).toEqual(["a", "b"]);
});

test("what is not there is asked for every time: it may come", async () => {
  const { base, commit } = storeOf({});
  const cache = createStateCache(base);
  expect(await cache.value("a")).toBeUndefined();
  commit(cache, { a: "{}" });
  expect(await cache.value("a")).toEqual({});
});

test("a value that was read before a commit and handed over after it is not taken for the present one", async () => {
  const { base, state } = storeOf({ a: "1" });
  const handOver = Promise.withResolvers<void>();
  const slow = async (key: string) => {
    const text = state.get(key);
    await handOver.promise;
    return text;
  };
  let isSlow = true;
  const cache = createStateCache({ ...base, get: (key) => (isSlow ? slow(key) : base.get(key)) });
  const before = cache.value("a");
  isSlow = false;
  state.set("a", "2");
  cache.committed(new Map([["a", "2"]]));
  handOver.resolve();
  expect(await before).toBe(1);
  expect(await cache.value("a")).toBe(2);
});

test("a reader cannot change what the next one sees", async () => {
  const cache = createStateCache(storeOf({ a: '{"list":[{"n":1}]}' }).base);
  const value = (await cache.value("a")) as { list: { n: number }[] };
  expect(() => value.list.push({ n: 2 })).toThrow(TypeError);
  expect(() => Object.assign(value.list[0]!, { n: 2 })).toThrow(TypeError);
});

test("it does not grow with the state", async () => {
  const entries = Array.from({ length: 4_000 }, (_, at) => [`key/${at}`, JSON.stringify("x".repeat(1_000))] as const);
  const { base, read } = storeOf(Object.fromEntries(entries));
  const cache = createStateCache(base);
  for (const [key] of entries) await cache.get(key);
  for (const [key] of entries) await cache.get(key);
  // More than it holds, asked for in a circle: nothing is there any more when its turn comes.
  expect(read).toHaveLength(8_000);
  await cache.get(entries.at(-1)![0]);
  expect(read).toHaveLength(8_000);
});
