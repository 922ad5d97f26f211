import { expect, test } from "vitest";
import { anchor, testMember } from "../conformance/fixture.ts";
import { memoryStore } from "./_memory-store.ts";
import { openOutbox } from "./outbox.ts";
import type { LogStore } from "./store.ts";

const author = testMember("a");

test("what could not be written because the disk was full can be handed in again once there is room", async () => {
  const store = memoryStore([], (batch) => (batch === 0 && !room ? "early" : undefined));
  let room = false;
  const outbox = await openOutbox(store, 1);
  await expect(outbox.add([anchor(author, 0)])).rejects.toThrow("ENOSPC");
  expect(outbox.size()).toBe(0);
  room = true;
  await outbox.add([anchor(author, 0)]);
  expect(outbox.take(10).map(({ transaction }) => transaction)).toEqual([anchor(author, 0)]);
});

test("a transaction that is saved first does not overtake the one handed in before it", async () => {
  const store = memoryStore();
  const first = Promise.withResolvers<void>();
  let batches = 0;
  const slow: LogStore = {
    ...store,
    async batch(operations, options) {
      batches += 1;
      if (batches === 1) await first.promise;
      return store.batch(operations, options);
    },
  };
  const outbox = await openOutbox(slow, 10);
  const before = outbox.add([anchor(author, 0)]);
  await outbox.add([anchor(author, 1)]);
  expect(outbox.take(10)).toEqual([]);
  first.resolve();
  await before;
  const all = outbox.take(10);
  expect(all.map(({ sequence }) => sequence)).toEqual([0, 1]);
  expect(outbox.take(10, new Set(all.slice(0, 1))).map(({ sequence }) => sequence)).toEqual([1]);
});
