import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { openDiskGuard } from "./disk-guard.ts";

const MIB = 1024 * 1024;

test("a full disk stops writes with a clear state, and room starts them again", async () => {
  let free = 100 * MIB;
  const states: boolean[] = [];
  const guard = await openDiskGuard({
    dir: "/",
    minimumFreeMiB: () => 64,
    freeBytes: async () => free,
    checkMs: 10,
    onChange: ({ readOnly }) => states.push(readOnly),
  });
  guard.assertWritable();
  free = 10 * MIB;
  await sleep(100);
  expect(guard.state()).toEqual({ readOnly: true, freeMiB: 10 });
  expect(() => guard.assertWritable()).toThrow(/10 MiB free, 64 MiB needed/);
  free = 100 * MIB;
  await sleep(100);
  guard.assertWritable();
  guard.close();
  expect(states).toEqual([true, false]);
});

test("after a write that failed the node only reads, and says when it can be started anew", async () => {
  let free = 100 * MIB;
  let repaired = 0;
  const guard = await openDiskGuard({
    dir: "/",
    minimumFreeMiB: () => 64,
    freeBytes: async () => free,
    checkMs: 10,
    onChange: () => undefined,
    onRepaired: () => {
      repaired += 1;
    },
  });
  free = 0;
  guard.failed();
  expect(() => guard.assertWritable()).toThrow(expect.objectContaining({ code: "ERR_HTTP_READ_ONLY" }));
  await sleep(50);
  expect(repaired).toBe(0);
  free = 100 * MIB;
  await sleep(100);
  expect(repaired).toBeGreaterThan(0);
  expect(guard.state().readOnly).toBe(true);
  guard.close();
});
