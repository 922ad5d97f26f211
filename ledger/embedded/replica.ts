/** A member's replica of the embedded ledger: fetches, re-executes, verifies, cosigns; submits through an outbox. */
import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import type { Ledger, LedgerError, SignedTransaction } from "../port.ts";
import type { ForkEvidence } from "./fork.ts";
import type { SequencerApi } from "./sequencer-api.ts";
import type { LogStore } from "./store.ts";

export interface ReplicaOptions {
  readonly store: LogStore;
  readonly network: string;
  /** Cosigns checkpoints when this member's record says `cosigner`. */
  readonly identity: SigningIdentity;
  readonly sequencer: SequencerApi;
  /** The sequencer's public key as pinned at joining, base64url; needed only while the replica is empty. */
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

/** Opens a replica and starts following. Throws LedgerError ERR_LEDGER_CORRUPT when log, tree and state disagree. */
export async function openReplica(_options: ReplicaOptions): Promise<Ledger> {
  throw new TypeError("not built yet");
}
