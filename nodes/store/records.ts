/**
 * Keyed JSON records of one kind.
 *
 *   const invitations = openRecords<Invitation>(database, "invitations");
 */
import { createWriteGate, isFailedWrite, type WriteGate } from "../../ledger/embedded/write-gate.ts";
import type { Database } from "./database.ts";
import { createGroupWrite, type GroupWrite } from "./group-writes.ts";
import { StoreError } from "./store-error.ts";

export interface RecordStore<V> {
  get(id: string): Promise<V | undefined>;
  put(id: string, value: V): Promise<void>;
  delete(id: string): Promise<void>;
  /** Ascending by id; a snapshot as of the call. */
  entries(prefix?: string): AsyncIterable<readonly [id: string, value: V]>;
}

/**
 * `always`: a put is on disk when it resolves. `unless-power-fails`: it is with the operating system, and on disk with
 * the next put of an `always` store of the database, because all share one log; for what the ledger can tell again.
 */
export type Kept = "always" | "unless-power-fails";

/**
 * `name` is `[a-z-]+` and never changes: it is the key prefix on disk. `onFailure` hears of every write that the
 * disk did not take; after the first one none is tried until the database is opened anew.
 */
export function openRecords<V>(
  database: Database,
  name: string,
  onFailure: (error: unknown) => void = () => undefined,
  kept: Kept = "always",
): RecordStore<V> {
  const level = levelOf<V>(database, name);
  // LevelDB acknowledges a write before it is on disk unless told otherwise.
  const isSynced = kept === "always";
  const write = guardedWrites(database, onFailure);
  const group = groupOf(database);
  return Object.freeze({
    // A synchronous read takes microseconds; one through the thread pool waits for every fsync before it.
    get: async (id: string) => (level.status === "open" ? level.getSync(id) : await level.get(id)),
    async put(id: string, value: V) {
      const text = JSON.stringify(value);
      if (text === undefined) throw new TypeError(`${name}/${id}: has no JSON form`);
      await write(() => group({ sublevel: level, key: id, text }, isSynced));
    },
    delete: (id: string) => write(() => group({ sublevel: level, key: id, text: undefined }, isSynced)),
    async *entries(prefix = "") {
      const range = prefix === "" ? {} : { gte: prefix, lt: `${prefix}\uffff` };
      for await (const [id, value] of level.iterator(range)) yield [id, value] as const;
    },
  });
}

const levels = new WeakMap<Database, Map<string, unknown>>();
/** One for each name: a database keeps all it was ever asked for until it is closed, and routes ask at every call. */
function levelOf<V>(database: Database, name: string) {
  const open = () => database.sublevel<string, V>(name, { valueEncoding: "json" });
  const known = levels.get(database) ?? new Map<string, unknown>();
  levels.set(database, known);
  const level = (known.get(name) as ReturnType<typeof open> | undefined) ?? open();
  known.set(name, level);
  return level;
}

const gates = new WeakMap<Database, WriteGate>();
/** One for all records of a database, because they share its log. */
function gateOf(database: Database): WriteGate {
  const gate = gates.get(database) ?? createWriteGate(() => undefined);
  gates.set(database, gate);
  return gate;
}

const groups = new WeakMap<Database, GroupWrite>();
/** One for all records of a database, because they share its fsyncs. */
function groupOf(database: Database): GroupWrite {
  const group = groups.get(database) ?? createGroupWrite(database);
  groups.set(database, group);
  return group;
}

/** Runs writes behind the gate of the database; says so when the disk does not take one. */
export function guardedWrites(database: Database, onFailure: (error: unknown) => void) {
  const gate = gateOf(database);
  return (write: () => Promise<void>): Promise<void> => writing(gate, write, onFailure);
}

async function writing(
  gate: WriteGate,
  write: () => Promise<void>,
  onFailure: (error: unknown) => void,
): Promise<void> {
  try {
    await gate.pass(write);
  } catch (cause) {
    if (isFailedWrite(cause)) onFailure(cause);
    if (isDiskFull(cause) || isFailedWrite(cause)) {
      throw new StoreError(
        "ERR_STORE_FULL",
        "the disk did not take a write; nothing was written. Make room: the node then opens its stores anew",
        {
          cause,
        },
      );
    }
    throw cause;
  }
}

/** True for ENOSPC and EDQUOT wherever they hide in the chain of causes. */
export function isDiskFull(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    const code = (current as { code?: unknown }).code;
    if (code === "ENOSPC" || code === "EDQUOT" || code === "ERR_STORE_FULL") return true;
    if (/No space left on device|Disk quota exceeded/.test(current.message)) return true;
  }
  return false;
}
