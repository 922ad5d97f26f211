/** What a process of the ledger benchmark uses. */
import { readFileSync } from "node:fs";

export interface Usage {
  /**
   * Resident memory without mapped files: the store maps its tables, which is the system's cache and no memory of ours.
   * Where the system does not tell, all resident memory.
   */
  readonly memoryMiB: number;
  /** Of all its threads since it started. */
  readonly cpuMs: number;
}

export function usageOf(): Usage {
  const { user, system } = process.cpuUsage();
  return { memoryMiB: anonymousMiB() ?? process.memoryUsage.rss() / 2 ** 20, cpuMs: (user + system) / 1000 };
}

function anonymousMiB(): number | undefined {
  try {
    const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    return kib === undefined ? undefined : Number(kib) / 1024;
  } catch {
    return undefined;
  }
}
