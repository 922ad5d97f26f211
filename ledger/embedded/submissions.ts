/** Transactions waiting for their group commit. A submission whose waiter gave up stays in line. */
import { hash } from "node:crypto";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { LedgerError, type SignedTransaction } from "../port.ts";
import { type Bell, createBell } from "./bell.ts";
import type { Quota } from "./quota.ts";
import type { SubmitAnswer } from "./sequencer-api.ts";

/** Characters of one group commit, so that it travels in one answer; a single transaction is at most 1 MiB. */
export const MAX_GROUP_LENGTH = 4 * 1024 * 1024;
/** Characters that wait, of all members together. */
const MAX_QUEUE_LENGTH = 64 * 1024 * 1024;
/** Of count and length, for one member that hands in from outside. */
const SHARE = 1 / 4;

export interface Submission {
  readonly transaction: SignedTransaction;
  /** Its canonical text; "" for what has none. */
  readonly text: string;
  /** Characters of it. */
  readonly length: number;
  answer(answer: SubmitAnswer): void;
}

export interface SubmissionQueue {
  readonly bell: Bell;
  /**
   * Answers in input order, once all are there; what waits already is not taken twice. `from`: the member that hands in
   * from outside. Throws LedgerError before taking any: ERR_LEDGER_FULL when the queue is full or the share of `from` is,
   * ERR_LEDGER_QUOTA when `from` has handed in too much of late.
   */
  add(transactions: readonly SignedTransaction[], from?: string): Promise<readonly SubmitAnswer[]>;
  /** The oldest ones: at most `limit`, and not much more than MAX_GROUP_LENGTH together. */
  take(limit: number): readonly Submission[];
  putBack(submissions: readonly Submission[]): void;
  /** Rejects every waiter. */
  fail(error: LedgerError): void;
  size(): number;
}

/** One call of `add`. */
interface Call {
  hear(at: number, answer: SubmitAnswer): void;
}

interface Waiting extends Submission {
  readonly name: string;
  readonly from: string | undefined;
  /** Calls, and where in their answers this one stands. */
  waiters: { readonly call: Call; readonly at: number }[];
}

interface Amount {
  count: number;
  length: number;
}

