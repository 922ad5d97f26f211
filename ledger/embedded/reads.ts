/** The reading half of the Ledger port, the same for sequencer and replica. */
import type { Ledger, LedgerEntry } from "../port.ts";
import type { Chain } from "./chain.ts";

export function readsOf(chain: Chain): Pick<Ledger, "get" | "range" | "entries" | "follow" | "prove"> {
  return {
    get: async <T>(key: string) => (await chain.state.get(key)) as T | undefined,
    range: <T>(prefix: string) => chain.state.range(prefix) as AsyncIterable<readonly [key: string, value: T]>,
    entries: (from, limit) =>
      chain.entries(from, limit === undefined ? undefined : Math.min(chain.head().size, from + limit)),
    async *follow(from: number, signal: AbortSignal): AsyncIterable<LedgerEntry> {
      let next = from;
      while (!signal.aborted) {
        const end = chain.head().size;
        for await (const entry of chain.entries(next, end)) {
          if (signal.aborted) return;
          yield entry;
          next = entry.position + 1;
        }
        if (chain.head().size === end) await chain.bell.wait(signal);
      }
    },
    prove: chain.prove,
  };
}
