/** Puts an evidence bundle together. Assembles only: whether it holds is for `verifyEvidence` to say. */
import { canonicalJson, digestOf } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { type Signed, type SigningIdentity, signStatement } from "../../crypto/suites/signed.ts";
import { formatProof, parseProof } from "../log/proof-text.ts";
import type { LedgerEntry, LedgerProof } from "../port.ts";
import { EVIDENCE_FORMAT, type EvidenceBody, type EvidenceBundle, type ReceiverStatement } from "./bundle.ts";
import type { FabricPart, FabricProof } from "./fabric-bundle.ts";
import { mergeFabric } from "./fabric-parts.ts";
import { JOIN_EVIDENCE_FORMAT, type JoinEvidence, type JoinRunEvidence } from "./join-bundle.ts";
import { QUERY_EVIDENCE_FORMAT, type QueryEvidence } from "./query-bundle.ts";
import type { AnsweredQuery, AskedQuery } from "./query-statements.ts";

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

/** `record` is the `computation.close` entry; `views` are at least q view messages of members of U. */
export interface ClosingPart {
  readonly record: ProvenEntry;
  readonly views: readonly Signed<unknown>[];
}

/** Of a request that was agreed on. */
export interface AgreedParts {
  readonly network: string;
  readonly request: string;
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
}

export interface QueryParts extends AgreedParts {
  readonly policies: readonly unknown[];
  readonly answers: readonly {
    readonly record: ProvenEntry;
    readonly query: AskedQuery;
    readonly answer: AnsweredQuery;
  }[];
}

export interface JoinParts extends AgreedParts {
  readonly policies: readonly unknown[];
  readonly runs: readonly (Pick<JoinRunEvidence, "release" | "sums"> & {
    readonly opened: ProvenEntry;
    readonly committed?: ProvenEntry;
    readonly ended: ProvenEntry;
  })[];
}

export interface EvidenceParts extends AgreedParts {
  readonly computation: string;
  readonly opened: {
    readonly record: ProvenEntry;
    readonly query: SaltedDocument;
    readonly layout: SaltedDocument;
    readonly policy: SaltedDocument;
  };
  readonly keyset: {
    readonly record: ProvenEntry;
    readonly messages: readonly Signed<unknown>[];
    /** Where the graph is drawn from nonces. */
    readonly reveals?: readonly Signed<unknown>[] | undefined;
  };
  readonly maskset: {
    readonly record: ProvenEntry;
    readonly accepts: readonly Signed<unknown>[];
    /** Of holders that withdrew after the key set. */
    readonly refusals: readonly Signed<unknown>[];
  };
  readonly phase1?:
    | {
        readonly closing: ClosingPart;
        readonly counts: { readonly record: ProvenEntry; readonly counts: SaltedDocument };
      }
    | undefined;
  /** Atoms whose values were opened, as in the phase-2 context; bit i = byte[i >> 3] >> (i & 7) & 1, base64url. */
  readonly bitmap: string;
  readonly phase2: ClosingPart;
  readonly outcome:
    | {
        readonly kind: "released";
        readonly record: ProvenEntry;
        readonly result: SaltedDocument;
        /** Its opening, and every word. */
        readonly review?: { readonly opened: ProvenEntry; readonly words: readonly ProvenEntry[] } | undefined;
      }
    | { readonly kind: "withheld"; readonly record: ProvenEntry };
}

