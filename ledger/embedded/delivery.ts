/** Brings the outbox to the sequencer, in order, until every parcel is answered; tells the waiters. */
import { type Ledger, type LedgerEntry, LedgerError, type SignedTransaction, type WaitingRecord } from "../port.ts";
import { unlessAborted } from "./bell.ts";
import type { Chain } from "./chain.ts";
import type { Outbox, Parcel } from "./outbox.ts";
import type { SubmitAnswer } from "./sequencer-api.ts";

export interface DeliveryOptions {
  readonly chain: Chain;
  readonly outbox: Outbox;
  readonly sequencer: {
    /** `onOrdered` is called where all of them are taken for good before they are answered: those behind them may be brought. */
    submit(
      transactions: readonly SignedTransaction[],
      onOrdered: () => void,
    ): Promise<readonly (SubmitAnswer | Postponed)[]>;
  };
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** Transactions brought in one call; default 500. */
  readonly atOnce?: number;
  /** How long a call waits for as many as the one before it carried, when fewer are there; default 0. */
  readonly gatherMs?: number;
  readonly retryMs: number;
  readonly submitTimeoutMs: number;
  readonly halted: () => LedgerError | undefined;
  readonly onTrouble: (error: unknown) => void;
  readonly onRejected: (transaction: SignedTransaction, error: LedgerError) => void;
}

/** It stays in the outbox, for this reason, and the others go on. */
export interface Postponed {
  readonly postponed: LedgerError;
}

const PARCELS_AT_ONCE = 500;

