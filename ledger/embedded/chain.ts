/**
 * One node's copy of the log: entries, Merkle nodes, checkpoints and the contract's state in one store.
 *
 * Life of a group commit: `prepare` executes the contract in memory; `stage` writes entries, Merkle nodes and the signed
 * checkpoint as ONE synced batch (the tail); `commit` writes the state, the cosigned checkpoint and the new head as one
 * batch when the quorum has cosigned. Reads see acknowledged records only. After a crash between the two, `openChain`
 * executes the tail again; it is never lost and never half applied.
 */

import { execute, type Outcome } from "../../chaincode/rules/execute.ts";
import type { StateStore } from "../../chaincode/rules/host.ts";
import type { StateReader } from "../../chaincode/rules/keys.ts";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { createSignatureQueue, inRuns } from "../contract.ts";
import { leafText } from "../log/leaf.ts";
import { formatProof } from "../log/proof-text.ts";
import { proveConsistency, proveInclusion, verifyInclusion } from "../log/proofs.ts";
import { type CompactRange, rootAt, rootOf } from "../log/tree.ts";
import { type LedgerEntry, LedgerError, type LedgerProof } from "../port.ts";
import { appendOperations, type Grown, growLog, nodeReader } from "./append.ts";
import { type Bell, createBell } from "./bell.ts";
import { type Governance, readGovernance } from "./governance.ts";
import type { KeyFilter } from "./key-filter.ts";
import { from, layout, under } from "./layout.ts";
import { createNodeCache } from "./node-cache.ts";
import { createOverlay, type Overlay, type StateBase, stacked } from "./overlay.ts";
import type { LogBatch } from "./sequencer-api.ts";
import { createStateCache } from "./state-cache.ts";
import { stateSum } from "./state-sum.ts";
import type { LogStore, StoreOperation } from "./store.ts";

/** Characters of one answer to a replica, beyond which no further group commit is added. */
const MAX_ANSWER_LENGTH = 8 * 1024 * 1024;

/** The acknowledged log. */
export interface Head {
  readonly size: number;
  /** Checkpoint note with the quorum's cosignatures; "" for an empty log. */
  readonly checkpoint: string;
  /** Time of the last entry; "" for an empty log. */
  readonly time: string;
  /** See state-sum.ts. */
  readonly stateSum: string;
}

/** Staged, not yet acknowledged. */
export interface Tail {
  readonly from: number;
  readonly size: number;
  readonly time: string;
  /** Signed by the sequencer alone. */
  readonly checkpoint: string;
}

export interface Prepared extends Grown {
  readonly from: number;
  readonly entries: readonly LedgerEntry[];
  readonly root: Uint8Array;
  readonly overlay: Overlay;
  readonly time: string;
  /** Its last record changes who signs or cosigns. */
  readonly governs: boolean;
}

/** On disk, not acknowledged. */
export interface Staged {
  readonly prepared: Prepared;
  /** Signed by the sequencer alone. */
  readonly checkpoint: string;
  /** What it writes, until that is committed. */
  readonly pending: () => ReadonlyMap<string, string> | undefined;
  /** Called when it is committed: what was executed over it keeps no hold of it. */
  readonly settle: () => void;
}

export interface Ordered {
  readonly time: string;
  readonly transaction: LedgerEntry["transaction"];
  /** Its canonical text, where that is known. */
  readonly text?: string | undefined;
}

/** What a chain starts from: see open-chain.ts. */
export interface ChainStart {
  readonly store: LogStore;
  readonly network: string;
  readonly head: Head;
  readonly range: CompactRange;
  readonly governance: Governance;
  /** Keys of the contract's state. */
  readonly keys: KeyFilter;
  /** A record that writes such a key is the last of its group commit. */
  readonly endsGroup: (key: string) => boolean;
  /** A sequencer keeps these entries as its log. */
  readonly isSequenced: boolean;
}

export type Chain = ReturnType<typeof createChain>;

export const parseEntry = (position: number, text: string): LedgerEntry => ({ position, ...JSON.parse(text) });

export const stateBase = (store: LogStore): StateBase => ({
  get: (key) => store.get(layout.state(key)),
  async *range(prefix) {
    const skip = layout.state("").length;
    for await (const [key, text] of store.range(under(layout.state(prefix)))) yield [key.slice(skip), text] as const;
  },
});

/** Reads only what `keys` may hold. */
const reading = (keys: KeyFilter, base: StateBase): StateBase => ({
  ...base,
  get: async (key) => (keys.mayHold(key) ? base.get(key) : undefined),
});

/** The committed state as the contract's readers see it. */
export const readOnly = (base: StateBase): StateReader => ({
  async get(key) {
    const text = await base.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  },
  async *range(prefix) {
    for await (const [key, text] of base.range(prefix)) yield [key, JSON.parse(text) as unknown] as const;
  },
});

