/** A member's replica of the embedded ledger: fetches, re-executes, verifies, cosigns; submits through an outbox. */
import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import { parseCheckpoint } from "../log/checkpoint.ts";
import { type Ledger, LedgerError, type SignedTransaction } from "../port.ts";
import { createBell, unlessAborted } from "./bell.ts";
import type { Chain } from "./chain.ts";
import { cosignedNote } from "./cosigned-note.ts";
import { createDelivery, waitingIn } from "./delivery.ts";
import { type ForkEvidence, keepFork, readForks } from "./fork.ts";
import { openChain } from "./open-chain.ts";
import { openOutbox } from "./outbox.ts";
import { readsOf } from "./reads.ts";
import type { LogBatch, SequencerApi } from "./sequencer-api.ts";
import type { LogStore } from "./store.ts";
import { BatchRefusal, isAcknowledged, isExtension, replacesSequencer, verifyBatch } from "./verify-batch.ts";

export interface ReplicaOptions {
  readonly store: LogStore;
  readonly network: string;
  /**
   * Cosigns checkpoints when this member's record says `cosigner`. Read anew for each one, so a getter can follow a key
   * rotation.
   */
  readonly identity: SigningIdentity;
  readonly sequencer: SequencerApi;
  /** The founder's public key at the founding, as pinned at joining, base64url; needed only by an empty replica. */
  readonly pinnedSequencerKey: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Length of one long poll; default 20 s. */
  readonly pollMs?: number;
  /** Pause after a failed call; default 1 s. */
  readonly retryMs?: number;
  /** How long submit waits before ERR_LEDGER_UNREACHABLE; default 30 s. The transactions stay in the outbox. */
  readonly submitTimeoutMs?: number;
  /** Transactions kept in the outbox before ERR_LEDGER_FULL; default 10,000. */
  readonly maxOutbox?: number;
  /** A transaction that nobody waits for any more was rejected (after an outage). */
  readonly onRejected?: (transaction: SignedTransaction, error: LedgerError) => void;
  readonly onFork?: (evidence: ForkEvidence) => void;
  /** Every failed exchange with the sequencer, for logs; the replica goes on by itself. */
  readonly onTrouble?: (error: unknown) => void;
}

const BATCH_LIMIT = 2_000;
const MAX_CLOCK_SKEW_MS = 5 * 60_000;

/**
 * Opens a replica and starts following. Throws LedgerError ERR_LEDGER_CORRUPT when log, tree and state disagree, and
 * ERR_LEDGER_FORK while evidence of a fork is kept in the store.
 */
