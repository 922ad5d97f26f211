/** What a replica checks of a group commit before it believes it: everything. */

import { fromBase64url } from "../../crypto/suites/encoding.ts";
import { openCheckpoint, originOf, parseCheckpoint, type SignedCheckpoint } from "../log/checkpoint.ts";
import { evaluateQuorum } from "../log/cosignature.ts";
import { LogError } from "../log/errors.ts";
import { NOTE_ED25519, type NoteKey, noteKey } from "../log/note.ts";
import type { LedgerEntry } from "../port.ts";
import type { Chain, Prepared } from "./chain.ts";
import { changesGovernance, readGovernance } from "./governance.ts";
import type { LogBatch } from "./sequencer-api.ts";

/** The sequencer's log is not one that this contract and this history allow. */
export class BatchRefusal extends Error {
  override readonly name = "BatchRefusal";
  /** True when the refused checkpoint carries the log's own valid signature: evidence that others can check. */
  readonly signed: boolean;

  constructor(message: string, options: { readonly signed: boolean }) {
    super(message);
    this.signed = options.signed;
  }
}

/** Re-executes the batch over the chain's head and checks order, time, root and the log's signature. */
export async function verifyBatch(chain: Chain, batch: LogBatch, pinnedKey: string): Promise<Prepared> {
  const head = chain.head();
  if (batch.from !== head.size || batch.entries.length === 0) {
    throw new BatchRefusal(`batch: expected entries from ${head.size}, got ${batch.from}`, { signed: false });
  }
  demandOrder(batch.entries, head.size, head.time);
  let rejection: string | undefined;
  const prepared = await chain.prepare(batch.entries, (outcome, { position }) => {
    if (outcome.ok && outcome.repeats === undefined) return true;
    rejection ??= `entry ${position}: ${outcome.ok ? "was recorded before" : `${outcome.code} ${outcome.message}`}`;
    return false;
  });
  const { checkpoint } = await openByLog(chain, prepared, pinnedKey, batch.checkpoint);
  if (rejection !== undefined) throw new BatchRefusal(`the contract rejects ${rejection}`, { signed: true });
  if (prepared.entries.length !== batch.entries.length) {
    throw new BatchRefusal("batch: goes on after a record that ends its group commit", { signed: true });
  }
  if (checkpoint.size !== prepared.range.size || Buffer.compare(checkpoint.root, prepared.root) !== 0) {
    throw new BatchRefusal(`checkpoint: its root of size ${checkpoint.size} is not that of the entries sent`, {
      signed: true,
    });
  }
  return prepared;
}

/** Whether the note, whose log signature is verified already, carries the quorum that the chain's state demands. */
export function isAcknowledged(chain: Chain, note: string): boolean {
  const { cosigners, needed, log } = chain.governance();
  if (needed === 0 || log === undefined) return needed === 0;
  return evaluateQuorum(parseCheckpoint(note), log, [...cosigners.values()], needed).reached;
}

function demandOrder(entries: readonly LedgerEntry[], from: number, after: string): void {
  let previous = after;
  for (const [at, { position, time }] of entries.entries()) {
    // The one form the sequencer writes; fixed width, so text order is time order.
    const wellFormed = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/.test(time);
    if (position !== from + at || !wellFormed || time < previous) {
      throw new BatchRefusal(`entry ${position}: expected position ${from + at} and a time not before ${previous}`, {
        signed: false,
      });
    }
    previous = time;
  }
}

/** The founder's key as pinned, then the sequencer's key before the batch, or after it (rotation, replacement). */
async function openByLog(chain: Chain, prepared: Prepared, pinnedKey: string, note: string): Promise<SignedCheckpoint> {
  const candidates: NoteKey[] = [];
  const before = chain.governance().log;
  if (chain.head().size === 0) {
    candidates.push(noteKey(originOf(chain.network), NOTE_ED25519, fromBase64url(pinnedKey, "pinned key", 32)));
  } else {
    const last = prepared.entries.at(-1);
    if (before !== undefined) candidates.push(before);
    if (last !== undefined && changesGovernance(last.transaction.statement.type)) {
      const after = (await readGovernance(prepared.overlay, chain.network)).log;
      if (after !== undefined) candidates.push(after);
    }
  }
  for (const key of candidates) {
    try {
      return openCheckpoint(note, key);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
    }
  }
  throw new BatchRefusal("checkpoint: not signed by the sequencer's key", { signed: false });
}

/** True when the log's present key signed the note. */
export function isByLog(chain: Chain, note: string): boolean {
  const { log } = chain.governance();
  try {
    return log !== undefined && openCheckpoint(note, log) !== undefined;
  } catch (error) {
    if (error instanceof LogError) return false;
    throw error;
  }
}