export function createChain(start: ChainStart) {
  const { store, network, keys } = start;
  const base = createStateCache(reading(keys, stateBase(store)));
  const committed: StateReader = { ...readOnly(base), get: base.value };
  const bell: Bell = createBell();
  let { head, range, governance } = start;
  let tail: Staged | undefined;
  let recent: readonly Recent[] = [];

  const readNode = createNodeCache(
    nodeReader(store, (what) => corrupt(`${what} is missing`)),
    () => head.size,
  );

  /**
   * Executes in order over the head, or `over` the tail, which may be acknowledged meanwhile. `judge` sees every outcome
   * and says whether the transaction is taken.
   */
  async function prepare(
    transactions: Iterable<Ordered>,
    judge: (outcome: Outcome, entry: LedgerEntry) => boolean,
    over?: Staged,
  ): Promise<Prepared> {
    const from = over?.prepared.range.size ?? head.size;
    const before = over?.prepared.time ?? head.time;
    const rangeBefore = over?.prepared.range ?? range;
    const overlay = createOverlay(over === undefined ? base : stacked(base, over.pending));
    const entries: LedgerEntry[] = [];
    const texts: string[] = [];
    let governs = false;
    const watched: StateStore = {
      ...overlay,
      put: (key, value) => {
        governs ||= start.endsGroup(key);
        return overlay.put(key, value);
      },
    };
    const signatures = createSignatureQueue(overlay);
    for await (const run of signatures.inOrder(inRuns(withTexts(transactions)))) {
      for (const { time, transaction, text } of run) {
        if (governs) break;
        const position = from + entries.length;
        const entry: LedgerEntry = { position, time, transaction };
        const logSize = start.isSequenced ? position : 0;
        const host = { store: watched, position, logSize, time, verify: signatures.verify };
        const outcome = await execute(host, transaction, text);
        if (!judge(outcome, entry)) continue;
        entries.push(entry);
        texts.push(leafText(time, text ?? ""));
      }
      if (governs) break;
    }
    const time = entries.at(-1)?.time ?? before;
    const grown = growLog(rangeBefore, texts);
    return { ...grown, from, entries, root: rootOf(grown.range), overlay, time, governs };
  }

  async function stage(prepared: Prepared, checkpoint: string, { sync }: { readonly sync: boolean }): Promise<void> {
    const record: Tail = { from: prepared.from, size: prepared.range.size, time: prepared.time, checkpoint };
    await store.batch([...appendOperations(prepared.from, prepared), put(layout.tail, JSON.stringify(record))], {
      sync,
    });
    tail = stagedOf(prepared, checkpoint);
    bell.ring();
  }

  /** Acknowledges the tail: `checkpoint` is its checkpoint with the quorum's cosignatures. */
  async function commit(checkpoint: string): Promise<void> {
    if (tail === undefined) throw new TypeError("commit without a tail");
    const { prepared, settle } = tail;
    const sum = stateSum(head.stateSum);
    const operations: StoreOperation[] = [];
    for (const [key, text] of prepared.overlay.writes) {
      sum.replace(key, await prepared.overlay.before(key), text);
      keys.add(key);
      operations.push(put(layout.state(key), text));
    }
    const next: Head = { size: prepared.range.size, checkpoint, time: prepared.time, stateSum: sum.text() };
    const batch = { size: next.size, checkpoint };
    operations.push(put(layout.batch(prepared.from), JSON.stringify(batch)));
    operations.push(put(layout.head, JSON.stringify(next)), { type: "del", key: layout.tail });
    await store.batch(operations, { sync: false });
    base.committed(prepared.overlay.writes);
    head = next;
    range = prepared.range;
    tail = undefined;
    recent = lastOf(recent, prepared);
    settle();
    if (prepared.governs) governance = await readGovernance(committed, network);
    bell.ring();
  }

  /** Forgets what was never acknowledged: only after the sequencer was replaced by vote. */
  async function dropTail(): Promise<void> {
    const positions = tail === undefined ? [] : tail.prepared.entries.map(({ position }) => position);
    const entries = positions.map((position) => ({ type: "del" as const, key: layout.entry(position) }));
    await store.batch([...entries, { type: "del", key: layout.tail }], { sync: true });
    tail = undefined;
    bell.ring();
  }

  /** One alone is read at once, without the iterator's way through the thread pool. */
  async function* entryTexts(first: number, end: number): AsyncIterable<string> {
    let position = first;
    if (end - first === 1) {
      const text = await store.get(layout.entry(first));
      if (text !== undefined) yield text;
      return;
    }
    for await (const [key, text] of store.range({ gte: layout.entry(first), lt: layout.entry(end) })) {
      if (key !== layout.entry(position)) throw corrupt(`entry ${position} is missing`);
      yield text;
      position += 1;
    }
  }

  async function* entries(first: number, end = head.size): AsyncIterable<LedgerEntry> {
    const start = recent[0]?.entry.position ?? Number.POSITIVE_INFINITY;
    if (first >= start) {
      for (const { entry } of recent.slice(first - start, end - start)) yield entry;
      return;
    }
    let position = first;
    for await (const text of entryTexts(first, end)) {
      yield parseEntry(position, text);
      position += 1;
    }
  }

  /** Group commits from `first` on, about `limit` entries; the staged one last. Undefined: none begins there. */
  async function batches(first: number, limit: number): Promise<LogBatch[] | undefined> {
    const found: LogBatch[] = [];
    // As they stand now: a commit during the reads below must not look like a gap.
    const { size: end } = head;
    const staged = tail;
    // What a replica asks for that is not behind, at every change until there is something: not from the disk.
    if (first === end) return staged?.prepared.from === end ? [batchOf(staged)] : [];
    let next = first;
    let length = 0;
    for await (const [key, text] of store.range(from("batch", first))) {
      if (key !== layout.batch(next) || next >= end) break;
      const { size, checkpoint } = JSON.parse(text) as { size: number; checkpoint: string };
      const texts = await collect(entryTexts(next, size));
      const begin = next;
      found.push({ from: begin, entries: texts.map((text, at) => parseEntry(begin + at, text)), checkpoint });
      next = size;
      length += texts.reduce((sum, text) => sum + text.length, checkpoint.length);
      if (next - first >= limit || length >= MAX_ANSWER_LENGTH) return found;
    }
    if (staged !== undefined && staged.prepared.from === next) found.push(batchOf(staged));
    return found.length === 0 && next !== end ? undefined : found;
  }

  /** The acknowledged checkpoint of exactly `size` entries, if a group commit ended there. */
  async function acknowledgedAt(size: number): Promise<string | undefined> {
    for await (const [, text] of store.reverse({ gte: layout.batch(0), lt: layout.batch(size) })) {
      const batch = JSON.parse(text) as { size: number; checkpoint: string };
      return batch.size === size ? batch.checkpoint : undefined;
    }
    return undefined;
  }

  async function prove(position: number): Promise<LedgerProof> {
    const { size, checkpoint } = head;
    if (!Number.isSafeInteger(position) || position < 0 || position >= size) {
      throw new RangeError(`position: expected an acknowledged entry below ${size}, got ${position}`);
    }
    const path = await proveInclusion(position, size, readNode);
    // Opening a store checks the nodes at the edge only; a damaged inner one is found here, before anyone gets it.
    if (!verifyInclusion({ index: position, size, path }, await readNode(0, position), rootOf(range))) {
      throw corrupt(`Merkle path of entry ${position} does not lead to the root`);
    }
    return { kind: "tlog", proof: formatProof({ index: position, path, checkpoint }) };
  }

  return Object.freeze({
    store,
    network,
    bell,
    state: committed,
    head: () => head,
    root: () => toBase64url(rootOf(range)),
    tail: () => tail,
    governance: () => governance,
    prepare,
    stage,
    commit,
    dropTail,
    entries,
    batches,
    acknowledgedAt,
    prove,
    /** Root of the first `size` entries, staged ones included. */
    rootAt: (size: number) => rootAt(size, readNode),
    consistency: (old: number, size: number) => proveConsistency(old, size, readNode),
  });
}

