/**
 * The contract's state for re-execution, of which memory holds the part in use: a ledger of a million records leaves more
 * than half a gibibyte of state, nearly all of it written once and never read. What is beyond `held` keys goes to a store
 * that the caller throws away afterwards.
 */
import type { StateStore } from "../../chaincode/rules/host.ts";
import { memoryStore } from "../../ledger/audit/memory-store.ts";
import { createKeyFilter } from "../../ledger/embedded/key-filter.ts";
import { under } from "../../ledger/embedded/layout.ts";
import type { LogStore } from "../../ledger/embedded/store.ts";

/** Keys in memory: some 60 MiB. */
const HELD = 200_000;

/** `open` gives an empty store, once it is needed. */
export function spilledState(open: () => Promise<LogStore>, held = HELD): StateStore {
  const spilled = createKeyFilter();
  let disk: LogStore | undefined;
  let memory = memoryStore();
  let written = new Map<string, unknown>();

  async function spill(): Promise<void> {
    disk ??= await open();
    const operations = [...written].map(([key, value]) => {
      return { type: "put", key, value: JSON.stringify(value) } as const;
    });
    await disk.batch(operations, { sync: false });
    for (const key of written.keys()) spilled.add(key);
    memory = memoryStore();
    written = new Map();
  }

  async function* range(prefix: string): AsyncIterable<readonly [string, unknown]> {
    if (disk === undefined) return yield* memory.range(prefix);
    const found = new Map<string, unknown>();
    for await (const [key, text] of disk.range(under(prefix))) found.set(key, JSON.parse(text));
    for await (const [key, value] of memory.range(prefix)) found.set(key, value);
    for (const key of [...found.keys()].sort()) yield [key, found.get(key)] as const;
  }

  return Object.freeze({
    async get(key: string) {
      const value = await memory.get(key);
      if (value !== undefined || disk === undefined || !spilled.mayHold(key)) return value;
      const text = await disk.get(key);
      if (text === undefined) return undefined;
      // Read again and again where it is a member or a key: kept until the next spill.
      const kept: unknown = JSON.parse(text);
      await memory.put(key, kept);
      return kept;
    },
    async put(key: string, value: unknown) {
      await memory.put(key, value);
      written.set(key, value);
      if (written.size >= held) await spill();
    },
    range,
  });
}
