/**
 * This node's replica of a ledger on Fabric: executes the records of every valid transaction again, in the order of the
 * blocks, and demands that the contract answers and writes what the peers say it did. State, entries and tree are kept
 * as those of the embedded ledger, so a read costs the same; only who acknowledged them differs.
 */

import { RULES_KEY, type SubmitOutcome } from "../../chaincode/fabric/messages.ts";
import type { Outcome } from "../../chaincode/rules/execute.ts";
import { isCanonicalText } from "../../crypto/suites/digest.ts";
import type { Chain, Ordered } from "../embedded/chain.ts";
import { layout } from "../embedded/layout.ts";
import { openChain } from "../embedded/open-chain.ts";
import type { LogStore } from "../embedded/store.ts";
import { LedgerError, type SignedTransaction } from "../port.ts";
import type { FabricBlock } from "./block.ts";
import type { ConfigPlace } from "./order.ts";

/** How far the replica has come; written with the records of the block, in one step. */
export interface Progress {
  readonly channel: string;
  readonly chaincode: string;
  /** The last block, with the hash of its header; -1 and "" before the first. */
  readonly block: number;
  readonly hash: string;
  /** In force after it; undefined before the first. */
  readonly config?: ConfigPlace;
}

export interface ViewOptions extends Pick<Progress, "channel" | "chaincode"> {
  /** Digest of the rules that this replica executes. */
  readonly code: string;
}

export interface View {
  readonly chain: Chain;
  progress(): Progress;
  /**
   * Blocks come in order and each once; `config` is in force after it. Executed at once, taken when `agreed`
   * resolves. Throws what that rejects with, or LedgerError ERR_LEDGER_CORRUPT or _FORK, or _PROFILE where calls were made by
   * other rules, and has changed nothing then.
   */
  apply(block: FabricBlock, config: ConfigPlace, agreed: Promise<void>): Promise<void>;
  /** What the contract would answer to these records now, one after the other; changes nothing. */
  judge(transactions: readonly SignedTransaction[], time: string): Promise<readonly Outcome[]>;
}

export async function openView(
  store: LogStore,
  network: string,
  { channel, chaincode, code }: ViewOptions,
): Promise<View> {
  await dropUnfinished(store);
  const start: Progress = { channel, chaincode, block: -1, hash: "" };
  const chain = await openChain(store, network, {
    demandCheckpoint: async (_store, _network, text) => {
      const kept = JSON.parse(text) as Partial<Progress>;
      if (kept.channel === channel && kept.chaincode === chaincode) return;
      throw new LedgerError(
        "ERR_LEDGER_PROFILE",
        `fabric: the profile names ${chaincode} on ${channel}, this node follows ${kept.chaincode} on ${kept.channel}`,
      );
    },
    endsGroup: () => false,
    isSequenced: false,
  });
  const progress = () => {
    const { checkpoint } = chain.head();
    return checkpoint === "" ? start : (JSON.parse(checkpoint) as Progress);
  };

  async function apply(block: FabricBlock, config: ConfigPlace, agreed: Promise<void>): Promise<void> {
    // What fails before it is waited for is said instead.
    agreed.catch(() => undefined);
    demandSuccessor(progress(), block);
    demandRules(block, code);
    const outcomes: Outcome[] = [];
    const prepared = await chain.prepare(orderedIn(block), (outcome) => {
      outcomes.push(outcome);
      return outcome.ok && outcome.repeats === undefined;
    });
    demandOutcomes(block, outcomes);
    demandWrites(block, prepared.overlay.writes);
    await agreed;
    const next: Progress = { channel, chaincode, block: block.number, hash: block.hash, config };
    const checkpoint = JSON.stringify(next);
    // Not synced: what a crash takes away comes again from the peers.
    await chain.stage(prepared, checkpoint, { sync: false });
    await chain.commit(checkpoint);
  }

  async function judge(transactions: readonly SignedTransaction[], time: string): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = [];
    const ordered = transactions.map((transaction) => ({ time, transaction }));
    await chain.prepare(ordered, (outcome) => {
      outcomes.push(outcome);
      return outcome.ok && outcome.repeats === undefined;
    });
    return outcomes;
  }

  return Object.freeze({ chain, progress, apply, judge });
}

