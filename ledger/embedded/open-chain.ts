/** Opens a chain over its store and refuses one whose log, tree, checkpoint and state do not agree. */
import type { KeyState } from "../../chaincode/rules/records.ts";
import { hashLeafText } from "../../crypto/suites/merkle.ts";
import { readPublicKey } from "../../crypto/suites/suite.ts";
import { openCheckpoint, originOf, parseCheckpoint } from "../log/checkpoint.ts";
import { LogError } from "../log/errors.ts";
import { noteKey } from "../log/note.ts";
import { appendLeaf, type CompactRange, EMPTY_RANGE, loadRange, rootOf } from "../log/tree.ts";
import type { LedgerEntry } from "../port.ts";
import { nodeReader } from "./append.ts";
import { type Chain, corrupt, createChain, type Head, parseEntry, readOnly, stateBase, type Tail } from "./chain.ts";
import { isGovernanceKey, readGovernance } from "./governance.ts";
import { createKeyFilter, type KeyFilter } from "./key-filter.ts";
import { from, layout, under } from "./layout.ts";
import { EMPTY_STATE_SUM, stateSum } from "./state-sum.ts";
import type { LogStore } from "./store.ts";

const FORMAT = "1";
const EMPTY_HEAD: Head = Object.freeze({ size: 0, checkpoint: "", time: "", stateSum: EMPTY_STATE_SUM });

/** What another host acknowledges by. */
export interface ChainRules {
  /** Throws LedgerError for an acknowledged checkpoint that is not one of these entries. */
  readonly demandCheckpoint: typeof demandCheckpoint;
  /** A record that writes such a key is the last of its group commit. */
  readonly endsGroup: (key: string) => boolean;
  /** A sequencer keeps these entries as its log. */
  readonly isSequenced: boolean;
}

const EMBEDDED: ChainRules = { demandCheckpoint, endsGroup: isGovernanceKey, isSequenced: true };

/** Throws LedgerError ERR_LEDGER_CORRUPT naming what disagrees. Reads the whole log once, hashing only. */
export async function openChain(store: LogStore, network: string, rules: ChainRules = EMBEDDED): Promise<Chain> {
  const format = await store.get(layout.format);
  if (format === undefined) await store.batch([{ type: "put", key: layout.format, value: FORMAT }], { sync: true });
  else if (format !== FORMAT) throw corrupt(`format ${format}, this version reads ${FORMAT}`);

  const head = await readRecord<Head>(store, layout.head, EMPTY_HEAD);
  const tail = await readRecord<Tail | undefined>(store, layout.tail, undefined);
  const end = tail?.size ?? head.size;
  const { atHead, atEnd, staged } = await growFromEntries(store, head.size, end);
  await demandTree(store, atEnd);
  if (head.size > 0) await rules.demandCheckpoint(store, network, head.checkpoint, atHead);
  const keys = await demandState(store, head);

  const governance = await readGovernance(readOnly(stateBase(store)), network);
  const { endsGroup, isSequenced } = rules;
  const chain = createChain({ store, network, head, range: atHead, governance, keys, endsGroup, isSequenced });
  if (tail !== undefined) await restoreTail(chain, tail, staged, atEnd);
  return chain;
}

async function readRecord<T>(store: LogStore, key: string, absent: T): Promise<T> {
  const text = await store.get(key);
  if (text === undefined) return absent;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw corrupt(`${key} is not JSON`);
  }
}

interface Grown {
  readonly atHead: CompactRange;
  readonly atEnd: CompactRange;
  readonly staged: readonly LedgerEntry[];
}

async function growFromEntries(store: LogStore, headSize: number, end: number): Promise<Grown> {
  let range = EMPTY_RANGE;
  let atHead = EMPTY_RANGE;
  const staged: LedgerEntry[] = [];
  for await (const [key, text] of store.range(from("entry", 0))) {
    const position = range.size;
    if (position >= end) throw corrupt(`${key} is beyond the last checkpoint`);
    if (key !== layout.entry(position)) throw corrupt(`entry ${position} is missing`);
    if (position >= headSize) staged.push(parseStaged(position, text));
    range = appendLeaf(range, hashLeafText(text)).range;
    if (range.size === headSize) atHead = range;
  }
  if (range.size !== end) throw corrupt(`${range.size} entries, the last checkpoint covers ${end}`);
  return { atHead, atEnd: range, staged };
}

function parseStaged(position: number, text: string): LedgerEntry {
  try {
    return parseEntry(position, text);
  } catch {
    throw corrupt(`entry ${position} is not JSON`);
  }
}

async function demandTree(store: LogStore, range: CompactRange): Promise<void> {
  const stored = await loadRange(
    range.size,
    nodeReader(store, (what) => corrupt(`${what} is missing`)),
  );
  if (!equal(rootOf(stored), rootOf(range))) throw corrupt("Merkle tree and entries have different roots");
}

async function demandCheckpoint(store: LogStore, network: string, text: string, range: CompactRange): Promise<void> {
  try {
    const { checkpoint, note } = parseCheckpoint(text);
    if (checkpoint.size !== range.size || !equal(checkpoint.root, rootOf(range))) {
      throw corrupt(`entries give another root than the checkpoint of size ${checkpoint.size}`);
    }
    const origin = originOf(network);
    for await (const [, key] of store.range(under(layout.state("key/")))) {
      const log = noteKey(origin, "note", readPublicKey(JSON.parse(key) as KeyState));
      if (!note.signatures.some(({ name, id }) => name === origin && id === log.id)) continue;
      openCheckpoint(text, log);
      return;
    }
    throw corrupt("its checkpoint is signed by no key on the ledger");
  } catch (error) {
    throw error instanceof LogError ? corrupt(`checkpoint: ${error.message}`) : error;
  }
}

/** The keys of the state. */
async function demandState(store: LogStore, head: Head): Promise<KeyFilter> {
  const sum = stateSum(EMPTY_STATE_SUM);
  const keys = createKeyFilter();
  for await (const [key, text] of stateBase(store).range("")) {
    sum.replace(key, undefined, text);
    keys.add(key);
  }
  if (sum.text() !== head.stateSum) throw corrupt(`the contract's state is not the one of size ${head.size}`);
  return keys;
}

/** Executes the tail again; its checkpoint must be the one these entries give. */
async function restoreTail(
  chain: Chain,
  tail: Tail,
  staged: readonly LedgerEntry[],
  range: CompactRange,
): Promise<void> {
  if (tail.from !== chain.head().size) throw corrupt(`tail begins at ${tail.from}, the head is ${chain.head().size}`);
  const prepared = await chain.prepare(staged, (outcome, { position }) => {
    if (!outcome.ok || outcome.repeats !== undefined) throw corrupt(`the contract rejects entry ${position}`);
    return true;
  });
  if (prepared.entries.length !== staged.length) throw corrupt("tail holds more than one group commit");
  const { checkpoint } = parseCheckpoint(tail.checkpoint);
  if (checkpoint.size !== range.size || !equal(checkpoint.root, rootOf(range))) {
    throw corrupt("staged entries give another root than their checkpoint");
  }
  await chain.stage(prepared, tail.checkpoint, { sync: true });
}

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
