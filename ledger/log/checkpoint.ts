/** Checkpoints, c2sp.org/tlog-checkpoint@v1: a signed note whose text is origin, tree size and root hash. */

import { HASH_BYTES } from "../../crypto/suites/merkle.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { LogError } from "./errors.ts";
import {
  formatNote,
  type Note,
  type NoteKey,
  type NoteSigner,
  parseNote,
  signNote,
  verifyNoteSignature,
} from "./note.ts";

export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  /** Root hash, 32 bytes. */
  readonly root: Uint8Array;
}

export interface SignedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly note: Note;
}

const ORIGIN = /^[^\p{White_Space}\p{Cc}+]{1,200}$/u;
const DECIMAL = /^(0|[1-9]\d{0,15})$/;

/** Origin line and key name of a network's embedded ledger. */
export const originOf = (network: string): string => `sealane.ledger/${network}`;
/** Key name of a member's cosignatures on that ledger. */
export const cosignerNameOf = (network: string, member: string): string => `${originOf(network)}/${member}`;

// tlog-checkpoint "Note text": three lines; extension lines are "NOT RECOMMENDED" and refused here.
export const checkpointText = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${encodeBase64(root)}\n`;

export function parseCheckpointText(text: string): Checkpoint {
  const lines = text.split("\n");
  const [origin = "", size = "", root = "", end] = lines;
  if (lines.length !== 4 || end !== "") throw malformed("expected exactly three lines");
  if (!ORIGIN.test(origin)) throw malformed(`origin: expected no space or plus, got ${JSON.stringify(origin)}`);
  const leaves = parseDecimal(size);
  if (leaves === undefined) throw malformed(`tree size: expected a decimal, got ${JSON.stringify(size)}`);
  const hash = decodeBase64(root, HASH_BYTES);
  if (hash === undefined) throw malformed("root hash: expected base64 of 32 bytes");
  return { origin, size: leaves, root: hash };
}

/** Parses a checkpoint with its signature lines. Throws LogError; verifies nothing. */
export function parseCheckpoint(text: string): SignedCheckpoint {
  const note = parseNote(text);
  return { checkpoint: parseCheckpointText(note.text), note };
}

/** The log's own signature; "the log's key name in its signature line SHOULD match the origin line". */
export function signCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): string {
  const text = checkpointText(checkpoint);
  return formatNote({ text, signatures: [signNote(text, checkpoint.origin, signer)] });
}

/**
 * Parses `text` and verifies the log's signature. Throws LogError: malformed, another origin, or ERR_LOG_NOTE_SIGNATURE.
 * `log` is `noteKey(origin, "note", sequencer's public key)`.
 */
export function openCheckpoint(text: string, log: NoteKey): SignedCheckpoint {
  const opened = parseCheckpoint(text);
  const { origin } = opened.checkpoint;
  if (origin !== log.name) throw malformed(`origin: expected ${log.name}, got ${origin}`);
  const own = opened.note.signatures.filter(({ name, id }) => name === log.name && id === log.id);
  // signed-note "Signatures": one failing signature of a known key rejects the whole note.
  if (own.length !== 1 || !own.every((signature) => verifyNoteSignature(log, opened.note.text, signature))) {
    throw new LogError("ERR_LOG_NOTE_SIGNATURE", `checkpoint: no valid signature of ${log.name}`);
  }
  return opened;
}

/** ASCII decimal without leading zeroes, below 2^53; undefined otherwise. */
export function parseDecimal(text: string): number | undefined {
  if (!DECIMAL.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

const malformed = (detail: string): LogError => new LogError("ERR_LOG_CHECKPOINT_MALFORMED", `checkpoint: ${detail}`);
