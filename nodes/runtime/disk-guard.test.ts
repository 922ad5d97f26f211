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
  guard.note(Object.assign(new Error("x"), { code: "ENOSPC" }));
  expect(() => guard.assertWritable()).toThrow(expect.objectContaining({ code: "ERR_HTTP_READ_ONLY" }));
  guard.close();
  expect(states).toEqual([true, false, true]);
});
