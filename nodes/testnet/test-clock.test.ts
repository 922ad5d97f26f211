import { expect, test } from "vitest";
import { reached } from "../runtime/effects.ts";
import { createTestClock } from "./test-clock.ts";

const HOUR_MS = 3_600_000;

test("an alarm rings when the clock is moved to it, not before, and only once", async () => {
  const clock = createTestClock();
  const rung: number[] = [];
  const start = clock.time();
  for (const hours of [1, 2, 3]) clock.alarm(start + hours * HOUR_MS, () => rung.push(hours));
  const callOff = clock.alarm(start + HOUR_MS, () => rung.push(0));
  callOff();
  clock.moveTo(start + 2 * HOUR_MS);
  await expect.poll(() => rung.toSorted()).toEqual([1, 2]);
  clock.moveTo(start + HOUR_MS);
  expect(clock.time()).toBeGreaterThanOrEqual(start + 2 * HOUR_MS);
  expect(Date.parse(clock.now())).toBeGreaterThanOrEqual(start + 2 * HOUR_MS);
  clock.moveTo(start + 3 * HOUR_MS);
  await expect.poll(() => rung.toSorted()).toEqual([1, 2, 3]);
});

test("whoever waits for a time is told when it has come, or that it is called off", async () => {
  const clock = createTestClock();
  const ending = new AbortController();
  const at = clock.time() + HOUR_MS;
  const [came, calledOff] = [new AbortController().signal, ending.signal].map((signal) => reached(clock, at, signal));
  ending.abort(new Error("over"));
  await expect(calledOff).rejects.toThrow("over");
  clock.moveTo(at);
  await expect(came).resolves.toBeUndefined();
  await expect(reached(clock, at, ending.signal)).rejects.toThrow("over");
});
