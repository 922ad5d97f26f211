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

/** One record makes an envelope that the channel does not take: measured here, whatever a Gateway says. */
interface TooLarge {
  readonly ok: false;
  readonly tooLarge: SubmitAnswer & { readonly ok: false };
}
type Recorded = SubmitOutcome | TooLarge;

export function createSubmitter({ view, connected, call, limits, now, signal, settleMs = 300 }: SubmitterOptions) {
  const callText = JSON.stringify(call);
  /** Records of one call: fewer after one that was too much, more again while all goes well. */
  let most = MAX_SUBMISSIONS;

  /**
   * A refusal is what one peer's Gateway says: it counts when it is repeated and this node's own replica, which executes the
   * same contract, refuses the record too.
   */
  async function submit(transactions: readonly SignedTransaction[]): Promise<readonly SubmitAnswer[]> {
    const answers = new Array<SubmitAnswer>(transactions.length);
    let pending = [...transactions.keys()];
    for (let tried = 0; pending.length > 0; tried += 1) {
      const asked = pending.map((at) => transactions[at]!);
      const outcomes = await record(asked.map(textOf));
      const own = tried > 0 && outcomes.some(({ ok }) => !ok) ? await view.judge(asked, timeNow()) : [];
      const refused: number[] = [];
      for (const [at, outcome] of outcomes.entries()) {
        const index = pending[at]!;
        if (outcome.ok) answers[index] = await recorded(transactions[index]!);
        else if ("tooLarge" in outcome) answers[index] = outcome.tooLarge;
        else if (own[at]?.ok === false) answers[index] = own[at];
        else refused.push(index);
      }
      pending = refused;
      if (pending.length === 0) break;
      if (tried >= DISPUTES) throw disputed(pending.length);
      await pause(settleMs, undefined, { signal });
    }
    return answers;
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
    while (view.progress().block < result.block && !signal.aborted) await view.chain.bell.wait(signal);
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
