/**
 * Brings transactions into a block: endorsed, ordered, found valid, and in this node's replica. A batch is one call of
 * the chaincode. Trying again is safe in every case: a record's id is in what the call reads, so of two calls that carry
 * it the peers find at most one valid.
 */
import { setTimeout as pause } from "node:timers/promises";
import { MAX_SUBMISSIONS, type SubmitCall, type SubmitOutcome } from "../../chaincode/fabric/messages.ts";
import { keys } from "../../chaincode/rules/keys.ts";
import type { TransactionState } from "../../chaincode/rules/records.ts";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import type { Postponed } from "../embedded/delivery.ts";
import type { SubmitAnswer } from "../embedded/sequencer-api.ts";
import { LedgerError, type SignedTransaction } from "../port.ts";
import { outcomesOf } from "./block.ts";
import { type Failure, failureOf, invalidOf } from "./failures.ts";
import type { CommitResult, EndorsedCall, GatewayConnection } from "./gateway.ts";
import type { View } from "./view.ts";

export interface SubmitterOptions {
  readonly view: View;
  /** Resolves with a connection that is ready; rejects with LedgerError when there is none for long. */
  readonly connected: () => Promise<GatewayConnection>;
  readonly call: SubmitCall;
  readonly limits: () => CallLimits;
  /** Resolves when peers of two organisations hold this block, or the signal aborts. */
  readonly agreed: (block: number) => Promise<void>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Pause before a refusal is asked for again; default 300 ms, what a peer of another organisation may be behind. */
  readonly settleMs?: number;
  readonly signal: AbortSignal;
}

/** What one call may carry, by the channel's configuration. */
export interface CallLimits {
  /** Of a whole envelope. */
  readonly absolute: number;
  readonly preferred: number;
}

/** What somebody else wrote first, or a peer that is a block behind: a new proposal each time. */
const TRIES = 40;
/** Refusals in a row that this node's own replica does not agree with. */
const DISPUTES = 5;
const UNKNOWN_TRIES = 8;
/** A record stands in the call, and may be written too: of what an envelope may have, texts take a half. */
const SHARE_OF_TEXTS = 0.5;

/** Failures in a row with the same record first, after which they are handed in one by one, so many of them. */
const SUSPECT = 3;
const SUSPECTS = 4;
/** How long a record that fails where others do not is left alone. */
const ASIDE_MS = 60_000;

/** One record makes an envelope that the channel does not take: measured here, whatever a Gateway says. */
interface TooLarge {
  readonly ok: false;
  readonly tooLarge: SubmitAnswer & { readonly ok: false };
}
type Recorded = SubmitOutcome | TooLarge;

