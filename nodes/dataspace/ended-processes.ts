/**
 * Processes that are over stay for a while, so that repetitions are answered and a person can look; then they go. What
 * was agreed on, and what was decided, lies on the ledger for ever.
 */
import type { RecordStore } from "../store/records.ts";
import type { Timers } from "./timers.ts";

interface Amount {
  readonly count: number;
  readonly bytes: number;
}
/**
 * What is kept at most of one participant, and of all together: beyond it the oldest go before their time, those of the
 * participant first that has the most.
 */
export interface Retention extends Amount {
  readonly keptMs: number;
  readonly all: Amount;
}
export const MOST_ENDED = Object.freeze({
  count: 10_000,
  bytes: 256 * 1024 * 1024,
  all: Object.freeze({ count: 100_000, bytes: 2 * 1024 * 1024 * 1024 }),
});

/** As it lies on disk, by pid. */
export interface EndedMark {
  /** UTC with Z. */
  readonly at: string;
  readonly peer: string;
  /** Of the record in UTF-8. */
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
  /** Of one that could not be forgotten, of `failures` in this sweep. The others go all the same. */
  readonly onError: (pid: string, error: unknown, failures: number) => void;
}

export interface EndedProcesses {
  /** Before the record of the end is written: a crash in between leaves a mark too many, never one too few. */
  mark(pid: string, peer: string, bytes: number): Promise<void>;
  /** Counts what earlier runs have marked. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const ALARM = "oldest";
/** After a sweep in which something failed, and at most, where it fails again and again. */
const PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 60 * PAUSE_MS;

export function createEndedProcesses({ marks, retention, now, timers, forget, onError }: EndedPorts): EndedProcesses {
  /** In the order in which they ended. */
  const ended = new Map<string, EndedMark>();
  /** The same by participant, without those that were still needed when they had to make room. */
  const held = new Map<string, { readonly marks: Map<string, EndedMark>; bytes: number }>();
  const all = { count: 0, bytes: 0 };
  /** Participants that have ended something since there was too much. */
  const crowded = new Set<string>();
  let sweeping: Promise<void> | undefined;
  let isStopped = false;
  let pauseMs = PAUSE_MS;

  function hold(pid: string, mark: EndedMark): void {
    drop(pid);
    ended.set(pid, mark);
    const theirs = held.get(mark.peer) ?? { marks: new Map(), bytes: 0 };
    held.set(mark.peer, theirs);
    theirs.marks.set(pid, mark);
    theirs.bytes += mark.bytes;
    all.count += 1;
    all.bytes += mark.bytes;
  }

  /** It counts no more, and is looked at again when its time is over. */
  function spare(pid: string): void {
    const peer = ended.get(pid)?.peer ?? "";
    const theirs = held.get(peer);
    const mark = theirs?.marks.get(pid);
    if (theirs === undefined || mark === undefined) return;
    theirs.marks.delete(pid);
    theirs.bytes -= mark.bytes;
    all.count -= 1;
    all.bytes -= mark.bytes;
    if (theirs.marks.size === 0) held.delete(peer);
  }

  function drop(pid: string): void {
    spare(pid);
    ended.delete(pid);
  }

  const dueOf = ({ at }: EndedMark): string => new Date(Date.parse(at) + retention.keptMs).toISOString();
  const isTooMuch = (peer: string): boolean => {
    const { marks: theirs, bytes } = held.get(peer) ?? { marks: new Map(), bytes: 0 };
    return theirs.size > retention.count || bytes > retention.bytes;
  };
  const isTooMuchInAll = (): boolean => all.count > retention.all.count || all.bytes > retention.all.bytes;

  /** Of whom the next one goes, where there is too much in all. */
  function heaviest(): string {
    const isLong = all.bytes > retention.all.bytes;
    let found = { peer: "", weight: 0 };
    for (const [peer, { marks: theirs, bytes }] of held) {
      const weight = isLong ? bytes : theirs.size;
      if (weight > found.weight) found = { peer, weight };
    }
    return found.peer;
  }

  /** Returns when there is something to do again; undefined: when the next process ends. */
  async function sweep(): Promise<string | undefined> {
    const begun = now();
    const failed = new Map<string, unknown>();
    /** One that cannot be forgotten stays, and holds up no other. */
    const isGone = (pid: string) =>
      gone(pid).catch((error: unknown) => {
        failed.set(pid, error);
        return undefined;
      });
    let next: string | undefined;
    for (const [pid, mark] of ended) {
      // Those that stay as long again stand at the end.
      if (isStopped || timers.isAhead(dueOf(mark)) || mark.at > begun) {
        next = dueOf(mark);
        break;
      }
      if ((await isGone(pid)) !== false) continue;
      const again = { ...mark, at: now() };
      hold(pid, again);
      await marks.put(pid, again);
    }
    const makeRoom = async (peer: string) => {
      const [oldest] = held.get(peer)?.marks.keys() ?? [];
      if (oldest !== undefined && (await isGone(oldest)) !== true) spare(oldest);
    };
    for (const peer of crowded) {
      while (!isStopped && isTooMuch(peer)) await makeRoom(peer);
      crowded.delete(peer);
    }
    while (!isStopped && isTooMuchInAll()) await makeRoom(heaviest());
    const [first] = failed;
    if (first === undefined) pauseMs = PAUSE_MS;
    else onError(...first, failed.size);
    return first === undefined ? next : soonest(next, afterPause());
  }

  async function gone(pid: string): Promise<boolean> {
    if (!(await forget(pid))) return false;
    await marks.delete(pid);
    drop(pid);
    return true;
  }

  function afterPause(): string {
    const due = new Date(Date.parse(now()) + pauseMs).toISOString();
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    return due;
  }

  const alarmAt = (due: string | undefined): void => {
    if (!isStopped && due !== undefined) timers.at(ALARM, due, run);
  };

  function run(): void {
    if (isStopped || sweeping !== undefined) return;
    sweeping = sweep()
      .then(alarmAt, (error: unknown) => {
        onError("", error, 1);
        crowded.clear();
        alarmAt(afterPause());
      })
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
      if (isTooMuch(peer) || isTooMuchInAll()) crowded.add(peer);
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

const soonest = (a: string | undefined, b: string): string => (a !== undefined && a < b ? a : b);
