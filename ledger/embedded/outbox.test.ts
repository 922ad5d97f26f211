import { expect, test } from "vitest";
import { anchor, testMember } from "../conformance/fixture.ts";
import { memoryStore } from "./_memory-store.ts";
import { openOutbox } from "./outbox.ts";

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
