/**
 * What replicas hold, said whenever they connect. A sequencer that was reopened appends nothing before so many of its
 * cosigners have spoken that one of them must have seen the last acknowledged record: a store restored from an old
 * backup is found out before it signs a second history.
 */
import type { ProposalState } from "../../chaincode/rules/records.ts";
import { openCheckpoint, originOf, parseCheckpoint } from "../log/checkpoint.ts";
import { LogError } from "../log/errors.ts";
import { noteKey } from "../log/note.ts";
import { LedgerError } from "../port.ts";
import { createBell } from "./bell.ts";
import { type ForkEvidence, keepFork } from "./fork.ts";
import { keysOf } from "./governance.ts";
import type { SequencerApi } from "./sequencer-api.ts";
import type { SequencerCore } from "./sequencer-core.ts";

export interface Presence {
  readonly present: SequencerApi["present"];
  /** Resolves when enough cosigners have spoken, or the sequencer is closing. */
  complete(): Promise<void>;
}

export function createPresence(
  core: SequencerCore,
  {
    member: self,
    now,
    onFork,
  }: { readonly member: string; readonly now: () => number; readonly onFork?: (evidence: ForkEvidence) => void },
): Presence {
  const { chain } = core;
  const bell = createBell();
  const { cosigners, needed } = chain.governance();
  // A cosigner that takes over speaks for its own store.
  const spoken = new Set<string>(cosigners.has(self) ? [self] : []);
  // Any set of this size meets every quorum that could have acknowledged the last record.
  const wanted = chain.head().size === 0 || needed === 0 ? 0 : cosigners.size - needed + 1;

  async function present({ member, checkpoint: text }: Parameters<SequencerApi["present"]>[0]): Promise<void> {
    const halted = core.halted();
    if (halted !== undefined) throw halted;
    if (text !== undefined) await compare(text);
    if (cosigners.has(member)) spoken.add(member);
    bell.ring();
  }

  async function compare(text: string): Promise<void> {
    if (!(await isOurs(text))) return;
    const { checkpoint } = parseCheckpoint(text);
    if (checkpoint.size <= (await termStart())) return;
    const size = chain.tail()?.prepared.range.size ?? chain.head().size;
    if (checkpoint.size > size) {
      const detail = `its checkpoint of size ${checkpoint.size} was seen by a replica, the store ends at ${size}`;
      core.halt(new LedgerError("ERR_LEDGER_CORRUPT", `ledger store: ${detail}; restore it from that replica`));
      throw core.halted();
    }
    if (Buffer.compare(await chain.rootAt(checkpoint.size), checkpoint.root) === 0) {
      // This node's own acknowledgement may have been lost with the power; the replica need not cosign twice.
      core.collector()?.adopt(text);
      return;
    }
    const evidence: ForkEvidence = {
      noticed: new Date(now()).toISOString(),
      held: chain.tail()?.checkpoint ?? chain.head().checkpoint,
      shown: text,
      detail: `sequencer: a replica holds another history of size ${checkpoint.size}`,
    };
    core.halt(await keepFork(chain.store, evidence));
    onFork?.(evidence);
    throw core.halted();
  }

  /** Where the latest vote put this node in office: what it had signed before, in an earlier term, that vote settled. */
  async function termStart(): Promise<number> {
    let start = 0;
    for await (const [, value] of chain.state.range("proposal/")) {
      const { proposal, ...state } = value as ProposalState;
      if (state.state !== "carried" || proposal.kind !== "replace-sequencer" || proposal.sequencer !== self) continue;
      start = Math.max(start, state.carried.position);
    }
    return start;
  }

  /** Only what this node itself signed binds it; what its predecessor signed was settled by the vote. */
  async function isOurs(text: string): Promise<boolean> {
    for (const publicKey of await keysOf(chain.state, self)) {
      try {
        openCheckpoint(text, noteKey(originOf(chain.network), "note", publicKey));
        return true;
      } catch (error) {
        if (!(error instanceof LogError)) throw error;
      }
    }
    return false;
  }

  return Object.freeze({
    present,
    async complete() {
      while (spoken.size < wanted && !core.signal.aborted) await bell.wait(core.signal);
    },
  });
}
