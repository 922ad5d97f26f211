import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "./database.ts";
import { openRecords } from "./records.ts";

let dir: string;
let database: Database;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealane-group-"));
  database = await openDatabase(dir);
});
afterEach(async () => {
  await database.close();
  await rm(dir, { recursive: true, force: true });
});

test("writes that are asked for at once share batches, in order, and each is there when it resolves", async () => {
  const batches: { readonly length: number; readonly sync: boolean }[] = [];
  const batch = database.batch.bind(database) as (...about: unknown[]) => Promise<void>;
  (database as { batch: unknown }).batch = (operations: unknown[], options: { sync: boolean }) => {
    batches.push({ length: operations.length, sync: options.sync });
    return batch(operations, options);
  };
  const [kept, loose] = [
    openRecords<number>(database, "kept"),
    openRecords<number>(database, "loose", undefined, "unless-power-fails"),
  ];
  await loose.put("first", 0);
  expect(batches).toEqual([{ length: 1, sync: false }]);
  await Promise.all(
    Array.from({ length: 100 }, async (_, at) => {
      const store = at % 2 === 0 ? kept : loose;
      await store.put("same", at);
      await store.put(String(at), at);
      expect(await store.get(String(at))).toBe(at);
    }),
  );
  expect([await kept.get("same"), await loose.get("same")]).toEqual([98, 99]);
  expect(batches.length).toBeLessThan(20);
  expect(batches.slice(1).some(({ sync }) => sync)).toBe(true);
  await Promise.all([kept.put("same", 5), kept.delete("same")]);
  expect(await kept.get("same")).toBeUndefined();
});

test("what has no JSON form is refused alone", async () => {
  const store = openRecords<unknown>(database, "any");
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;
  const [good, none, round] = await Promise.allSettled([
    store.put("a", 1),
    store.put("b", undefined),
    store.put("c", circle),
  ]);
  expect([good.status, none.status, round.status]).toEqual(["fulfilled", "rejected", "rejected"]);
  expect([await store.get("a"), await store.get("b"), await store.get("c")]).toEqual([1, undefined, undefined]);
});
