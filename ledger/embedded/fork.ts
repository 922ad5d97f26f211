/** Evidence that the sequencer signed two histories: kept in the store and raised, never resolved by software. */
import { LedgerError } from "../port.ts";
import { layout, under } from "./layout.ts";
import type { LogStore } from "./store.ts";

export interface ForkEvidence {
  /** When this node noticed, UTC with Z. */
  readonly noticed: string;
  /** What this node holds and what it was shown: two checkpoint notes that no one log can satisfy together. */
  readonly held: string;
  readonly shown: string;
  readonly detail: string;
}

/** Keeps the evidence and answers the error to stop with. */
export async function keepFork(store: LogStore, evidence: ForkEvidence): Promise<LedgerError> {
  const operation = { type: "put", key: layout.fork(evidence.noticed), value: JSON.stringify(evidence) } as const;
  await store.batch([operation], { sync: true });
  return new LedgerError(
    "ERR_LEDGER_FORK",
    `${evidence.detail}; both checkpoints are kept as evidence, settle with the other members which history holds`,
  );
}

export async function readForks(store: LogStore): Promise<readonly ForkEvidence[]> {
  const forks: ForkEvidence[] = [];
  for await (const [, text] of store.range(under("fork/"))) forks.push(JSON.parse(text));
  return forks;
}
