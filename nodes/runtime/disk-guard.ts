/**
 * Keeps a full disk from becoming a damaged store. Below the configured free space the node only reads, and writes
 * again by itself once there is room. After a write that failed it only reads until its stores are opened anew.
 */
import { statfs } from "node:fs/promises";
import { HttpError } from "../http/http-error.ts";

const CHECK_MS = 5_000;
const MIB = 1024 * 1024;

export interface DiskGuard {
  assertWritable(): void;
  /** Tells the guard that a write failed. */
  failed(): void;
  state(): { readonly readOnly: boolean; readonly freeMiB: number };
  close(): void;
}

export async function openDiskGuard(options: {
  readonly dir: string;
  readonly minimumFreeMiB: () => number;
  readonly onChange: (state: { readonly readOnly: boolean; readonly freeMiB: number }) => void;
  /** A write had failed and there is room again: the stores can be opened anew. */
  readonly onRepaired?: () => void;
  /** Default: what the file system says. */
  readonly freeBytes?: () => Promise<number>;
  readonly checkMs?: number;
}): Promise<DiskGuard> {
  const freeBytes = options.freeBytes ?? (async () => freeOf(await statfs(options.dir)));
  let freeMiB = 0;
  let readOnly = false;
  let hasFailed = false;

  const set = (next: boolean) => {
    if (next === readOnly) return;
    readOnly = next;
    options.onChange({ readOnly, freeMiB });
  };
  const check = async () => {
    freeMiB = Math.floor((await freeBytes()) / MIB);
    const isLow = freeMiB < options.minimumFreeMiB();
    set(isLow || hasFailed);
    if (hasFailed && !isLow) options.onRepaired?.();
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
      const detail = hasFailed ? "a write failed" : `${options.minimumFreeMiB()} MiB needed`;
      throw new HttpError(
        "ERR_HTTP_READ_ONLY",
        `disk: ${freeMiB} MiB free, ${detail}; the node only reads until there is room`,
      );
    },
    failed() {
      hasFailed = true;
      set(true);
    },
    state,
    close: () => clearInterval(timer),
  });
}

const freeOf = (stats: { bavail: number; bsize: number }): number => stats.bavail * stats.bsize;
