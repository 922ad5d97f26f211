/**
 * Keeps a full disk from becoming a damaged store: below the configured free space, and after any write that failed
 * for want of space, the node only reads. It writes again by itself once there is room.
 */
import { statfs } from "node:fs/promises";
import { HttpError } from "../http/http-error.ts";
import { isDiskFull } from "../store/records.ts";

const CHECK_MS = 5_000;
const MIB = 1024 * 1024;

export interface DiskGuard {
  assertWritable(): void;
  /** Tells the guard of a failure seen elsewhere. */
  note(error: unknown): void;
  state(): { readonly readOnly: boolean; readonly freeMiB: number };
  close(): void;
}

export async function openDiskGuard(options: {
  readonly dir: string;
  readonly minimumFreeMiB: () => number;
  readonly onChange: (state: { readonly readOnly: boolean; readonly freeMiB: number }) => void;
  /** Default: what the file system says. */
  readonly freeBytes?: () => Promise<number>;
  readonly checkMs?: number;
}): Promise<DiskGuard> {
  const freeBytes = options.freeBytes ?? (async () => freeOf(await statfs(options.dir)));
  let freeMiB = 0;
  let readOnly = false;

  const set = (next: boolean) => {
    if (next === readOnly) return;
    readOnly = next;
    options.onChange({ readOnly, freeMiB });
  };
  const check = async () => {
    freeMiB = Math.floor((await freeBytes()) / MIB);
    set(freeMiB < options.minimumFreeMiB());
  };
  await check();
  // A file system that cannot be asked is treated as full.
  const timer = setInterval(() => void check().catch(() => set(true)), options.checkMs ?? CHECK_MS);
  timer.unref();

  function state() {
    return { readOnly, freeMiB };
  }
  return Object.freeze({
    assertWritable() {
      if (!readOnly) return;
      throw new HttpError(
        "ERR_HTTP_READ_ONLY",
        `disk: ${freeMiB} MiB free, ${options.minimumFreeMiB()} MiB needed; the node only reads until there is room`,
      );
    },
    note(error: unknown) {
      if (isDiskFull(error)) set(true);
    },
    state,
    close: () => clearInterval(timer),
  });
}

const freeOf = (stats: { bavail: number; bsize: number }): number => stats.bavail * stats.bsize;