export function createSubmitter(options: SubmitterOptions) {
  const { view, connected, call, limits, agreed, now, signal, settleMs = 300 } = options;
  const callText = JSON.stringify(call);
  /** The last block with a call of ours: what is endorsed next may follow from it. */
  let latest = -1;
  /** Records of one call: fewer after one that was too much, more again while all goes well. */
  let most = MAX_SUBMISSIONS;
  let failing: { readonly text: string; readonly times: number } | undefined;
  const aside = new Map<string, { readonly postponed: LedgerError; readonly until: number }>();

  /**
   * A refusal is what one peer's Gateway says: it counts when it is repeated and this node's own replica, which executes the
   * same contract, refuses the record too. `onOrdered` is called where nothing is refused: the records are in a block that peers of two
   * organisations hold, this node's replica does not yet.
   */
  async function submit(
    transactions: readonly SignedTransaction[],
    onOrdered: () => void = () => undefined,
  ): Promise<readonly (SubmitAnswer | Postponed)[]> {
    const answers = new Array<SubmitAnswer | Postponed>(transactions.length);
    for (const [at, { postponed, until }] of leftAlone(transactions)) if (now() < until) answers[at] = { postponed };
    let pending = [...transactions.keys()].filter((at) => answers[at] === undefined);
    for (let tried = 0; pending.length > 0; tried += 1) {
      const asked = pending.map((at) => transactions[at]!);
      const outcomes = await recordOrSetAside(asked.map(textOf));
      if (asked.length === transactions.length && outcomes.every(isTaken)) onOrdered();
      else await caughtUp();
      const own = tried > 0 && outcomes.some((outcome) => isRefused(outcome)) ? await view.judge(asked, timeNow()) : [];
      const refused: number[] = [];
      for (const [at, outcome] of outcomes.entries()) {
        const index = pending[at]!;
        if ("postponed" in outcome) answers[index] = outcome;
        else if (outcome.ok) answers[index] = await recorded(transactions[index]!);
        else if ("tooLarge" in outcome) answers[index] = outcome.tooLarge;
        else if (own[at]?.ok === false) answers[index] = refusedBehind(asked[at]!, own[at]);
        else refused.push(index);
      }
      pending = refused;
      if (pending.length === 0) break;
      if (tried >= DISPUTES) throw disputed(pending.length);
      await pause(settleMs, undefined, { signal });
    }
    for (const [at, answer] of answers.entries()) if (!("postponed" in answer)) aside.delete(textOf(transactions[at]!));
    return answers;
  }

  function* leftAlone(transactions: readonly SignedTransaction[]) {
    if (aside.size === 0) return;
    for (const [at, transaction] of transactions.entries()) {
      const known = aside.get(textOf(transaction));
      if (known !== undefined) yield [at, known] as const;
    }
  }

  function setAside(text: string, postponed: LedgerError): Postponed {
    aside.set(text, { postponed, until: now() + ASIDE_MS });
    return { postponed };
  }

  /** It may follow from one of the same author that is set aside. */
  function refusedBehind(transaction: SignedTransaction, refusal: SubmitAnswer): SubmitAnswer | Postponed {
    const before = [...aside].find(([text]) => (JSON.parse(text) as SignedTransaction).signer === transaction.signer);
    return before === undefined ? refusal : setAside(textOf(transaction), before[1].postponed);
  }

  /** A record that fails again and again does not keep back those behind it, once one of them goes through. */
  async function recordOrSetAside(texts: readonly string[]): Promise<readonly (Recorded | Postponed)[]> {
    try {
      const outcomes = await record(texts);
      failing = undefined;
      return outcomes;
    } catch (error) {
      const [first] = texts;
      if (first === undefined || !(error instanceof LedgerError)) throw error;
      failing = { text: first, times: failing?.text === first ? failing.times + 1 : 1 };
      if (failing.times < SUSPECT || texts.length === 1) throw error;
      return oneByOne(texts, error);
    }
  }

  /**
   * Until one is recorded; those before it that fail once more are set aside, those after it come next. Where none is, it is not
   * the records.
   */
  async function oneByOne(texts: readonly string[], error: LedgerError): Promise<readonly (Recorded | Postponed)[]> {
    const failed: string[] = [];
    for (const [at, text] of texts.slice(0, SUSPECTS).entries()) {
      const outcome = await alone(text);
      if (outcome instanceof LedgerError) failed.push(text);
      else {
        failing = undefined;
        // It may be refused because it follows from those before it.
        if (!isRefused(outcome) || failed.length === 0) {
          const before: (Recorded | Postponed)[] = [];
          for (const one of failed) {
            const again = await alone(one);
            before.push(again instanceof LedgerError ? setAside(one, again) : again);
          }
          return [...before, outcome, ...texts.slice(at + 1).map(() => ({ postponed: error }))];
        }
        failed.push(text);
      }
    }
    throw error;
  }

  async function alone(text: string): Promise<Recorded | LedgerError> {
    try {
      const [outcome] = await record([text]);
      return outcome!;
    } catch (error) {
      if (error instanceof LedgerError) return error;
      throw error;
    }
  }

  async function caughtUp(): Promise<void> {
    while (view.progress().block < latest && !signal.aborted) await view.chain.bell.wait(signal);
  }
  const timeNow = () => new Date(now()).toISOString();

  /** In as many calls as it takes, one after the other. */
  async function record(texts: readonly string[]): Promise<readonly Recorded[]> {
    const outcomes: Recorded[] = [];
    while (outcomes.length < texts.length) {
      const left = texts.slice(outcomes.length);
      const count = countWithin(left, most, Math.min(limits().absolute, limits().preferred) * SHARE_OF_TEXTS);
      const found = await recordAtOnce(left.slice(0, count));
      if (!("kind" in found)) {
        outcomes.push(...found);
        if (count === most) most = Math.min(MAX_SUBMISSIONS, most * 2);
      } else if (count === 1) throw found.error;
      else most = Math.ceil(count / 2);
    }
    return outcomes;
  }

  /** One call, until it is in a valid block or writes nothing. A failure: it is too much. */
  async function recordAtOnce(texts: readonly string[]): Promise<readonly Recorded[] | Failure> {
    for (let tried = 1; ; tried += 1) {
      const connection = await connected();
      let outcome: Failure | readonly Recorded[];
      try {
        const endorsed = await connection.endorse([callText, ...texts]);
        outcome =
          texts.length === 1 && endorsed.size > limits().absolute
            ? [tooLarge(endorsed.size, limits().absolute)]
            : await ordered(endorsed, connection, texts.length);
      } catch (error) {
        outcome = failureOf(error, "endorse", connection.endpoint);
      }
      if (!("kind" in outcome) || outcome.kind === "less") return outcome;
      if (outcome.kind !== "again" || tried >= TRIES) throw outcome.error;
      await pause(Math.min(200, 10 * tried), undefined, { signal });
    }
  }

  async function ordered(
    endorsed: EndorsedCall,
    connection: GatewayConnection,
    count: number,
  ): Promise<Failure | readonly SubmitOutcome[]> {
    const outcomes = outcomesOf(endorsed.payload);
    if (outcomes.length !== count)
      throw new LedgerError("ERR_LEDGER_CORRUPT", "fabric: the chaincode answered for another number of records");
    if (!outcomes.some(({ ok, ...rest }) => ok && !("repeats" in rest))) return outcomes;
    const result = await resolved(endorsed, connection);
    if ("kind" in result) return result;
    if (result.code !== 0) return invalidOf(result.code, result.name, endorsed.transactionId);
    latest = Math.max(latest, result.block);
    await agreed(result.block);
    return outcomes;
  }

  /** How it ended: what is not known is asked for by its id, and the same transaction is handed in again meanwhile. */
  async function resolved(endorsed: EndorsedCall, connection: GatewayConnection): Promise<CommitResult | Failure> {
    for (let tried = 1; ; tried += 1) {
      let stage: "submit" | "commit status" = "submit";
      try {
        await endorsed.submit();
        stage = "commit status";
        return await endorsed.status();
      } catch (error) {
        const failure = failureOf(error, stage, connection.endpoint);
        // A refusal says nothing of an attempt before it whose end is not known.
        if (failure.kind !== "unknown") return tried === 1 ? failure : { ...failure, kind: "wait" };
        if (tried >= UNKNOWN_TRIES || signal.aborted) return { ...failure, kind: "wait" };
        await pause(500, undefined, { signal });
      }
    }
  }

  /** The entry as this node's own replica has it. */
  async function recorded({ signer, statement }: SignedTransaction): Promise<SubmitAnswer> {
    const key = keys.transaction(signer, statement.id);
    for (;;) {
      const known = (await view.chain.state.get(key)) as TransactionState | undefined;
      if (known !== undefined) {
        for await (const entry of view.chain.entries(known.position, known.position + 1)) return { ok: true, entry };
      }
      if (signal.aborted) throw new LedgerError("ERR_LEDGER_CLOSED", "ledger: closed");
      await view.chain.bell.wait(signal);
    }
  }

  return Object.freeze({ submit });
}

