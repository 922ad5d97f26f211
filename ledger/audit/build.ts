/** Puts an evidence bundle together. Assembles only: whether it holds is for `verifyEvidence` to say. */
import { canonicalJson, digestOf } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { type Signed, type SigningIdentity, signStatement } from "../../crypto/suites/signed.ts";
import { parseCheckpoint } from "../log/checkpoint.ts";
import { formatProof, parseProof } from "../log/proof-text.ts";
import type { LedgerEntry, LedgerProof } from "../port.ts";
import { EVIDENCE_FORMAT, type EvidenceBody, type EvidenceBundle, type ReceiverStatement } from "./bundle.ts";

/** A ledger entry and what `Ledger.prove(entry.position)` answered. */
export interface ProvenEntry {
  readonly entry: LedgerEntry;
  readonly proof: LedgerProof;
}
export interface SaltedDocument<D = unknown> {
  readonly document: D;
  /** base64url. */
  readonly salt: string;
}

export interface EvidenceParts {
  readonly network: string;
  readonly request: string;
  readonly computation: string;
  readonly members: {
    readonly found: ProvenEntry;
    readonly admissions: readonly ProvenEntry[];
    readonly rotations: readonly ProvenEntry[];
  };
  readonly assets: readonly { readonly registered: ProvenEntry; readonly policy?: ProvenEntry | undefined }[];
  /** `request.document` is the signed data request. */
  readonly submitted: { readonly record: ProvenEntry; readonly request: SaltedDocument };
  readonly decisions: readonly { readonly record: ProvenEntry; readonly explanation: SaltedDocument }[];
  readonly agreements: readonly { readonly record: ProvenEntry; readonly document: unknown }[];
  readonly opened: {
    readonly record: ProvenEntry;
    readonly query: SaltedDocument;
    readonly layout: SaltedDocument;
    readonly policy: SaltedDocument;
  };
  readonly keyset: { readonly record: ProvenEntry; readonly messages: readonly Signed<unknown>[] };
  readonly maskset: { readonly record: ProvenEntry; readonly accepts: readonly Signed<unknown>[] };
  readonly phase1?:
    | {
        readonly closing: { readonly record: ProvenEntry; readonly views: readonly Signed<unknown>[] };
        readonly counts: { readonly record: ProvenEntry; readonly counts: SaltedDocument };
      }
    | undefined;
  readonly phase2: { readonly record: ProvenEntry; readonly views: readonly Signed<unknown>[] };
  readonly outcome:
    | { readonly kind: "released"; readonly record: ProvenEntry; readonly result: SaltedDocument }
    | { readonly kind: "withheld"; readonly record: ProvenEntry };
}

/** `receiver` signs the bundle; `transcript` is the digest of the transcript it keeps; `time` comes from its clock. */
export function buildEvidence(
  parts: EvidenceParts,
  receiver: SigningIdentity,
  { transcript, time }: { readonly transcript: string; readonly time: string },
): EvidenceBundle {
  const notes = checkpointsOf(parts);
  const body = {
    format: EVIDENCE_FORMAT,
    checkpoints: notes,
    ...(withRecords(parts, notes) as object),
  } as EvidenceBody;
  const statement: ReceiverStatement = {
    format: "sealane/receiver-statement/v1",
    network: parts.network,
    request: parts.request,
    computation: parts.computation,
    evidence: digestOf(body),
    transcript,
    time,
  };
  return { body, statement: signStatement(receiver, "result", statement) };
}

/** The text of a bundle file. */
export const encodeEvidence = (bundle: EvidenceBundle): string => `${canonicalJson(bundle)}\n`;

/** A record of the bundle as a stand-alone c2sp.org/tlog-proof@v1 text, for third-party verifiers. */
export function tlogProofOf(
  checkpoints: readonly string[],
  record: { readonly position: number; readonly proof: EvidenceBody["maskset"]["record"]["proof"] },
): string | undefined {
  if (record.proof.kind !== "tlog") return undefined;
  const checkpoint = checkpoints[record.proof.checkpoint];
  if (checkpoint === undefined) return undefined;
  const path = record.proof.path.map((hash) => fromBase64url(hash, "path", 32));
  return formatProof({ index: record.position, path, checkpoint });
}

const isProven = (value: object): value is ProvenEntry => "entry" in value && "proof" in value;

/** Every distinct checkpoint of the tlog proofs, once, ascending by size. */
function checkpointsOf(parts: EvidenceParts): string[] {
  const sizes = new Map<string, number>();
  visit(parts);
  return [...sizes].sort((a, b) => a[1] - b[1]).map(([note]) => note);

  function visit(value: unknown): void {
    if (value === null || typeof value !== "object") return;
    if (!isProven(value)) {
      Object.values(value).forEach(visit);
    } else if (value.proof.kind === "tlog") {
      const { checkpoint } = parseProof(value.proof.proof);
      if (!sizes.has(checkpoint)) sizes.set(checkpoint, parseCheckpoint(checkpoint).checkpoint.size);
    }
  }
}

/** `parts` with every proven entry in the form the bundle keeps; documents are left as they are. */
function withRecords(value: unknown, notes: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => withRecords(item, notes));
  if (value === null || typeof value !== "object") return value;
  if (isProven(value)) return recordFrom(value, notes);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([name, item]) => [
        name,
        name === "document" || name === "views" || name === "messages" || name === "accepts"
          ? item
          : withRecords(item, notes),
      ]),
  );
}

function recordFrom({ entry, proof }: ProvenEntry, notes: readonly string[]): unknown {
  const { position, time, transaction } = entry;
  if (proof.kind !== "tlog") return { position, time, transaction, proof };
  const { path, checkpoint } = parseProof(proof.proof);
  return {
    position,
    time,
    transaction,
    proof: { kind: "tlog", checkpoint: notes.indexOf(checkpoint), path: path.map((hash) => toBase64url(hash)) },
  };
}
