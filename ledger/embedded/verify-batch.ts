/** What a replica checks of a group commit before it believes it: everything. */

import type { Transaction } from "../../chaincode/rules/transactions.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { openCheckpoint, parseCheckpoint, type SignedCheckpoint } from "../log/checkpoint.ts";
import { evaluateQuorum } from "../log/cosignature.ts";
import { LogError } from "../log/errors.ts";
import { verifyConsistency } from "../log/proofs.ts";
import type { LedgerEntry } from "../port.ts";
import type { Chain, Prepared } from "./chain.ts";
import { readGovernance } from "./governance.ts";
import type { LogBatch } from "./sequencer-api.ts";

/**
 * Why a batch was not adopted. `noise`: nothing the log's key has signed says so; ask again. `inconsistent`: a signed
 * checkpoint and the entries sent do not fit what this replica holds; only a consistency proof can clear that up.
 * `evidence`: the log's key has signed what the contract forbids.
 */
export class BatchRefusal extends Error {
  override readonly name = "BatchRefusal";
  readonly kind: "noise" | "inconsistent" | "evidence";

  constructor(kind: BatchRefusal["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Re-executes the batch over the chain's head and checks order, time, root and the log's signature. */
export async function verifyBatch(chain: Chain, batch: LogBatch, pinnedKey: string): Promise<Prepared> {
  const head = chain.head();
  if (batch.from !== head.size || batch.entries.length === 0) {
    throw new BatchRefusal("noise", `batch: expected entries from ${head.size}, got ${batch.from}`);
  }
  demandOrder(batch.entries, head.size, head.time);
  let rejection: string | undefined;
  const prepared = await chain.prepare(batch.entries, (outcome, { position }) => {
    if (!outcome.ok) rejection ??= `entry ${position}: ${outcome.code} ${outcome.message}`;
    else if (outcome.repeats !== undefined) rejection ??= `entry ${position}: recorded before at ${outcome.repeats}`;
    return true;
  });
  const { signed, by } = await openByLog(chain, prepared, pinnedKey, batch.checkpoint);
  const { checkpoint } = signed;
  if (prepared.entries.length !== batch.entries.length) {
    throw new BatchRefusal("noise", "batch: goes on after a record that ends its group commit");
  }
  if (checkpoint.size !== prepared.range.size || Buffer.compare(checkpoint.root, prepared.root) !== 0) {
    const detail = `checkpoint of size ${checkpoint.size}: its root is not that of the entries held and sent`;
    throw new BatchRefusal("inconsistent", detail);
  }
  if (by === "after" && (await replacesSequencer(chain, prepared))) demandVotedStart(chain, prepared);
  if (rejection !== undefined) throw new BatchRefusal("evidence", `the contract rejects ${rejection}`);
  return prepared;
}

/** Whether the note, whose log signature is verified already, carries the quorum that the chain's state demands. */
export function isAcknowledged(chain: Chain, note: string): boolean {
  const { cosigners, needed, log } = chain.governance();
  if (needed === 0 || log === undefined) return needed === 0;
  return evaluateQuorum(parseCheckpoint(note), log, [...cosigners.values()], needed).reached;
}

/** A new sequencer that takes over goes on exactly where the members voted, and where this replica stands. */
function demandVotedStart(chain: Chain, prepared: Prepared): void {
  const last = prepared.entries.at(-1)?.transaction.statement as Transaction<"vote.cast"> | undefined;
  const proposal = last?.body.proposal;
  const start = proposal?.kind === "replace-sequencer" ? proposal.from : undefined;
  if (start?.size !== prepared.from || start.root !== chain.root()) {
    const detail = `votes continue from size ${start?.size}, this replica stands at ${prepared.from}`;
    throw new BatchRefusal("noise", `replacement: ${detail}`);
  }
}

export async function replacesSequencer(chain: Chain, prepared: Prepared): Promise<boolean> {
  if (!prepared.governs) return false;
  return (await readGovernance(prepared.overlay, chain.network)).sequencer !== chain.governance().sequencer;
}

function demandOrder(entries: readonly LedgerEntry[], from: number, after: string): void {
  let previous = after;
  for (const [at, { position, time }] of entries.entries()) {
    // The one form the sequencer writes; fixed width, so text order is time order.
    const wellFormed = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/.test(time);
    if (position !== from + at || !wellFormed || time < previous) {
      const wanted = `expected position ${from + at} and a time not before ${previous}`;
      throw new BatchRefusal("noise", `entry ${position}: ${wanted}`);
    }
    previous = time;
  }
}

/** The founder's key, which is the pinned one, then the sequencer's key before the batch, or after it (replacement by vote). */
async function openByLog(
  chain: Chain,
  prepared: Prepared,
  pinnedKey: string,
  note: string,
): Promise<{ readonly signed: SignedCheckpoint; readonly by: "pinned" | "before" | "after" }> {
  const after = prepared.governs ? (await readGovernance(prepared.overlay, chain.network)).log : undefined;
  const candidates =
    chain.head().size === 0
      ? // The founding record says which suite the pinned key is one of, and is signed under that suite.
        [{ by: "pinned" as const, key: after && toBase64url(after.publicKey) === pinnedKey ? after : undefined }]
      : [
          { by: "before" as const, key: chain.governance().log },
          { by: "after" as const, key: after },
        ];
  for (const { by, key } of candidates) {
    try {
      if (key !== undefined) return { signed: openCheckpoint(note, key), by };
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
    }
  }
  throw new BatchRefusal("noise", "checkpoint: not signed by the sequencer's key");
}

/** True when `proof` shows that the log's checkpoint `shown` extends what the chain holds. */
export function isExtension(chain: Chain, shown: string, proof: readonly string[]): boolean {
  const { checkpoint: next } = parseCheckpoint(shown);
  const held = chain.head();
  if (held.size === 0) return true;
  const { checkpoint: previous } = parseCheckpoint(held.checkpoint);
  const path = proof.map((hash) => new Uint8Array(Buffer.from(hash, "base64url")));
  return verifyConsistency(previous, next, path);
}
