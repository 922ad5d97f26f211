/** Which processes are not over: what a start must look at, and how many of them each participant has begun here. */
import type { RecordStore } from "../store/records.ts";

/** Of one participant. */
export const MOST_OPEN = 1_000;

/** `first`: of a process that the other participant has begun. */
interface About {
  readonly pid: string;
  readonly peer: string;
  readonly first?: string;
}

export interface OpenProcesses {
  /** Before the record is written: both are in one log, so the mark is on disk once the record is. */
  mark(pid: string): Promise<void>;
  count(about: About): void;
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
  const begun = new Map<string, Set<string>>();

  function count({ pid, peer, first }: About): void {
    if (first === undefined) return;
    const theirs = begun.get(peer) ?? new Set();
    begun.set(peer, theirs.add(pid));
  }

  function leavePlace({ pid, peer }: Pick<About, "pid" | "peer">): void {
    const theirs = begun.get(peer);
    theirs?.delete(pid);
    if (theirs?.size === 0) begun.delete(peer);
  }

  return Object.freeze({
    count,
    leavePlace,
    takePlace(about: About) {
      if ((begun.get(about.peer)?.size ?? 0) >= MOST_OPEN) return false;
      count(about);
      return true;
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
