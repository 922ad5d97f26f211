/**
 * Processes that are over stay for a while, so that repetitions are answered and a person can look; then they go. What
 * was agreed on, and what was decided, lies on the ledger for ever.
 */
import type { RecordStore } from "../store/records.ts";
import type { Timers } from "./timers.ts";

/** What of one participant is kept at most: beyond it the oldest go before their time. */
export interface Retention {
  readonly keptMs: number;
  readonly count: number;
  readonly bytes: number;
}
export const MOST_ENDED = Object.freeze({ count: 10_000, bytes: 256 * 1024 * 1024 });

/** As it lies on disk, by pid. */
export interface EndedMark {
  /** UTC with Z. */
  readonly at: string;
  readonly peer: string;
  /** Of the record. */
  readonly bytes: number;
}

export interface EndedPorts {
  readonly marks: RecordStore<EndedMark>;
  readonly retention: Retention;
  /** UTC with Z. */
  readonly now: () => string;
  readonly timers: Timers;
  /** False: it is still needed, and stays as long again. */
  readonly forget: (pid: string) => Promise<boolean>;
  readonly onError: (error: unknown) => void;
}

export interface EndedProcesses {
  /** Before the record of the end is written: a crash in between leaves a mark too many, never one too few. */
  mark(pid: string, peer: string, bytes: number): Promise<void>;
  /** Counts what earlier runs have marked. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const ALARM = "oldest";
/** After a write that failed. */
const PAUSE_MS = 60_000;

export function createEndedProcesses({ marks, retention, now, timers, forget, onError }: EndedPorts): EndedProcesses {
  /** In the order in which they ended. */
  const ended = new Map<string, EndedMark>();
  const held = new Map<string, { count: number; bytes: number }>();
  /** Participants of whom there is too much. */
  const crowded = new Set<string>();
  let sweeping: Promise<void> | undefined;
  let isStopped = false;

  function hold(pid: string, mark: EndedMark): void {
    drop(pid);
    const { count, bytes } = held.get(mark.peer) ?? { count: 0, bytes: 0 };
    held.set(mark.peer, { count: count + 1, bytes: bytes + mark.bytes });
    ended.set(pid, mark);
  }

  function drop(pid: string): void {
    const mark = ended.get(pid);
    if (mark === undefined) return;
    ended.delete(pid);
    const { count, bytes } = held.get(mark.peer) ?? { count: 1, bytes: mark.bytes };
    if (count === 1) held.delete(mark.peer);
    else held.set(mark.peer, { count: count - 1, bytes: bytes - mark.bytes });
  }

  const dueOf = ({ at }: EndedMark): string => new Date(Date.parse(at) + retention.keptMs).toISOString();
  const isTooMuch = (peer: string): boolean => {
    const { count, bytes } = held.get(peer) ?? { count: 0, bytes: 0 };
    return count > retention.count || bytes > retention.bytes;
  };

  async function sweep(): Promise<void> {
    for (const [pid, mark] of [...ended]) {
      if (isStopped || timers.isAhead(dueOf(mark))) break;
      await release(pid, mark);
    }
    for (const peer of crowded) {
      for (const [pid, mark] of [...ended]) {
        if (isStopped || !isTooMuch(peer)) break;
        if (mark.peer === peer) await release(pid, mark);
      }
      crowded.delete(peer);
    }
  }

  async function release(pid: string, mark: EndedMark): Promise<void> {
    if (await forget(pid)) {
      drop(pid);
      await marks.delete(pid);
      return;
    }
    const again = { ...mark, at: now() };
    hold(pid, again);
    await marks.put(pid, again);
  }

  const alarmAt = (due: string): void => {
    if (!isStopped) timers.at(ALARM, due, run);
  };

  function run(): void {
    if (isStopped || sweeping !== undefined) return;
    sweeping = sweep()
      .then(
        () => {
          const [oldest] = ended.values();
          if (oldest !== undefined) alarmAt(dueOf(oldest));
        },
        (error: unknown) => {
          onError(error);
          crowded.clear();
          alarmAt(new Date(Date.parse(now()) + PAUSE_MS).toISOString());
        },
      )
      .finally(() => {
        sweeping = undefined;
        if (crowded.size > 0) run();
      });
  }

  return Object.freeze({
    async mark(pid: string, peer: string, bytes: number) {
      const mark = { at: now(), peer, bytes };
      await marks.put(pid, mark);
      const isFirst = ended.size === 0;
      hold(pid, mark);
      if (isTooMuch(peer)) crowded.add(peer);
      if (crowded.size > 0) run();
      else if (isFirst) alarmAt(dueOf(mark));
    },
    async start() {
      const found: (readonly [string, EndedMark])[] = [];
      for await (const one of marks.entries()) found.push(one);
      found.sort(([, a], [, b]) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
      for (const [pid, mark] of found) hold(pid, mark);
      run();
    },
    async stop() {
      isStopped = true;
      await sweeping;
    },
  } satisfies EndedProcesses);
}
