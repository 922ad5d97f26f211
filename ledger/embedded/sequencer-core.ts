/** What the parts of a running sequencer share. */
import type { LedgerError } from "../port.ts";
import type { Chain } from "./chain.ts";
import type { QuorumCollector } from "./quorum.ts";

export interface SequencerCore {
  readonly chain: Chain;
  /** Cosignatures wanted now, if any. */
  collector(): QuorumCollector | undefined;
  /** Set once something makes going on unsafe; every later call throws it. */
  halted(): LedgerError | undefined;
  halt(error: LedgerError): void;
  readonly signal: AbortSignal;
}
