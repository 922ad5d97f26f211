/** One bundle under examination: its typed body, the pinned facts, and short names for what many checks need. */
import type { CohortEntry, MemberRecord, TransactionBody } from "../../chaincode/rules/transactions.ts";
import { canonicalJson, digestOf, saltedDigest } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { hashLeafText } from "../../crypto/suites/merkle.ts";
import type { Signed, SigningDomain } from "../../crypto/suites/signed.ts";
import { leafHashOf } from "../log/leaf.ts";
import { appendLeaf, EMPTY_RANGE, rootOf } from "../log/tree.ts";
import type { SignedTransaction } from "../port.ts";
import type { EvidenceBody, EvidenceBundle, RecordProof } from "./bundle.ts";
import { openingContext } from "./contexts.ts";
import { type ExaminedFabric, examineFabric } from "./examined-fabric.ts";
import { graphSeed } from "./graph.ts";
import type { Findings } from "./problems.ts";
import { signatureProblem, type TrustIndex } from "./trust-index.ts";

/** Any ledger record of the bundle, whatever its type. */
export interface BundleRecord {
  readonly position: number;
  readonly time: string;
  readonly transaction: SignedTransaction;
  readonly proof: RecordProof;
}

export interface LocatedRecord {
  /** JSON pointer. */
  readonly where: string;
  readonly record: BundleRecord;
}

/** What is examined of every bundle, whatever it is evidence of: members, ledger records, and where these stand. */
export interface RecordEvidence {
  readonly body: Pick<EvidenceBody, "network" | "checkpoints" | "members" | "fabric">;
  /** What besides the body and the records names the network. */
  readonly named: readonly { readonly where: string; readonly network: string }[];
  /** Digest of `body`, worked out once. */
  digest(): string;
  readonly trust: TrustIndex;
  /** The Fabric part, verified once; undefined where there is none or the trust file pins no Fabric network. */
  fabric(): ExaminedFabric | undefined;
  /** Every ledger record of the bundle with its place. */
  readonly records: readonly LocatedRecord[];
  /** Position of the record that the bundle ends with: every key until then has its record. */
  readonly last: number;
  /** Member records as admitted on the ledger, by id; later key rotations are not applied. */
  readonly admitted: ReadonlyMap<string, { readonly record: MemberRecord; readonly position: number }>;
  /** Members that act in the bundle: each must have its admission in it. */
  readonly actors: ReadonlySet<string>;
}

/** A bundle about a request that was agreed on. */
export interface AgreedEvidence extends RecordEvidence {
  readonly body: RecordEvidence["body"] &
    Pick<EvidenceBody, "request" | "submitted" | "assets" | "decisions" | "agreements">;
  /** Whose agreements were used, in the order of the lists. */
  readonly cohort: readonly Pick<CohortEntry, "member" | "asset" | "assetVersion" | "agreement">[];
  /** The policies that were decided under, in the same order. */
  readonly policies: { readonly where: string; readonly documents: readonly unknown[] };
  /** Instants at which every agreement had to stand. */
  readonly usedAt: readonly string[];
}

/** A bundle about a computation. */
export interface Evidence extends AgreedEvidence {
  readonly bundle: EvidenceBundle;
  readonly body: EvidenceBody;
  readonly opened: TransactionBody<"computation.open">;
  readonly cohort: readonly CohortEntry[];
  readonly keyset: readonly string[];
  /** What the graph was drawn from; null where it is complete. */
  readonly graph: string | null;
  readonly maskset: readonly string[];
  /** S1: survivors of phase 1 in counted mode, the mask set in registry mode. */
  readonly survivors1: readonly string[];
  readonly survivors2: readonly string[];
}

/** What follows from the records alone. */
export function recordEvidence<B extends RecordEvidence["body"]>(
  body: B,
  trust: TrustIndex,
  {
    records,
    named,
    last,
    actors,
  }: Pick<RecordEvidence, "records" | "named" | "last"> & {
    readonly actors: readonly string[];
  },
): RecordEvidence & { readonly body: B } {
  let digest: string | undefined;
  let fabric: ExaminedFabric | undefined;
  return {
    body,
    named,
    digest() {
      digest ??= digestOf(body);
      return digest;
    },
    trust,
    fabric() {
      const pinned = trust.file.fabric;
      if (body.fabric !== undefined && pinned !== undefined) fabric ??= examineFabric(body.fabric, pinned);
      return fabric;
    },
    records,
    last,
    admitted: admittedOf(body),
    actors: new Set([...records.map(({ record }) => record.transaction.signer), ...actors]),
  };
}

/** `bundle` has passed its schema. */
export function evidenceOf(bundle: EvidenceBundle, trust: TrustIndex): Evidence {
  const { body } = bundle;
  const opened = bodyOf(body.opened);
  const maskset = bodyOf(body.maskset).members;
  const records = recordsOf(body);
  const named = [{ where: "/statement/statement/network", network: bundle.statement.statement.network }];
  const actors = [
    ...opened.cohort.map(({ member }) => member),
    opened.coordinator,
    opened.receiver,
    ...(opened.auditor === undefined ? [] : [opened.auditor]),
    trust.sequencerAt(body.opened.record.position),
  ];
  return {
    ...recordEvidence(body, trust, { records, named, last: body.outcome.record.position, actors }),
    bundle,
    opened,
    cohort: opened.cohort,
    policies: { where: "/body/opened/policy/document/policies", documents: body.opened.policy.document.policies },
    usedAt: [body.opened.record.time, opened.deadlines.contribution2],
    keyset: bodyOf(body.keyset).members,
    graph: seedOf(body),
    maskset,
    survivors1: body.phase1 === undefined ? maskset : signersOf(bodyOf(body.phase1.closing).headers),
    survivors2: signersOf(bodyOf(body.phase2).headers),
  };
}

