/** Gathers cosignatures over the checkpoint that waits for its quorum. */
import { openCheckpoint, parseCheckpoint, type SignedCheckpoint } from "../log/checkpoint.ts";
import { verifyCosignature, withCosignatures } from "../log/cosignature.ts";
import type { NoteKey, NoteSignature } from "../log/note.ts";
import { LedgerError } from "../port.ts";
import { type Bell, createBell } from "./bell.ts";
import type { Governance } from "./governance.ts";

export interface QuorumCollector {
  /**
   * Ignores cosignatures over other checkpoints, and those beyond the quorum: everyone would have to check them. Throws
   * LedgerError ERR_LEDGER_REJECTED for a wrong one.
   */
  add(member: string, note: string): void;
  /** Takes every valid cosignature from an acknowledged checkpoint that somebody holds; ignores all else. */
  adopt(note: string): void;
  /** The checkpoint with its cosignatures once enough are there, or undefined when `signal` aborts. */
  reached(signal: AbortSignal): Promise<string | undefined>;
}

/** `log` is the key that signed `checkpoint`; `governance` that of the state before its group commit. */
export function collectQuorum(checkpoint: string, log: NoteKey, governance: Governance): QuorumCollector {
  const signed: SignedCheckpoint = openCheckpoint(checkpoint, log);
  const cosignatures = new Map<string, NoteSignature>();
  const bell: Bell = createBell();
  return Object.freeze({
    add(member: string, text: string) {
      const { note } = parseCheckpoint(text);
      if (note.text !== signed.note.text || cosignatures.size >= governance.needed) return;
      const key = governance.cosigners.get(member);
      if (key === undefined) return;
      const valid = note.signatures.find((signature) => verifyCosignature(key, note.text, signature) !== undefined);
      if (valid === undefined) {
        throw new LedgerError("ERR_LEDGER_REJECTED", `cosignature: not a valid one by the current key of ${member}`);
      }
      cosignatures.set(member, valid);
      bell.ring();
    },
    adopt(text: string) {
      const { note } = parseCheckpoint(text);
      if (note.text !== signed.note.text) return;
      for (const [member, key] of governance.cosigners) {
        if (cosignatures.size >= governance.needed) break;
        const valid = note.signatures.find((signature) => verifyCosignature(key, note.text, signature) !== undefined);
        if (valid !== undefined) cosignatures.set(member, valid);
      }
      bell.ring();
    },
    async reached(signal: AbortSignal) {
      while (cosignatures.size < governance.needed) {
        if (signal.aborted) return undefined;
        await bell.wait(signal);
      }
      return withCosignatures(signed, [...cosignatures.values()]);
    },
  });
}
