/** Transactions waiting for their group commit. A submission whose waiter gave up stays in line. */
import { LedgerError, type SignedTransaction } from "../port.ts";
import { type Bell, createBell } from "./bell.ts";
import type { SubmitAnswer } from "./sequencer-api.ts";

export interface Submission {
  readonly transaction: SignedTransaction;
  answer(answer: SubmitAnswer): void;
}

export interface SubmissionQueue {
  readonly bell: Bell;
  /** One promise per transaction, in order. Throws LedgerError ERR_LEDGER_FULL before taking any. */
  add(transactions: readonly SignedTransaction[]): Promise<SubmitAnswer>[];
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
      waiting.push({ transaction, answer: (answer) => settle(() => resolve(answer)) });
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
      const taken = waiting.slice(0, limit);
      waiting = waiting.slice(limit);
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

const noQuorum = (timeoutMs: number): LedgerError =>
  new LedgerError(
    "ERR_LEDGER_NO_QUORUM",
    `sequencer: not acknowledged within ${timeoutMs} ms; it stays pending, submit the same transaction again to wait on`,
  );
