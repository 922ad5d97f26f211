/** The key-value store under the embedded ledger, and its one production implementation over level. */
import { Level } from "level";
import { LedgerError } from "../port.ts";
import { createWriteGate, isFailedWrite } from "./write-gate.ts";

export type StoreOperation =
  | { readonly type: "put"; readonly key: string; readonly value: string }
  | { readonly type: "del"; readonly key: string };

export interface LogStore {
  get(key: string): Promise<string | undefined>;
  /** Atomic: all of it or nothing survives a crash. With `sync` it is on disk when the promise resolves. */
  batch(operations: readonly StoreOperation[], options: { readonly sync: boolean }): Promise<void>;
  /** Keys in ascending byte order, `gte` inclusive, `lt` exclusive. */
  range(bounds: { readonly gte: string; readonly lt: string }): AsyncIterable<readonly [key: string, value: string]>;
  /** The same in descending order. */
  reverse(bounds: { readonly gte: string; readonly lt: string }): AsyncIterable<readonly [key: string, value: string]>;
  close(): Promise<void>;
}

/** Every read of an iterator waits for a thread: level's own 16 KiB would be some twenty records. */
const READ_AHEAD = 256 * 1024;
/** Bytes kept in memory before they become a table: level's own 4 MiB are merged so often that it is a fifth of all work. */
const WRITE_BUFFER = 16 * 1024 * 1024;
/** An index entry in memory for each block on the disk: four times as many with level's own 4 KiB. */
const BLOCK = 16 * 1024;

/**
 * Opens (or creates) the ledger's folder. One process at a time: a second one gets level's LEVEL_LOCKED error. After a
 * write that failed, of which `onFailure` hears, every later one is refused until the folder is opened anew.
 */
export async function openLevelStore(
  location: string,
  onFailure: (error: unknown) => void = () => undefined,
): Promise<LogStore> {
  const gate = createWriteGate(onFailure);
  const level = new Level<string, string>(location, {
    keyEncoding: "utf8",
    valueEncoding: "utf8",
    writeBufferSize: WRITE_BUFFER,
    blockSize: BLOCK,
  });
  await level.open();
  return Object.freeze({
    // A synchronous read takes microseconds; one through the thread pool waits for every fsync before it.
    get: async (key: string) => level.getSync(key),
    batch: (operations: readonly StoreOperation[], { sync }: { sync: boolean }) =>
      gate.pass(() => chained(level, operations).write({ sync })).catch(asLedgerError),
    range: ({ gte, lt }: { gte: string; lt: string }) => level.iterator({ gte, lt, highWaterMarkBytes: READ_AHEAD }),
    reverse: ({ gte, lt }: { gte: string; lt: string }) => level.iterator({ gte, lt, reverse: true }),
    close: () => level.close(),
  });
}

/** Takes two thirds of the time of a batch that is handed over as one list. */
function chained(level: Level<string, string>, operations: readonly StoreOperation[]) {
  const batch = level.batch();
  for (const operation of operations) {
    if (operation.type === "put") batch.put(operation.key, operation.value);
    else batch.del(operation.key);
  }
  return batch;
}

function asLedgerError(cause: unknown): never {
  if (!isFailedWrite(cause)) throw cause;
  throw new LedgerError("ERR_LEDGER_FULL", "ledger store: the disk did not take a write; make room", { cause });
}
