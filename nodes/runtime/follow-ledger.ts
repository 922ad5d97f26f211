/**
 * Reads the ledger for one part of a node for as long as the node runs. Where reading or taking an entry fails it begins
 * again at that entry, after longer and longer pauses; the node's health says so meanwhile.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Ledger, LedgerEntry } from "../../ledger/port.ts";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 60_000;

export interface LedgerFollower {
  /** It waits for its next try. */
  isFailing(): boolean;
  stop(): Promise<void>;
}

export function followLedger(options: {
  readonly ledger: Pick<Ledger, "follow">;
  /** Position of the first entry. */
  readonly from: number;
  /** One entry after another; the one that it fails on comes again. */
  readonly take: (entry: LedgerEntry) => Promise<void>;
  readonly onError: (error: unknown, position: number) => void;
  /** Waits, and rejects when it is aborted. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}): LedgerFollower {
  const { ledger, take, onError, pause = slept } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let isFailing = false;

  async function run(): Promise<void> {
    let next = options.from;
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      try {
        for await (const entry of ledger.follow(next, signal)) {
          await take(entry);
          next = entry.position + 1;
          pauseMs = FIRST_PAUSE_MS;
        }
        if (signal.aborted) return;
        throw new Error("the ledger ended its answer");
      } catch (error) {
        if (signal.aborted) return;
        isFailing = true;
        onError(error, next);
      }
      await pause(pauseMs, signal).catch(() => undefined);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      isFailing = false;
    }
  }

  const running = run();
  return Object.freeze({
    isFailing: () => isFailing,
    async stop() {
      stopping.abort();
      // A ledger that is stuck must not hold up its node's end.
      await Promise.race([running, sleep(1_000, undefined, { ref: false })]);
    },
  });
}

const slept = (ms: number, signal: AbortSignal): Promise<void> => sleep(ms, undefined, { ref: false, signal });