export function createSubmissionQueue(limits: {
  readonly maxQueue: number;
  readonly timeoutMs: number;
  /** Characters; default 64 Mi. */
  readonly maxLength?: number;
  /** What members hand in from outside over time; absent: no limit but the queue. */
  readonly quota?: Quota;
}): SubmissionQueue {
  const { maxQueue, maxLength = MAX_QUEUE_LENGTH } = limits;
  const bell = createBell();
  const failures = new Set<(error: LedgerError) => void>();
  const byName = new Map<string, Waiting>();
  const total: Amount = { count: 0, length: 0 };
  const byMember = new Map<string, Amount>();
  let waiting: Waiting[] = [];

  function enter(submission: Waiting): void {
    byName.set(submission.name, submission);
    change(total, submission.length, 1);
    if (submission.from === undefined) return;
    const own = byMember.get(submission.from) ?? { count: 0, length: 0 };
    byMember.set(submission.from, change(own, submission.length, 1));
  }

  function leave(submission: Waiting): void {
    if (byName.get(submission.name) === submission) byName.delete(submission.name);
    change(total, submission.length, -1);
    const own = submission.from === undefined ? undefined : byMember.get(submission.from);
    if (own !== undefined && change(own, submission.length, -1).count === 0) byMember.delete(submission.from!);
  }

  function demandRoom(fresh: readonly Waiting[], from: string | undefined): void {
    const more = { count: fresh.length, length: lengthOf(fresh) };
    if (!fits(total, more, maxQueue, maxLength)) throw full(`${total.count} transactions are waiting`);
    const own = from === undefined ? undefined : (byMember.get(from) ?? { count: 0, length: 0 });
    if (own !== undefined && !fits(own, more, maxQueue * SHARE, maxLength * SHARE)) {
      throw full(`${own.count} transactions of ${from} are waiting, its share`);
    }
  }

  /** All of one call wait under one timer. */
  function waitFor(submissions: readonly Waiting[]): Promise<readonly SubmitAnswer[]> {
    return new Promise((resolve, reject) => {
      const answers = new Array<SubmitAnswer>(submissions.length);
      let open = submissions.length;
      const call: Call = {
        hear(at, answer) {
          answers[at] = answer;
          open -= 1;
          if (open > 0) return;
          end();
          resolve(answers);
        },
      };
      const fail = (error: LedgerError) => {
        end();
        for (const submission of submissions) {
          submission.waiters = submission.waiters.filter((waiter) => waiter.call !== call);
        }
        reject(error);
      };
      const timer = setTimeout(() => fail(noQuorum(limits.timeoutMs)), limits.timeoutMs);
      const end = () => {
        clearTimeout(timer);
        failures.delete(fail);
      };
      failures.add(fail);
      for (const [at, { waiters }] of submissions.entries()) waiters.push({ call, at });
      if (open > 0) return;
      end();
      resolve([]);
    });
  }

  return Object.freeze({
    bell,
    add(transactions: readonly SignedTransaction[], from?: string) {
      const fresh = new Map<string, Waiting>();
      const all = transactions.map((transaction) => {
        const text = textOf(transaction);
        const name = hash("sha256", text, "base64");
        const known = byName.get(name) ?? fresh.get(name);
        if (known !== undefined) return known;
        const submission = waitingOf({
          name,
          transaction: inOrder(transaction, text),
          text,
          length: text.length,
          from,
        });
        fresh.set(name, submission);
        return submission;
      });
      demandRoom([...fresh.values()], from);
      if (from !== undefined) limits.quota?.take(from, lengthOf([...fresh.values()]));
      for (const submission of fresh.values()) {
        enter(submission);
        waiting.push(submission);
      }
      const answers = waitFor(all);
      bell.ring();
      return answers;
    },
    take(limit: number) {
      const count = countWithin(waiting, limit);
      const taken = waiting.slice(0, count);
      waiting = waiting.slice(count);
      for (const submission of taken) leave(submission);
      return taken;
    },
    putBack(submissions: readonly Submission[]) {
      // Only what `take` gave out comes back.
      for (const submission of submissions as readonly Waiting[]) enter(submission);
      waiting = [...(submissions as readonly Waiting[]), ...waiting];
    },
    fail(error: LedgerError) {
      for (const fail of [...failures]) fail(error);
      for (const submission of waiting) leave(submission);
      waiting = [];
    },
    size: () => waiting.length,
  });
}

function waitingOf(fields: Pick<Waiting, "name" | "transaction" | "text" | "length" | "from">): Waiting {
  return {
    ...fields,
    waiters: [],
    answer(given: SubmitAnswer) {
      for (const { call, at } of this.waiters) call.hear(at, given);
      this.waiters = [];
    },
  };
}

const lengthOf = (submissions: readonly Waiting[]): number => submissions.reduce((sum, { length }) => sum + length, 0);

function change(amount: Amount, length: number, sign: 1 | -1): Amount {
  amount.count += sign;
  amount.length += sign * length;
  return amount;
}

const fits = (held: Amount, more: Amount, count: number, length: number): boolean =>
  held.count + more.count <= count && held.length + more.length <= length;

/** How many of the first items fit; one always does. */
export function countWithin(items: readonly { readonly length: number }[], limit: number): number {
  let length = 0;
  const end = items.slice(0, limit).findIndex((item, at) => {
    length += item.length;
    return at > 0 && length > MAX_GROUP_LENGTH;
  });
  return end < 0 ? Math.min(items.length, limit) : end;
}

// What is no JSON has no text; the contract rejects it.
function textOf(transaction: SignedTransaction): string {
  try {
    return canonicalJson(transaction);
  } catch {
    return "";
  }
}

/** A copy of its own whose properties are in canonical order: every later text of it is written quickly. */
const inOrder = (transaction: SignedTransaction, text: string): SignedTransaction =>
  text === "" ? transaction : (JSON.parse(text) as SignedTransaction);

const full = (detail: string): LedgerError => new LedgerError("ERR_LEDGER_FULL", `sequencer: ${detail}; retry later`);

const noQuorum = (timeoutMs: number): LedgerError =>
  new LedgerError(
    "ERR_LEDGER_NO_QUORUM",
    `sequencer: not acknowledged within ${timeoutMs} ms; it stays pending, submit the same transaction again to wait on`,
  );
