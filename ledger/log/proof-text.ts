/** Offline proofs, c2sp.org/tlog-proof@v1: index, inclusion path and a checkpoint with its cosignatures in one text. */

import { HASH_BYTES } from "../../crypto/suites/merkle.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { type Checkpoint, openCheckpoint, parseCheckpoint, parseDecimal } from "./checkpoint.ts";
import { evaluateQuorum } from "./cosignature.ts";
import { LogError } from "./errors.ts";
import { MAX_NOTE_BYTES, type NoteKey } from "./note.ts";
import { verifyInclusion } from "./proofs.ts";

const HEADER = "c2sp.org/tlog-proof@v1";
// A path in a tree of fewer than 2^53 leaves has at most 53 hashes (RFC 6962 section 2.1.1).
const MAX_PATH = 53;

export interface TlogProof {
  readonly index: number;
  readonly path: readonly Uint8Array[];
  /** The checkpoint note verbatim. */
  readonly checkpoint: string;
}

// tlog-proof "Format": header, [extra], index, path lines, empty line, checkpoint. Sealane writes no extra line.
export const formatProof = ({ index, path, checkpoint }: TlogProof): string =>
  [HEADER, `index ${index}`, ...path.map(encodeBase64), "", checkpoint].join("\n");

/** Strict parse; an `extra` line is refused, since it is not authenticated. Throws LogError. */
export function parseProof(text: string): TlogProof {
  if (text.length > MAX_NOTE_BYTES + 10_000) throw malformed("too long");
  const blank = text.indexOf("\n\n");
  if (blank < 0) throw malformed("expected an empty line before the checkpoint");
  const [header, indexLine = "", ...pathLines] = text.slice(0, blank).split("\n");
  if (header !== HEADER) throw malformed(`header: expected ${HEADER}`);
  const index = indexLine.startsWith("index ") ? parseDecimal(indexLine.slice(6)) : undefined;
  if (index === undefined) throw malformed("index: expected a decimal");
  if (pathLines.length > MAX_PATH) throw malformed(`path: expected at most ${MAX_PATH} hashes`);
  const path = pathLines.map((line, at) => {
    const hash = decodeBase64(line, HASH_BYTES);
    if (hash === undefined) throw malformed(`path line ${at}: expected base64 of 32 bytes`);
    return hash;
  });
  const checkpoint = text.slice(blank + 2);
  parseCheckpoint(checkpoint);
  return { index, path, checkpoint };
}

export type ProofVerdict =
  | { readonly ok: true; readonly checkpoint: Checkpoint }
  | { readonly ok: false; readonly reason: "signature" | "quorum" | "path" | "malformed"; readonly detail: string };

/** Verifies everything a proof says about `leafHash` against pinned keys. Hostile input gives a verdict, no exception. */
export function verifyProof(
  text: string,
  leafHash: Uint8Array,
  trust: { readonly log: NoteKey; readonly cosigners: readonly NoteKey[]; readonly quorum: number },
): ProofVerdict {
  try {
    const proof = parseProof(text);
    const opened = openCheckpoint(proof.checkpoint, trust.log);
    const quorum = evaluateQuorum(opened, trust.log, trust.cosigners, trust.quorum);
    if (!quorum.reached) {
      return { ok: false, reason: "quorum", detail: `${quorum.valid.length} of ${quorum.needed} cosignatures valid` };
    }
    const { size, root } = opened.checkpoint;
    if (!verifyInclusion({ index: proof.index, size, path: proof.path }, leafHash, root)) {
      return { ok: false, reason: "path", detail: `index ${proof.index} does not lead to the root of size ${size}` };
    }
    return { ok: true, checkpoint: opened.checkpoint };
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    const reason = error.code === "ERR_LOG_NOTE_SIGNATURE" ? "signature" : "malformed";
    return { ok: false, reason, detail: error.message };
  }
}

const malformed = (detail: string): LogError => new LogError("ERR_LOG_PROOF_MALFORMED", `tlog-proof: ${detail}`);
