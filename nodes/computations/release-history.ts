/** The value releases this node has signed a view of, over all computations: one list, whatever runs at the same time. */
import {
  readComputationOpened,
  readComputationStep,
  readComputations,
  type StateReader,
} from "../../chaincode/rules/keys.ts";
import type { HistoryEntry } from "../../crypto/secagg/history.ts";
import type { RecordStore } from "../../exchange/requests/ports.ts";

export interface ReleaseHistory {
  /** Reads what is stored, once; await it before the first step. */
  load(): Promise<void>;
  entries(): readonly HistoryEntry[];
  /** At the step that signs, before any other step can ask. */
  remember(entry: HistoryEntry): void;
  /** Durable before the view leaves. */
  keep(entry: HistoryEntry): Promise<void>;
}

export function createReleaseHistory(store: RecordStore<HistoryEntry>): ReleaseHistory {
  const entries: HistoryEntry[] = [];
  let loaded: Promise<void> | undefined;
  const read = async () => {
    for await (const [, entry] of store.entries()) entries.push(entry);
  };
  return Object.freeze({
    load() {
      loaded ??= read();
      return loaded;
    },
    entries: () => entries,
    remember: (entry: HistoryEntry) => void entries.push(entry),
    keep: (entry: HistoryEntry) => store.put(entry.computation, entry),
  });
}

/**
 * A computation whose sums R had, with this member's table in them, that the history knows nothing of: the store was
 * restored from an older backup. What a later release may tell apart can then not be judged.
 */
export async function forgottenRelease(
  ledger: StateReader,
  self: string,
  asset: string,
  entries: readonly HistoryEntry[],
): Promise<string | undefined> {
  const remembered = new Set(entries.map(({ computation }) => computation));
  for (const { computation, state } of await readComputations(ledger)) {
    if ((state !== "released" && state !== "withheld") || remembered.has(computation)) continue;
    const close = await readComputationStep(ledger, computation, "close-2");
    if (!close?.members.includes(self)) continue;
    const opened = await readComputationOpened(ledger, computation);
    if (opened?.body.cohort.some((entry) => entry.member === self && entry.asset === asset)) return computation;
  }
  return undefined;
}