function seedOf({ opened, keyset }: EvidenceBody): string | null {
  if (keyset.reveals === undefined) return null;
  const nonces = keyset.reveals.map((reveal) => reveal.statement.body.nonce);
  return graphSeed(openingContext(bodyOf(opened)), bodyOf(keyset), nonces);
}

/** Body of the transaction of one step. */
export const bodyOf = <B>(step: {
  readonly record: { readonly transaction: { readonly statement: { readonly body: B } } };
}): B => step.record.transaction.statement.body;

export const signersOf = (all: readonly { readonly signer: string }[]): readonly string[] =>
  all.map(({ signer }) => signer);

/** Digest of a document as the ledger records it; undefined for a salt that is not 32 bytes. */
export function saltedDigestOf({ document, salt }: { readonly document: unknown; readonly salt: string }) {
  try {
    return saltedDigest(fromBase64url(salt, "salt", 32), document);
  } catch {
    return undefined;
  }
}

/** RFC 6962 root over the canonical texts of signed statements, as the rounds record it. */
export const statementsRoot = (statements: readonly unknown[]): string =>
  toBase64url(
    rootOf(
      statements.reduce<typeof EMPTY_RANGE>(
        (range, statement) => appendLeaf(range, hashLeafText(canonicalJson(statement))).range,
        EMPTY_RANGE,
      ),
    ),
  );

export function expectSalted(
  findings: Findings,
  where: string,
  document: { readonly document: unknown; readonly salt: string },
  digest: string,
): boolean {
  return findings.expect(saltedDigestOf(document) === digest, where, "salted-digest", { expected: digest });
}

/** Checks a signature of `member` at a ledger position and records why it is not good enough. */
export function expectSigned(
  { evidence, findings }: { readonly evidence: Pick<Evidence, "trust">; readonly findings: Findings },
  domain: SigningDomain,
  signed: Signed<unknown>,
  at: { readonly where: string; readonly member: string; readonly position: number },
): boolean {
  const problem = signatureProblem(evidence.trust, domain, signed, at);
  return findings.expect(problem === undefined, at.where, problem?.code ?? "signature", problem?.values);
}

/** True when `members` ascends, repeats nobody and stays within `allowed`. */
export function isAscendingSubset(members: readonly string[], allowed: readonly string[]): boolean {
  const known = new Set(allowed);
  return members.every((member, at) => known.has(member) && (at === 0 || (members[at - 1] ?? "") < member));
}

export const sameList = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, at) => item === b[at]);

export const sameJson = (a: unknown, b: unknown): boolean => digestOf(a) === digestOf(b);

export const leafHash = (record: BundleRecord): Uint8Array => leafHashOf(record);

export type CheckOf<E> = (evidence: E, findings: Findings) => void;
export type Check = CheckOf<Evidence>;

/** Of members, and of the request's life until its agreements. */
export function agreedRecordsOf({
  members,
  assets,
  submitted,
  decisions,
  agreements,
}: AgreedEvidence["body"]): LocatedRecord[] {
  const found: LocatedRecord[] = [];
  const add = (where: string, record: unknown) =>
    found.push({ where: `/body${where}`, record: record as BundleRecord });
  add("/members/found", members.found);
  for (const [at, record] of members.admissions.entries()) add(`/members/admissions/${at}`, record);
  for (const [at, record] of members.rotations.entries()) add(`/members/rotations/${at}`, record);
  for (const [at, { registered, policy }] of assets.entries()) {
    add(`/assets/${at}/registered`, registered);
    if (policy !== undefined) add(`/assets/${at}/policy`, policy);
  }
  add("/submitted/record", submitted.record);
  for (const [at, { record }] of decisions.entries()) add(`/decisions/${at}/record`, record);
  for (const [at, { record }] of agreements.entries()) add(`/agreements/${at}/record`, record);
  return found;
}

function recordsOf(body: EvidenceBody): LocatedRecord[] {
  const found = agreedRecordsOf(body);
  const add = (where: string, record: unknown) =>
    found.push({ where: `/body${where}`, record: record as BundleRecord });
  add("/opened/record", body.opened.record);
  add("/keyset/record", body.keyset.record);
  add("/maskset/record", body.maskset.record);
  if (body.phase1 !== undefined) {
    add("/phase1/closing/record", body.phase1.closing.record);
    add("/phase1/counts/record", body.phase1.counts.record);
  }
  add("/phase2/record", body.phase2.record);
  const review = body.outcome.kind === "released" ? body.outcome.review : undefined;
  if (review !== undefined) add("/outcome/review/opened/record", review.opened.record);
  for (const [at, { record }] of review?.words.entries() ?? []) add(`/outcome/review/words/${at}/record`, record);
  add("/outcome/record", body.outcome.record);
  return found;
}

function admittedOf({ members }: RecordEvidence["body"]): RecordEvidence["admitted"] {
  const { founder } = members.found.transaction.statement.body;
  return new Map([
    [founder.id, { record: founder, position: members.found.position }],
    ...members.admissions.map((admission) => {
      const { member } = admission.transaction.statement.body.application.statement;
      return [member.id, { record: member, position: admission.position }] as const;
    }),
  ]);
}