/** `receiver` signs the bundle; `transcript` is the digest of the transcript it keeps; `time` comes from its clock. */
export function buildEvidence(
  parts: EvidenceParts,
  receiver: SigningIdentity,
  { transcript, time }: { readonly transcript: string; readonly time: string },
): EvidenceBundle {
  const checkpoints: string[] = [];
  const fabric: FabricPart[] = [];
  const record = (proven: ProvenEntry) => recordFrom(proven, checkpoints, fabric);
  const closing = ({ record: close, views }: ClosingPart) => ({ record: record(close), views: bySigner(views) });
  const { opened, keyset, maskset, phase1, outcome } = parts;
  const body = {
    format: EVIDENCE_FORMAT,
    computation: parts.computation,
    ...agreedFrom(parts, record),
    opened: { ...opened, record: record(opened.record) },
    keyset: {
      record: record(keyset.record),
      messages: bySigner(keyset.messages),
      ...(keyset.reveals === undefined ? {} : { reveals: bySigner(keyset.reveals) }),
    },
    maskset: {
      record: record(maskset.record),
      accepts: bySigner(maskset.accepts),
      refusals: bySigner(maskset.refusals),
    },
    ...(phase1 === undefined
      ? {}
      : {
          phase1: {
            closing: closing(phase1.closing),
            counts: { record: record(phase1.counts.record), counts: phase1.counts.counts },
          },
        }),
    bitmap: parts.bitmap,
    phase2: closing(parts.phase2),
    outcome: { ...outcome, ...reviewFrom(outcome, record), record: record(outcome.record) },
    checkpoints,
    ...(fabric.length === 0 ? {} : { fabric: mergeFabric(fabric) }),
  } as unknown as EvidenceBody;
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

/** Nobody signs it: everything in it is on the ledger, or signed by the side whose word it is. */
export function buildQueryEvidence(parts: QueryParts): QueryEvidence {
  const checkpoints: string[] = [];
  const fabric: FabricPart[] = [];
  const record = (proven: ProvenEntry) => recordFrom(proven, checkpoints, fabric);
  const body = {
    format: QUERY_EVIDENCE_FORMAT,
    ...agreedFrom(parts, record),
    policies: parts.policies,
    answers: parts.answers.map(({ query, answer, ...part }) => ({ record: record(part.record), query, answer })),
    checkpoints,
    ...(fabric.length === 0 ? {} : { fabric: mergeFabric(fabric) }),
  } as unknown as QueryEvidence["body"];
  return { body };
}

/** As buildQueryEvidence. */
export function buildJoinEvidence(parts: JoinParts): JoinEvidence {
  const checkpoints: string[] = [];
  const fabric: FabricPart[] = [];
  const record = (proven: ProvenEntry) => recordFrom(proven, checkpoints, fabric);
  const body = {
    format: JOIN_EVIDENCE_FORMAT,
    ...agreedFrom(parts, record),
    policies: parts.policies,
    runs: parts.runs.map(({ opened, committed, ended, ...told }) => ({
      opened: record(opened),
      ...(committed === undefined ? {} : { committed: record(committed) }),
      ended: record(ended),
      ...told,
    })),
    checkpoints,
    ...(fabric.length === 0 ? {} : { fabric: mergeFabric(fabric) }),
  } as unknown as JoinEvidence["body"];
  return { body };
}

function agreedFrom(parts: AgreedParts, record: (proven: ProvenEntry) => unknown) {
  const { members, submitted } = parts;
  return {
    network: parts.network,
    request: parts.request,
    members: {
      found: record(members.found),
      admissions: byPosition(members.admissions).map(record),
      rotations: byPosition(members.rotations).map(record),
    },
    assets: parts.assets.map(({ registered, policy }) => ({
      registered: record(registered),
      ...(policy === undefined ? {} : { policy: record(policy) }),
    })),
    submitted: { record: record(submitted.record), request: submitted.request },
    decisions: parts.decisions.map((part) => ({ record: record(part.record), explanation: part.explanation })),
    agreements: parts.agreements.map((part) => ({ record: record(part.record), document: part.document })),
  };
}

function reviewFrom(outcome: EvidenceParts["outcome"], record: (proven: ProvenEntry) => unknown): object {
  if (outcome.kind === "withheld" || outcome.review === undefined) return {};
  const { opened, words } = outcome.review;
  return { review: { opened: { record: record(opened) }, words: words.map((word) => ({ record: record(word) })) } };
}

/** The text of a bundle file. */
export const encodeEvidence = (bundle: EvidenceBundle | QueryEvidence | JoinEvidence): string =>
  `${canonicalJson(bundle)}\n`;

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

const bySigner = (all: readonly Signed<unknown>[]) => all.toSorted((a, b) => (a.signer < b.signer ? -1 : 1));
const byPosition = (all: readonly ProvenEntry[]) => all.toSorted((a, b) => a.entry.position - b.entry.position);

/** The entry as the bundle keeps it; its checkpoint is added to `checkpoints` unless it is there, its blocks to `fabric`. */
function recordFrom({ entry, proof }: ProvenEntry, checkpoints: string[], fabric: FabricPart[]): unknown {
  const { position, time, transaction } = entry;
  if (proof.kind === "fabric") {
    const { part, place } = proof.proof as FabricProof;
    fabric.push(part);
    return { position, time, transaction, proof: { kind: "fabric", ...place } };
  }
  const { path, checkpoint } = parseProof(proof.proof);
  if (!checkpoints.includes(checkpoint)) checkpoints.push(checkpoint);
  const at = checkpoints.indexOf(checkpoint);
  return { position, time, transaction, proof: { kind: "tlog", checkpoint: at, path: path.map(toBase64url) } };
}
