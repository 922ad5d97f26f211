/** Which processes are not over: what a start must look at, and how much of them each participant has begun here. */
import type { RecordStore } from "../store/records.ts";

/** Of one participant. */
export const MOST_OPEN = 1_000;
/** Of their records together, as JSON; one that is about to begin may go beyond it. */
export const MOST_OPEN_BYTES = 64 * 1024 * 1024;

/** `first`: of a process that the other participant has begun. */
interface About {
  readonly pid: string;
  readonly peer: string;
  readonly first?: string;
}

export interface OpenProcesses {
  /** Before the record is written: both are in one log, so the mark is on disk once the record is. */
  mark(pid: string): Promise<void>;
  /** `bytes`: of its record. */
  count(about: About, bytes: number): void;
  /** Whether the participant's records have room for one of so many bytes, in place of what it has now. */
  fits(about: About, bytes: number): boolean;
  /** After the record was written: the process is over. */
  unmark(pid: string, peer?: string): Promise<void>;
  /** Counts a process that is about to begin, before anything is waited for. False: there is room for no more. */
  takePlace(about: About): boolean;
  /** It did not begin. */
  leavePlace(about: About): void;
  /** Of earlier runs. */
  pids(): AsyncIterable<string>;
}

export function createOpenProcesses(marks: RecordStore<true>): OpenProcesses {
  /** Pids whose mark this run has written or read. */
  const marked = new Set<string>();
  const begun = new Map<string, { readonly sizes: Map<string, number>; bytes: number }>();

  function count({ pid, peer, first }: About, bytes: number): void {
    if (first === undefined) return;
    const theirs = begun.get(peer) ?? { sizes: new Map<string, number>(), bytes: 0 };
    theirs.bytes += bytes - (theirs.sizes.get(pid) ?? 0);
    theirs.sizes.set(pid, bytes);
    begun.set(peer, theirs);
  }

  function leavePlace({ pid, peer }: Pick<About, "pid" | "peer">): void {
    const theirs = begun.get(peer);
    if (theirs === undefined) return;
    theirs.bytes -= theirs.sizes.get(pid) ?? 0;
    theirs.sizes.delete(pid);
    if (theirs.sizes.size === 0) begun.delete(peer);
  }

  return Object.freeze({
    count,
    leavePlace,
    takePlace(about: About) {
      const theirs = begun.get(about.peer);
      if ((theirs?.sizes.size ?? 0) >= MOST_OPEN || (theirs?.bytes ?? 0) >= MOST_OPEN_BYTES) return false;
      count(about, 0);
      return true;
    },
    fits({ pid, peer, first }: About, bytes: number) {
      const theirs = begun.get(peer);
      const grows = bytes - (theirs?.sizes.get(pid) ?? 0);
      return first === undefined || grows <= 0 || (theirs?.bytes ?? 0) + grows <= MOST_OPEN_BYTES;
    },
    async mark(pid: string) {
      if (marked.has(pid)) return;
      await marks.put(pid, true);
      marked.add(pid);
    },
    async unmark(pid: string, peer?: string) {
      marked.delete(pid);
      if (peer !== undefined) leavePlace({ pid, peer });
      await marks.delete(pid);
    },
    async *pids() {
      for await (const [pid] of marks.entries()) {
        marked.add(pid);
        yield pid;
      }
    },
  });
}
