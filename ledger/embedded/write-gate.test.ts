import { execFileSync } from "node:child_process";
import { mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openLevelStore } from "./store.ts";
import { createWriteGate } from "./write-gate.ts";

const onDisk = Object.assign(new Error("No space left on device"), { code: "LEVEL_IO_ERROR" });

test("the first write that the disk did not take is the last, also for what was written meanwhile", async () => {
  const heard: unknown[] = [];
  const gate = createWriteGate((error) => heard.push(error));
  await expect(gate.pass(() => Promise.reject(new TypeError("no JSON")))).rejects.toThrow("no JSON");
  await gate.pass(async () => undefined);

  const slow = Promise.withResolvers<void>();
  const meanwhile = gate.pass(() => slow.promise);
  await expect(gate.pass(() => Promise.reject(onDisk))).rejects.toBe(onDisk);
  slow.resolve();
  const shut = { code: "WRITE_GATE_SHUT", cause: onDisk };
  await expect(meanwhile).rejects.toMatchObject(shut);
  let tried = false;
  const later = gate.pass(async () => {
    tried = true;
  });
  await expect(later).rejects.toMatchObject(shut);
  expect(tried).toBe(false);
  expect(heard).toEqual([onDisk]);
});

/** A real small disk, where this process may mount one. */
async function withSmallDisk(use: (path: string) => Promise<void>): Promise<boolean> {
  const path = await mkdtemp(join(tmpdir(), "ledger-full-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", path], { stdio: "ignore" });
  } catch {
    await rm(path, { recursive: true });
    return false;
  }
  try {
    await use(path);
  } finally {
    execFileSync("umount", ["-l", path]);
    await rm(path, { recursive: true });
  }
  return true;
}

test("what is acknowledged after a full disk is there when the store opens again", async ({ skip }) => {
  const ran = await withSmallDisk(async (disk) => {
    const filler = join(disk, "filler");
    const store = await openLevelStore(join(disk, "ledger"));
    const acknowledged: string[] = [];
    const put = async (key: string, length: number) => {
      await store.batch([{ type: "put", key, value: "x".repeat(length) }], { sync: true });
      acknowledged.push(key);
    };
    for (let at = 0; at < 20; at++) await put(`before-${at}`, 500);
    const { bavail, bsize } = await statfs(disk);
    await writeFile(filler, Buffer.alloc(bavail * bsize));
    let refused = 0;
    for (let at = 0; at < 12; at++) await put(`full-${at}`, 900).catch(() => refused++);
    expect(refused).toBeGreaterThan(0);
    await rm(filler);
    await expect(put("too-late", 10)).rejects.toMatchObject({ code: "ERR_LEDGER_FULL" });
    await store.close();

    const again = await openLevelStore(join(disk, "ledger"));
    await again.batch([{ type: "put", key: "after", value: "room" }], { sync: true });
    await again.close();
    const last = await openLevelStore(join(disk, "ledger"));
    for (const key of [...acknowledged, "after"])
      expect({ key, found: await last.get(key) }).toHaveProperty("found", expect.any(String));
    await last.close();
  });
  if (!ran) skip("no small disk may be mounted here");
});
