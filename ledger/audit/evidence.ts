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

export interface Evidence {
  readonly bundle: EvidenceBundle;
  readonly body: EvidenceBody;
  /** Digest of `body`, worked out once. */
  digest(): string;
  readonly trust: TrustIndex;
  /** The Fabric part, verified once; undefined where there is none or the trust file pins no Fabric network. */
  fabric(): ExaminedFabric | undefined;
  readonly opened: TransactionBody<"computation.open">;
  readonly cohort: readonly CohortEntry[];
  readonly keyset: readonly string[];
  /** What the graph was drawn from; null where it is complete. */
  readonly graph: string | null;
  readonly maskset: readonly string[];
  /** S1: survivors of phase 1 in counted mode, the mask set in registry mode. */
  readonly survivors1: readonly string[];
  readonly survivors2: readonly string[];
  /** Every ledger record of the bundle with its place. */
  readonly records: readonly LocatedRecord[];
  /** Member records as admitted on the ledger, by id; later key rotations are not applied. */
  readonly admitted: ReadonlyMap<string, { readonly record: MemberRecord; readonly position: number }>;
  /** Members that act in the bundle: each must have its admission in it. */
  readonly actors: ReadonlySet<string>;
}

/** `bundle` has passed its schema. */
export function evidenceOf(bundle: EvidenceBundle, trust: TrustIndex): Evidence {
  const { body } = bundle;
  const opened = bodyOf(body.opened);
  const maskset = bodyOf(body.maskset).members;
  const records = recordsOf(body);
  let digest: string | undefined;
  let fabric: ExaminedFabric | undefined;
  return {
    bundle,
    body,
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
    opened,
    cohort: opened.cohort,
    keyset: bodyOf(body.keyset).members,
    graph: seedOf(body),
    maskset,
    survivors1: body.phase1 === undefined ? maskset : signersOf(bodyOf(body.phase1.closing).headers),
    survivors2: signersOf(bodyOf(body.phase2).headers),
    records,
    admitted: admittedOf(body),
    actors: new Set([
      ...records.map(({ record }) => record.transaction.signer),
      ...opened.cohort.map(({ member }) => member),
      opened.coordinator,
      opened.receiver,
      ...(opened.auditor === undefined ? [] : [opened.auditor]),
      trust.sequencerAt(body.opened.record.position),
    ]),
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

export type Check = (evidence: Evidence, findings: Findings) => void;

function recordsOf(body: EvidenceBody): LocatedRecord[] {
  const found: LocatedRecord[] = [];
  const add = (where: string, record: unknown) =>
    found.push({ where: `/body${where}`, record: record as BundleRecord });
  add("/members/found", body.members.found);
  for (const [at, record] of body.members.admissions.entries()) add(`/members/admissions/${at}`, record);
  for (const [at, record] of body.members.rotations.entries()) add(`/members/rotations/${at}`, record);
  for (const [at, { registered, policy }] of body.assets.entries()) {
    add(`/assets/${at}/registered`, registered);
    if (policy !== undefined) add(`/assets/${at}/policy`, policy);
  }
  add("/submitted/record", body.submitted.record);
  for (const [at, { record }] of body.decisions.entries()) add(`/decisions/${at}/record`, record);
  for (const [at, { record }] of body.agreements.entries()) add(`/agreements/${at}/record`, record);
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

function admittedOf({ members }: EvidenceBody): Evidence["admitted"] {
  const { founder } = members.found.transaction.statement.body;
  return new Map([
    [founder.id, { record: founder, position: members.found.position }],
    ...members.admissions.map((admission) => {
      const { member } = admission.transaction.statement.body.application.statement;
      return [member.id, { record: member, position: admission.position }] as const;
    }),
  ]);
}
