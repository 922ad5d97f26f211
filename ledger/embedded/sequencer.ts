/** The sequencer of the embedded ledger: orders, executes, commits in groups, signs checkpoints, gathers the quorum. */
import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import type { Ledger } from "../port.ts";
import type { ForkEvidence } from "./fork.ts";
import type { SequencerApi } from "./sequencer-api.ts";
import type { LogStore } from "./store.ts";

export interface SequencerOptions {
  readonly store: LogStore;
  readonly network: string;
  /** The member's identity key signs checkpoints. */
  readonly identity: SigningIdentity;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Entries per group commit; default 512. */
  readonly maxBatch?: number;
  /** Transactions waiting before ERR_LEDGER_FULL; default 20,000. */
  readonly maxQueue?: number;
  /** How long a submission waits for the quorum before ERR_LEDGER_NO_QUORUM; default 30 s. It stays pending. */
  readonly quorumTimeoutMs?: number;
  readonly onFork?: (evidence: ForkEvidence) => void;
}

/** The same object is this node's Ledger and, to replicas, the SequencerApi. */
export interface Sequencer {
  readonly ledger: Ledger;
  readonly api: SequencerApi;
}

/** Opens the sequencer over its store. Throws LedgerError ERR_LEDGER_CORRUPT when log, tree and state disagree. */
export async function createSequencer(_options: SequencerOptions): Promise<Sequencer> {
  throw new TypeError("not built yet");
}