function* withTexts(transactions: Iterable<Ordered>): Iterable<Ordered> {
  for (const { time, transaction, text = textOf(transaction) } of transactions) yield { time, transaction, text };
}

/** An entry that was acknowledged of late: every part of a node that follows the ledger reads it right away. */
interface Recent {
  readonly entry: LedgerEntry;
  /** Characters of its leaf. */
  readonly length: number;
}

const MAX_RECENT = 256;
const MAX_RECENT_LENGTH = 1 << 20;

function lastOf(before: readonly Recent[], { entries, texts }: Prepared): readonly Recent[] {
  const added = entries.slice(-MAX_RECENT).map((entry, at, { length }) => {
    return { entry, length: texts[entries.length - length + at]!.length };
  });
  const all = [...before, ...added].slice(-MAX_RECENT);
  let length = 0;
  const tooOld = all.findLastIndex((one) => {
    length += one.length;
    return length > MAX_RECENT_LENGTH;
  });
  return all.slice(tooOld + 1);
}

const batchOf = ({ prepared, checkpoint }: Staged): LogBatch => ({
  from: prepared.from,
  entries: prepared.entries,
  checkpoint,
});

function stagedOf(prepared: Prepared, checkpoint: string): Staged {
  let writes: ReadonlyMap<string, string> | undefined = prepared.overlay.writes;
  const settle = () => {
    writes = undefined;
  };
  return { prepared, checkpoint, pending: () => writes, settle };
}

// What has no text is rejected by the contract.
function textOf(transaction: unknown): string | undefined {
  try {
    return canonicalJson(transaction);
  } catch {
    return undefined;
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const put = (key: string, value: string): StoreOperation => ({ type: "put", key, value });

export const corrupt = (detail: string): LedgerError =>
  new LedgerError("ERR_LEDGER_CORRUPT", `ledger store: ${detail}; restore it from a backup or a replica`);
