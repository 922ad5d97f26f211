/** How transactions ended, from one peer's stream of filtered blocks: what a Gateway's commit status says. */
import { setTimeout as pause } from "node:timers/promises";
import type { peer } from "@hyperledger/fabric-protos";
import { type CommitResult, commitResult } from "./gateway.ts";

export interface Commits {
  /**
   * Resolves when the peer has the transaction in a block; rejects after `timeoutMs`. Asked for before it is handed in; where it
   * was handed in before, it is looked up as well.
   */
  ended(transactionId: string, options: { readonly timeoutMs: number; readonly isOld: boolean }): Promise<CommitResult>;
  close(): void;
}

export interface CommitsOptions {
  /** Blocks of the peer's ledger. */
  readonly height: () => Promise<number>;
  /** From block `from` on, until the signal aborts. */
  readonly blocks: (from: number, signal: AbortSignal) => AsyncIterable<peer.FilteredBlock>;
  /** A transaction that is in a block already; undefined: in none. */
  readonly find: (transactionId: string) => Promise<CommitResult | undefined>;
}

interface Waiting {
  readonly resolve: (result: CommitResult) => void;
}

const RETRY_MS = 500;

export function watchCommits({ height, blocks, find }: CommitsOptions): Commits {
  const waiting = new Map<string, Set<Waiting>>();
  const closing = new AbortController();
  const { signal } = closing;
  let isRunning = false;
  /** The stream gives every block from here on. */
  let following = false;

  const tell = (transactionId: string, result: CommitResult): void => {
    const all = waiting.get(transactionId);
    waiting.delete(transactionId);
    for (const { resolve } of all ?? []) resolve(result);
  };

  async function look(transactionId: string): Promise<void> {
    const result = await find(transactionId);
    if (result !== undefined) tell(transactionId, result);
  }

  async function follow(): Promise<void> {
    // Counted before the stream begins, so that no block lies between what is looked up and what is followed.
    const stream = blocks(await height(), signal);
    following = true;
    await Promise.all([...waiting.keys()].map(look));
    for await (const block of stream) {
      for (const transaction of block.getFilteredTransactionsList()) {
        tell(transaction.getTxid(), commitResult(transaction.getTxValidationCode(), block.getNumber()));
      }
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      // The calls that wait have limits of their own.
      await follow().catch(() => undefined);
      following = false;
      await pause(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  return Object.freeze({
    async ended(transactionId: string, { timeoutMs, isOld }: { readonly timeoutMs: number; readonly isOld: boolean }) {
      if (!isRunning) void run();
      isRunning = true;
      const { promise, resolve, reject } = Promise.withResolvers<CommitResult>();
      const one: Waiting = { resolve };
      const all = waiting.get(transactionId) ?? new Set();
      waiting.set(transactionId, all.add(one));
      const timer = setTimeout(
        () => reject(new Error("4 DEADLINE_EXCEEDED: no block with the transaction yet")),
        timeoutMs,
      );
      const stop = () => reject(new Error("1 CANCELLED: closed"));
      signal.addEventListener("abort", stop, { once: true });
      try {
        if (isOld && following) void look(transactionId).catch(() => undefined);
        return await promise;
      } finally {
        clearTimeout(timer);
        signal.removeEventListener("abort", stop);
        all.delete(one);
        if (all.size === 0 && waiting.get(transactionId) === all) waiting.delete(transactionId);
      }
    },
    close: () => closing.abort(),
  });
}