export function createDelivery(options: DeliveryOptions): {
  readonly submit: Ledger["submit"];
  readonly run: () => Promise<void>;
  readonly waiting: () => WaitingRecord | undefined;
} {
  const { chain, outbox, sequencer, signal } = options;
  /** Brought, not answered. */
  const underWay = new Set<Parcel>();
  const waiters = new Map<number, Set<(answer: SubmitAnswer) => void>>();
  let trouble: unknown;
  let stuck: { readonly parcel: Parcel; readonly waiting: WaitingRecord } | undefined;

  function stick(parcel: Parcel, error: unknown): void {
    const { signer, statement } = parcel.transaction;
    const since =
      stuck?.parcel.sequence === parcel.sequence ? stuck.waiting.since : new Date(options.now()).toISOString();
    const code = error instanceof LedgerError ? error.code : "ERR_LEDGER_UNREACHABLE";
    stuck = { parcel, waiting: { since, code, signer, type: statement.type, id: statement.id } };
  }

  const tell = (parcel: Parcel, answer: SubmitAnswer): void => {
    const listening = waiters.get(parcel.sequence);
    waiters.delete(parcel.sequence);
    for (const hear of listening ?? []) hear(answer);
    if (listening === undefined && !answer.ok) options.onRejected(parcel.transaction, rejectionOf(answer, 0));
  };

  /** How many were answered. */
  async function deliver(parcels: readonly Parcel[], onOrdered: () => void): Promise<number> {
    const transactions = parcels.map(({ transaction }) => transaction);
    const answers = await unlessAborted(sequencer.submit(transactions, onOrdered), signal);
    if (answers === undefined) return 0;
    if (answers.length !== parcels.length)
      throw new TypeError("sequencer: another number of answers than transactions");
    const own: { readonly parcel: Parcel; readonly answer: SubmitAnswer }[] = [];
    let left: Postponed | undefined;
    for (const [at, parcel] of parcels.entries()) {
      const answer = answers[at]!;
      if (!("postponed" in answer)) own.push({ parcel, answer: await confirmed(parcel, answer) });
      else if (left === undefined) {
        left = answer;
        stick(parcel, answer.postponed);
      }
    }
    if (signal.aborted) return 0;
    if (left === undefined) stuck = undefined;
    trouble = left?.postponed;
    await outbox.remove(own.map(({ parcel }) => parcel));
    for (const { parcel, answer } of own) tell(parcel, answer);
    return own.length;
  }

  /** The same answer with the entry that this node's own replica holds, once it does. */
  async function confirmed(parcel: Parcel, answer: SubmitAnswer): Promise<SubmitAnswer> {
    if (!answer.ok) return answer;
    const { position } = answer.entry;
    while (chain.head().size <= position && !signal.aborted) await chain.bell.wait(signal);
    if (signal.aborted) return answer;
    for await (const entry of chain.entries(position, position + 1)) {
      const { signer, statement } = entry.transaction;
      const { transaction } = parcel;
      if (signer === transaction.signer && statement.id === transaction.statement.id) return { ok: true, entry };
    }
    throw new LedgerError("ERR_LEDGER_CORRUPT", `sequencer: position ${position} holds another transaction`);
  }

  let carried = 0;
  /** Those whose answers came together hand in again one after the other: a call for the first alone makes the others wait. */
  async function gathered(): Promise<readonly Parcel[]> {
    const take = () => outbox.take(options.atOnce ?? PARCELS_AT_ONCE, underWay);
    const ready = take();
    if (ready.length === 0 || ready.length >= carried || options.gatherMs === undefined) return ready;
    const patience = AbortSignal.any([signal, AbortSignal.timeout(options.gatherMs)]);
    while (!patience.aborted && outbox.size() - underWay.size < carried) await outbox.bell.wait(patience);
    return take();
  }

  /** Never rejects; waits where nothing was answered. */
  async function bring(parcels: readonly Parcel[], onOrdered: () => void): Promise<void> {
    for (const parcel of parcels) underWay.add(parcel);
    try {
      if ((await deliver(parcels, onOrdered)) === 0) await outbox.bell.wait(signal, options.retryMs);
    } catch (error) {
      trouble = error;
      stick(parcels[0]!, error);
      options.onTrouble(error);
      await outbox.bell.wait(signal, options.retryMs);
    } finally {
      for (const parcel of parcels) underWay.delete(parcel);
      // Those that were not answered are there again.
      if (parcels.some(outbox.has)) outbox.bell.ring();
    }
  }

  /** At most two calls at a time: the second while the first, which is ordered, is being answered. */
  async function run(): Promise<void> {
    let before: Promise<void> = Promise.resolve();
    while (!signal.aborted) {
      const parcels = await gathered();
      if (parcels.length === 0) {
        await outbox.bell.wait(signal);
        continue;
      }
      carried = parcels.length;
      const ordered = Promise.withResolvers<void>();
      const answered = bring(parcels, ordered.resolve);
      await Promise.race([ordered.promise, answered]);
      await before;
      before = answered;
    }
    await before;
  }

  function answerTo(parcel: Parcel): Promise<SubmitAnswer> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => give(options.halted() ?? unanswered(trouble)), options.submitTimeoutMs);
      const stop = () => give(options.halted() ?? unanswered(trouble));
      const listening = waiters.get(parcel.sequence) ?? new Set();
      waiters.set(parcel.sequence, listening);
      listening.add(hear);
      signal.addEventListener("abort", stop, { once: true });
      function forget() {
        clearTimeout(timer);
        signal.removeEventListener("abort", stop);
        listening.delete(hear);
        if (listening.size === 0 && waiters.get(parcel.sequence) === listening) waiters.delete(parcel.sequence);
      }
      function hear(answer: SubmitAnswer) {
        forget();
        resolve(answer);
      }
      function give(error: LedgerError) {
        forget();
        reject(error);
      }
    });
  }

  async function submit(transactions: readonly SignedTransaction[]): Promise<readonly LedgerEntry[]> {
    const halted = options.halted();
    if (halted !== undefined) throw halted;
    const parcels = await outbox.add(transactions);
    // Answered while it was being added: ask again, the ledger answers with the first entry.
    if (!parcels.every(outbox.has)) return submit(transactions);
    return entriesOf(await Promise.all(parcels.map(answerTo)));
  }

  return Object.freeze({ submit, run, waiting: () => stuck?.waiting });
}

/** Of a ledger's status. */
export const waitingIn = (waiting: WaitingRecord | undefined): { readonly waiting?: WaitingRecord } =>
  waiting === undefined ? {} : { waiting };

/** Port semantics: the first rejection of a batch is thrown; the others of the batch stay recorded. */
export function entriesOf(answers: readonly SubmitAnswer[]): readonly LedgerEntry[] {
  return answers.map((answer, index) => {
    if (answer.ok) return answer.entry;
    throw rejectionOf(answer, index);
  });
}

function rejectionOf({ code, field, message }: SubmitAnswer & { readonly ok: false }, index: number): LedgerError {
  const rejection = { code, index, ...(field === undefined ? {} : { field }) };
  return new LedgerError("ERR_LEDGER_REJECTED", `transaction ${index}: ${message}`, { rejection });
}

function unanswered(cause: unknown): LedgerError {
  const code = cause instanceof LedgerError ? cause.code : "ERR_LEDGER_UNREACHABLE";
  return new LedgerError(
    code,
    "ledger: no answer from the sequencer yet; the outbox keeps the transactions and retries",
    {
      cause,
    },
  );
}