/** What a crash left between the two writes of a block: its records come again with the block. */
async function dropUnfinished(store: LogStore): Promise<void> {
  const tail = await store.get(layout.tail);
  if (tail === undefined) return;
  const { from, size } = JSON.parse(tail) as { from: number; size: number };
  const entries = Array.from({ length: size - from }, (_, at) => ({
    type: "del" as const,
    key: layout.entry(from + at),
  }));
  await store.batch([...entries, { type: "del", key: layout.tail }], { sync: true });
}

function demandSuccessor({ block, hash }: Progress, next: FabricBlock): void {
  if (next.number !== block + 1) {
    throw new LedgerError("ERR_LEDGER_CORRUPT", `fabric: expected block ${block + 1}, got ${next.number}`);
  }
  if (block < 0 || next.previous === hash) return;
  throw new LedgerError(
    "ERR_LEDGER_FORK",
    `fabric: block ${next.number} follows another block ${block} than the one this node holds`,
  );
}

/** Other rules may judge otherwise, and differ from these only later: what they made cannot be executed here. */
function demandRules({ number, calls }: FabricBlock, code: string): void {
  const isExecuted = ({ texts, writes }: FabricBlock["calls"][number]) => texts.length > 0 || writes.has(RULES_KEY);
  const other = calls.find((call) => isExecuted(call) && call.code !== code);
  if (other === undefined) return;
  throw new LedgerError(
    "ERR_LEDGER_PROFILE",
    `fabric: block ${number} was made by the rules ${other.code}, this node goes by ${code}; ` +
      "run the version of Sealane with those rules until it has passed the blocks made by them",
  );
}

function* orderedIn(block: FabricBlock): Iterable<Ordered> {
  for (const { time, texts } of block.calls) {
    for (const text of texts) {
      const transaction = parsed(text) as SignedTransaction;
      yield { time, transaction, text: isCanonicalText(text, transaction) ? text : undefined };
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isSame = (own: Outcome, peers: SubmitOutcome | undefined): boolean =>
  own.ok
    ? peers?.ok === true && (own.repeats !== undefined) === (peers.repeats === true)
    : peers?.ok === false && own.code === peers.code && own.field === peers.field;

function demandOutcomes(block: FabricBlock, own: readonly Outcome[]): void {
  let next = 0;
  for (const { transactionId, texts, outcomes } of block.calls) {
    for (const at of texts.keys()) {
      const outcome = own[next++];
      if (outcome !== undefined && isSame(outcome, outcomes[at])) continue;
      throw disagreement(
        block,
        `record ${at} of transaction ${transactionId}: the peers' answer is not the contract's`,
      );
    }
  }
}

/**
 * The peers' state and this one are equal after every block, up to positions, when they were before it: the last write
 * of every key is. Peers do not know positions and write 0.
 */
function demandWrites(block: FabricBlock, own: ReadonlyMap<string, string>): void {
  const theirs = new Map<string, string | undefined>();
  for (const { code, writes } of block.calls) {
    for (const [key, text] of writes) {
      if (key !== RULES_KEY) theirs.set(key, text);
      else if (text !== JSON.stringify(code)) throw disagreement(block, `the peers wrote other rules than the call's`);
    }
  }
  for (const [key, text] of own) {
    const other = theirs.get(key);
    if (other === undefined || other !== text.replaceAll(POSITION, '"position":0')) {
      throw disagreement(block, `the contract writes something else under ${key} than the peers did`);
    }
  }
  for (const key of theirs.keys()) {
    if (!own.has(key)) throw disagreement(block, `the peers wrote ${key}, the contract does not`);
  }
}

// Inside a JSON string the quote before the colon would be escaped.
const POSITION = /"position":\d+/g;

const disagreement = ({ number }: FabricBlock, detail: string): LedgerError =>
  new LedgerError("ERR_LEDGER_FORK", `fabric: block ${number}: ${detail}`);
