/** Transactions waiting for their group commit. A submission whose waiter gave up stays in line. */
import { LedgerError, type SignedTransaction } from "../port.ts";
import { type Bell, createBell } from "./bell.ts";
import type { SubmitAnswer } from "./sequencer-api.ts";

/** Characters of one group commit, so that it travels in one answer; a single transaction is at most 1 MiB. */
export const MAX_GROUP_LENGTH = 4 * 1024 * 1024;

export interface Submission {
  readonly transaction: SignedTransaction;
  /** Characters of its JSON text. */
  readonly length: number;
  answer(answer: SubmitAnswer): void;
}

export interface SubmissionQueue {
  readonly bell: Bell;
  /** One promise per transaction, in order. Throws LedgerError ERR_LEDGER_FULL before taking any. */
  add(transactions: readonly SignedTransaction[]): Promise<SubmitAnswer>[];
  /** The oldest ones: at most `limit`, and not much more than MAX_GROUP_LENGTH together. */
  take(limit: number): readonly Submission[];
  putBack(submissions: readonly Submission[]): void;
  /** Rejects every waiter. */
  fail(error: LedgerError): void;
  size(): number;
}

export function createSubmissionQueue(limits: {
  readonly maxQueue: number;
  readonly timeoutMs: number;
}): SubmissionQueue {
  const bell = createBell();
  const failures = new Set<(error: LedgerError) => void>();
  let waiting: Submission[] = [];

  const enqueue = (transaction: SignedTransaction): Promise<SubmitAnswer> =>
    new Promise((resolve, reject) => {
      const settle = (finish: () => void) => {
        clearTimeout(timer);
        failures.delete(fail);
        finish();
      };
      const fail = (error: LedgerError) => settle(() => reject(error));
      const timer = setTimeout(() => fail(noQuorum(limits.timeoutMs)), limits.timeoutMs);
      failures.add(fail);
      waiting.push({ transaction, length: lengthOf(transaction), answer: (answer) => settle(() => resolve(answer)) });
    });

  return Object.freeze({
    bell,
    add(transactions: readonly SignedTransaction[]) {
      if (waiting.length + transactions.length > limits.maxQueue) {
        throw new LedgerError("ERR_LEDGER_FULL", `sequencer: ${waiting.length} transactions are waiting; retry later`);
      }
      const answers = transactions.map(enqueue);
      bell.ring();
      return answers;
    },
    take(limit: number) {
      const count = countWithin(waiting, limit);
      const taken = waiting.slice(0, count);
      waiting = waiting.slice(count);
      return taken;
    },
    putBack(submissions: readonly Submission[]) {
      waiting = [...submissions, ...waiting];
    },
    fail(error: LedgerError) {
      for (const fail of [...failures]) fail(error);
      waiting = [];
    },
    size: () => waiting.length,
  });
}

/** How many of the first items fit; one always does. */
export function countWithin(items: readonly { readonly length: number }[], limit: number): number {
  let length = 0;
  const end = items.slice(0, limit).findIndex((item, at) => {
    length += item.length;
    return at > 0 && length > MAX_GROUP_LENGTH;
  });
  return end < 0 ? Math.min(items.length, limit) : end;
}

// What is no JSON has no length; the contract rejects it.
function lengthOf(transaction: SignedTransaction): number {
  try {
    return JSON.stringify(transaction)?.length ?? 0;
  } catch {
    return 0;
  }
}

const noQuorum = (timeoutMs: number): LedgerError =>
  new LedgerError(
    "ERR_LEDGER_NO_QUORUM",
    `sequencer: not acknowledged within ${timeoutMs} ms; it stays pending, submit the same transaction again to wait on`,
  );
