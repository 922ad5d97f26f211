/** Small disks for the node folders, where this process may mount them, so that a full one is a real one. */
import { execFile } from "node:child_process";
import { mkdir, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const SIZE = "512m";
const FILLER = "filler";

export interface Disk {
  /** Leaves about so many bytes free. */
  fill(leaveBytes: number): Promise<void>;
  free(): Promise<void>;
  unmount(): Promise<void>;
}

/** Undefined where mounting is not allowed: a full disk is then played by the node's process. */
export async function mountDisk(path: string): Promise<Disk | undefined> {
  await mkdir(path, { recursive: true });
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${SIZE},mode=0700`, "tmpfs", path]);
  } catch {
    return undefined;
  }
  const filler = join(path, FILLER);
  return Object.freeze({
    async fill(leaveBytes: number) {
      const { bavail, bsize } = await statfs(path);
      // The node goes on writing meanwhile; what does not fit is full enough.
      await writeFile(filler, Buffer.alloc(Math.max(0, bavail * bsize - leaveBytes))).catch(() => undefined);
    },
    free: () => rm(filler, { force: true }),
    async unmount() {
      await run("umount", [path]).catch(() => run("umount", ["-l", path]));
    },
  });
}
