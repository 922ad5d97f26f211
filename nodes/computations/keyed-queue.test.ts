import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { createKeyedQueue } from "./keyed-queue.ts";

test("a key runs one at a time, and once more when poked while it ran", async () => {
  let running = 0;
  let most = 0;
  let runs = 0;
  const queue = createKeyedQueue({
    async run() {
      running += 1;
      most = Math.max(most, running);
      runs += 1;
      await sleep(5);
      running -= 1;
    },
    isPassing: () => false,
    onError: () => undefined,
  });
  for (let i = 0; i < 5; i += 1) queue.poke("a");
  await sleep(40);
  await queue.stop();
  expect({ most, runs }).toEqual({ most: 1, runs: 2 });
});

test("a passing failure is repeated without being poked; a lasting one is not", async () => {
  const runs: string[] = [];
  const queue = createKeyedQueue({
    run: async (key) => {
      runs.push(key);
      throw new Error(key);
    },
    isPassing: (error) => (error as Error).message === "passing",
    onError: () => undefined,
  });
  queue.poke("passing");
  queue.poke("lasting");
  await sleep(700);
  await queue.stop();
  expect(runs.filter((key) => key === "lasting")).toHaveLength(1);
  expect(runs.filter((key) => key === "passing").length).toBeGreaterThan(1);
});

test.each([0, 1, 2, 3, 4, 5, 6])("a poke %i turns after the work has ended is not lost", async (turns) => {
  let runs = 0;
  const ended = Promise.withResolvers<void>();
  const queue = createKeyedQueue({
    async run() {
      runs += 1;
      await ended.promise;
    },
    isPassing: () => false,
    onError: () => undefined,
  });
  queue.poke("a");
  ended.resolve();
  for (let turn = 0; turn < turns; turn++) await Promise.resolve();
  queue.poke("a");
  await expect.poll(() => runs).toBe(2);
  await queue.stop();
});

test.each([
  { keepsPause: false, atOnce: 51 },
  { keepsPause: true, atOnce: 1 },
])(
  "pokes of a key that fails add no tries of their own later (keepsPause: $keepsPause)",
  async ({ keepsPause, atOnce }) => {
    vi.useFakeTimers();
    try {
      let runs = 0;
      const queue = createKeyedQueue({
        async run() {
          runs += 1;
          throw new Error("passing");
        },
        isPassing: () => true,
        onError: () => undefined,
        keepsPause,
      });
      for (let pokes = 0; pokes <= 50; pokes += 1) {
        queue.poke("a");
        await vi.advanceTimersByTimeAsync(0);
      }
      expect(runs).toBe(atOnce);
      await vi.advanceTimersByTimeAsync(300_000);
      // Half a minute apart at the end, and closer only where the pauses begin small.
      expect(runs - atOnce).toBeLessThanOrEqual(16);
      expect(runs - atOnce).toBeGreaterThanOrEqual(9);
      await queue.stop();
    } finally {
      vi.useRealTimers();
    }
  },
);

test("a poke while a key that keeps its pause is failing is not forgotten", async () => {
  let isDown = true;
  let done = 0;
  const queue = createKeyedQueue({
    async run() {
      if (isDown) throw new Error("passing");
      done += 1;
    },
    isPassing: () => true,
    onError: () => undefined,
    keepsPause: true,
  });
  queue.poke("a");
  await sleep(1);
  isDown = false;
  queue.poke("a");
  expect(done).toBe(0);
  await expect.poll(() => done, { timeout: 10_000 }).toBe(1);
  await queue.stop();
});