export async function openReplica(options: ReplicaOptions): Promise<Ledger> {
  const { store, sequencer, pollMs = 20_000, retryMs = 1_000, onTrouble = () => {} } = options;
  const [kept] = await readForks(store);
  if (kept !== undefined) throw new LedgerError("ERR_LEDGER_FORK", `${kept.detail} (noticed ${kept.noticed})`);
  const chain = await openChain(store, options.network);
  const heldAtOpening = chain.tail()?.prepared.range.size ?? chain.head().size;
  const outbox = await openOutbox(store, options.maxOutbox ?? 10_000);
  const closing = new AbortController();
  const { signal } = closing;
  const idle = createBell();
  let reachable = false;
  let halted: LedgerError | undefined;

  const delivery = createDelivery({
    chain,
    outbox,
    // Waits for each answer: group commits gather what comes meanwhile.
    sequencer: { submit: (transactions) => sequencer.submit(transactions) },
    now: options.now,
    signal,
    retryMs,
    submitTimeoutMs: options.submitTimeoutMs ?? 30_000,
    halted: () => halted,
    onTrouble,
    onRejected: options.onRejected ?? (() => {}),
  });

  /** Adopts one group commit: acknowledged ones at once, the newest one after cosigning it. */
  async function adopt(batch: LogBatch): Promise<void> {
    const prepared = await verifyBatch(chain, batch, options.pinnedSequencerKey);
    const acknowledged = isAcknowledged(chain, batch.checkpoint);
    if (!acknowledged) demandPresentTime(prepared.time, options.now());
    // What is acknowledged can be fetched again; what this node is about to cosign must survive its crash.
    await chain.stage(prepared, batch.checkpoint, { sync: !acknowledged });
    if (acknowledged) await chain.commit(batch.checkpoint);
  }

  /** Cosigns the staged checkpoint and waits for the quorum's cosignatures on it. */
  async function settleTail(tail: NonNullable<ReturnType<Chain["tail"]>>): Promise<void> {
    const { member } = options.identity;
    const size = tail.prepared.range.size;
    const settled = chain.governance().cosigners.has(member)
      ? sequencer.cosign({ member, note: cosignedNote(tail.checkpoint, options), waitMs: pollMs })
      : sequencer.acknowledged({ size, waitMs: pollMs });
    const note = await unlessAborted(settled, signal);
    if (signal.aborted) return;
    if (note === undefined) {
      await adoptReplacement(tail.checkpoint);
      return;
    }
    if (!isSameCheckpoint(note, tail.checkpoint)) {
      if (await adoptReplacement(tail.checkpoint)) return;
      return refuse(note, new BatchRefusal("inconsistent", `checkpoint of size ${size}: not the one cosigned`));
    }
    if (!isAcknowledged(chain, note)) {
      throw new LedgerError("ERR_LEDGER_NO_QUORUM", `checkpoint of size ${size}: acknowledged without a quorum`);
    }
    await chain.commit(note);
  }

  /** A tail that the members voted to drop gives way to the first group commit of the new sequencer. */
  async function adoptReplacement(staged: string): Promise<boolean> {
    const query = { from: chain.head().size, limit: 1, waitMs: 0 };
    const [batch] = (await unlessAborted(sequencer.batches(query), signal)) ?? [];
    if (batch === undefined || isSameCheckpoint(batch.checkpoint, staged)) return false;
    if (!(await replacesSequencer(chain, await verifyBatch(chain, batch, options.pinnedSequencerKey)))) return false;
    await chain.dropTail();
    await adopt(batch);
    return true;
  }

  async function followOnce(): Promise<void> {
    const tail = chain.tail();
    if (tail !== undefined) return settleTail(tail);
    const query = { from: chain.head().size, limit: BATCH_LIMIT, waitMs: pollMs };
    const batches = (await unlessAborted(sequencer.batches(query), signal)) ?? [];
    for (const batch of batches) {
      if (signal.aborted || chain.tail() !== undefined) return;
      try {
        await adopt(batch);
      } catch (error) {
        if (error instanceof BatchRefusal) await refuse(batch.checkpoint, error);
        throw error;
      }
    }
  }

  /** Evidence against the sequencer is kept and stops this replica; anything less is asked for again. */
  async function refuse(shown: string, refusal: BatchRefusal): Promise<void> {
    if (refusal.kind === "noise") return;
    if (refusal.kind === "inconsistent" && (await isExplained(shown))) return;
    const evidence: ForkEvidence = {
      noticed: new Date(options.now()).toISOString(),
      held: heldBy(chain) ?? "",
      shown,
      detail: `sequencer: ${refusal.message}`,
    };
    halted = await keepFork(store, evidence);
    options.onFork?.(evidence);
    throw halted;
  }

  /** Damaged on the way: the log still proves that it extends what this replica holds. */
  async function isExplained(shown: string): Promise<boolean> {
    const to = parseCheckpoint(shown).checkpoint.size;
    const from = chain.head().size;
    return to > from && isExtension(chain, shown, await sequencer.consistencyProof({ from, to }));
  }

  async function follow(): Promise<void> {
    let presented = false;
    while (!signal.aborted && halted === undefined) {
      try {
        if (!presented) await sequencer.present({ member: options.identity.member, checkpoint: heldBy(chain) });
        presented = true;
        await followOnce();
        reachable = true;
      } catch (error) {
        reachable = false;
        presented = false;
        onTrouble(error);
        if (halted === undefined) await idle.wait(signal, retryMs);
      }
    }
  }
  const running = Promise.all([follow(), delivery.run()]);

  return Object.freeze<Ledger>({
    ...readsOf(chain),
    submit: delivery.submit,
    status: async () => ({
      kind: "embedded",
      network: options.network,
      height: chain.head().size,
      root: chain.root(),
      role: "replica",
      reachable: reachable && halted === undefined,
      ...(halted === undefined ? {} : { halted: halted.code }),
      outbox: outbox.size(),
      ...waitingIn(delivery.waiting()),
      heldAtOpening,
    }),
    async close() {
      halted ??= new LedgerError("ERR_LEDGER_CLOSED", "ledger: closed");
      closing.abort();
      await running;
      await store.close();
    },
  });
}

/** Time never runs backwards on the ledger: what gets a quorum with a date far ahead would let every deadline pass. */
function demandPresentTime(time: string, now: number): void {
  if (Date.parse(time) - now <= MAX_CLOCK_SKEW_MS) return;
  const ours = new Date(now).toISOString();
  throw new BatchRefusal("noise", `batch: dated ${time}, here it is ${ours}; not cosigned until the clocks agree`);
}

const isSameCheckpoint = (one: string, other: string): boolean =>
  parseCheckpoint(one).note.text === parseCheckpoint(other).note.text;

const heldBy = (chain: Chain): string | undefined =>
  chain.tail()?.checkpoint ?? (chain.head().checkpoint === "" ? undefined : chain.head().checkpoint);
