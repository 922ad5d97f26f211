import { expect, test } from "vitest";
import { createKeyedBell } from "./keyed-bell.ts";

const LONG_MS = 60_000;

test("a ring wakes everyone who waits for its key, and nobody else", async () => {
  const bell = createKeyedBell();
  const woken: string[] = [];
  const waits = ["a", "a", "b"].map((key, at) => bell.wait(key, LONG_MS).then(() => woken.push(`${key}${at}`)));
  bell.ring("a");
  await Promise.all(waits.slice(0, 2));
  expect(woken).toEqual(["a0", "a1"]);
  bell.ring("b");
  await waits[2];
  expect(woken).toEqual(["a0", "a1", "b2"]);
});

test("who waits long enough goes on without a ring", async () => {
  await createKeyedBell().wait("a", 1);
});

test("a closed bell holds nobody up", async () => {
  const bell = createKeyedBell();
  const waiting = bell.wait("a", LONG_MS);
  bell.close();
  await waiting;
  await bell.wait("b", LONG_MS);
});
