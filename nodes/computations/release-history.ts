/** The value releases this node has signed a view of, over all computations: one list, whatever runs at the same time. */
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
