/**
 * Whether what this node's replica holds is to be relied on: level with a peer, and not contradicted. A contradiction
 * stands until a peer brings the replica past the block in question; then the one that contradicted was wrong or is mended.
 */
import { LedgerError } from "../port.ts";

export interface Standing {
  /** A peer with this many blocks is followed. */
  follows(height: number): void;
  /** The replica holds blocks up to this number; -1 for none. */
  holds(block: number): void;
  /** No peer is followed any more; `block` is the one that was to come next, or that the peer has otherwise. */
  stopped(error: unknown, block: number): void;
  reachable(): boolean;
  /** ERR_LEDGER_FORK or _CORRUPT while it stands. */
  halted(): LedgerError | undefined;
  /** ERR_LEDGER_PROFILE that keeps the replica from being level with a peer: blocks that it cannot execute, or none that it gets. */
  stuck(): LedgerError | undefined;
}

export function createStanding(): Standing {
  let height: number | undefined;
  let held = -1;
  let halt: { readonly error: LedgerError; readonly block: number } | undefined;
  let stuck: LedgerError | undefined;

  function settle(): void {
    const isLevel = height !== undefined && held >= height - 1;
    if (isLevel) stuck = undefined;
    if (isLevel && halt !== undefined && held >= halt.block) halt = undefined;
  }
  return Object.freeze({
    follows(blocks: number) {
      height = blocks;
      settle();
    },
    holds(block: number) {
      held = block;
      settle();
    },
    stopped(error: unknown, block: number) {
      height = undefined;
      if (!(error instanceof LedgerError)) return;
      if (CONTRADICTIONS.has(error.code)) halt = { error, block };
      if (error.code === "ERR_LEDGER_PROFILE") stuck = error;
    },
    reachable: () => halt === undefined && height !== undefined && held >= height - 1,
    halted: () => halt?.error,
    stuck: () => stuck,
  });
}

const CONTRADICTIONS: ReadonlySet<LedgerError["code"]> = new Set(["ERR_LEDGER_FORK", "ERR_LEDGER_CORRUPT"]);