const isTaken = (outcome: Recorded | Postponed): boolean => "ok" in outcome && outcome.ok;
const isRefused = (outcome: Recorded | Postponed): boolean => "ok" in outcome && !outcome.ok;

const disputed = (records: number): LedgerError =>
  new LedgerError(
    "ERR_LEDGER_NO_QUORUM",
    `fabric: ${records} records are said to be refused that this node's own replica takes; they stay in the outbox`,
  );

const tooLarge = (size: number, most: number): TooLarge => ({
  ok: false,
  tooLarge: {
    ok: false,
    code: "ERR_CONTRACT_TOO_LARGE",
    message: `transaction: makes a call of ${size} bytes, the channel takes at most ${most}`,
  },
});

/** How many of the first texts one call takes; one always. */
function countWithin(texts: readonly string[], most: number, maxBytes: number): number {
  let bytes = 0;
  const end = texts.slice(0, most).findIndex((text, at) => {
    bytes += Buffer.byteLength(text);
    return at > 0 && bytes > maxBytes;
  });
  return end < 0 ? Math.min(texts.length, most) : end;
}

/** What has no canonical form is sent as what it is not; the contract says so. */
function textOf(transaction: SignedTransaction): string {
  try {
    return canonicalJson(transaction);
  } catch {
    return "null";
  }
}
