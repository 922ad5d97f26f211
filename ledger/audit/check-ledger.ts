/** Is every record really on this network's ledger, in this order, signed by its author? */
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import type { Checkpoint } from "../log/checkpoint.ts";
import { verifyInclusion } from "../log/proofs.ts";
import { expectOnFabric } from "./check-fabric.ts";
import {
  type AgreedEvidence,
  type Check,
  type CheckOf,
  expectSigned,
  leafHash,
  type RecordEvidence,
} from "./evidence.ts";
import type { Findings } from "./problems.ts";

export const checkNetwork: CheckOf<RecordEvidence> = ({ body, trust, records, named }, findings) => {
  const expected = trust.file.network;
  const expectNetwork = (got: string, where: string) =>
    findings.expect(got === expected, where, "network-mismatch", { expected, got });
  expectNetwork(body.network, "/body/network");
  for (const { network, where } of named) expectNetwork(network, where);
  const { found, admissions } = body.members;
  expectNetwork(found.transaction.statement.body.network, "/body/members/found/transaction/statement/body/network");
  findings.expect(found.position === 0, "/body/members/found/position", "order", { expected: 0, got: found.position });
  for (const [at, { transaction }] of admissions.entries()) {
    const { application } = transaction.statement.body;
    const where = `/body/members/admissions/${at}/transaction/statement/body/application/statement/network`;
    expectNetwork(application.statement.network, where);
  }
  for (const { where, record } of records) {
    expectNetwork(record.transaction.statement.network, `${where}/transaction/statement/network`);
  }
};

export const checkCheckpoints: CheckOf<RecordEvidence> = ({ body, trust, records }, findings) => {
  const roots = new Map<number, string>();
  const remember = ({ size, root }: Checkpoint, where: string) => {
    const hash = Buffer.from(root).toString("base64");
    const known = roots.get(size);
    findings.expect(known === undefined || known === hash, where, "checkpoint-conflict", { size });
    roots.set(size, hash);
  };
  if (trust.pinned !== undefined) remember(trust.pinned, "/body/checkpoints");
  for (const [at, note] of body.checkpoints.entries()) {
    const where = `/body/checkpoints/${at}`;
    const opened = trust.openCheckpoint(note);
    if (opened.ok) remember(opened.signed.checkpoint, where);
    findings.expect(opened.ok, where, opened.ok ? "checkpoint-malformed" : opened.code, opened.ok ? {} : opened.values);
    const used = records.some(({ record: { proof } }) => proof.kind === "tlog" && proof.checkpoint === at);
    findings.expect(used, where, "checkpoint-unused");
    findings.expect(body.checkpoints.indexOf(note) === at, where, "checkpoint-unused");
  }
};

export const checkInclusion: CheckOf<RecordEvidence> = (evidence, findings) => {
  const { body, trust, records } = evidence;
  const opened = body.checkpoints.map((note) => trust.openCheckpoint(note));
  const expected = trust.file.fabric === undefined ? "tlog" : "fabric";
  for (const { where, record } of records) {
    const { proof, position } = record;
    if (proof.kind === "fabric" && expected === "fabric") {
      expectOnFabric(evidence, findings, where, record, proof);
      continue;
    }
    if (proof.kind !== "tlog" || expected !== "tlog") {
      findings.fail(`${where}/proof/kind`, "proof-kind", { got: proof.kind });
      continue;
    }
    const checkpoint = opened[proof.checkpoint];
    if (checkpoint === undefined || !checkpoint.ok) {
      findings.fail(`${where}/proof/checkpoint`, "checkpoint-missing", { checkpoint: proof.checkpoint });
      continue;
    }
    const { size, root } = checkpoint.signed.checkpoint;
    const path = decodePath(proof.path);
    const included = path !== undefined && verifyInclusion({ index: position, size, path }, leafHash(record), root);
    findings.expect(included, where, "inclusion", { position, size });
  }
};

/** On Fabric the time is the submitter's; endorsers refuse what is further than a minute from their clocks. */
const FABRIC_SLACK_MS = 2 * 60_000;

/** Each later step at a later position, and ordering times that never run backwards. */
export const checkOrder: Check = (evidence, findings) => {
  expectAgreedOrder(evidence, findings);
  const { opened, keyset, maskset, phase1, phase2, outcome, agreements } = evidence.body;
  const before = beforeIn(findings);
  for (const { record } of agreements) before(record, opened.record, "/opened/record");
  before(opened.record, keyset.record, "/keyset/record");
  before(keyset.record, maskset.record, "/maskset/record");
  if (phase1 !== undefined) {
    before(maskset.record, phase1.closing.record, "/phase1/closing/record");
    before(phase1.closing.record, phase1.counts.record, "/phase1/counts/record");
    before(phase1.counts.record, phase2.record, "/phase2/record");
  }
  before(maskset.record, phase2.record, "/phase2/record");
  before(phase2.record, outcome.record, "/outcome/record");
};

/** Each record at a place of its own, and times that do not run backwards. */
function expectSound({ records, trust }: RecordEvidence, findings: Findings): void {
  const seen = new Map<number, string>();
  for (const { where, record } of records) {
    const twice = seen.get(record.position);
    findings.expect(twice === undefined, `${where}/position`, "position-twice", { position: record.position });
    seen.set(record.position, where);
  }
  const sorted = records.toSorted((a, b) => a.record.position - b.record.position);
  let latest = Number.NEGATIVE_INFINITY;
  const slack = trust.file.fabric === undefined ? 0 : FABRIC_SLACK_MS;
  for (const { where, record } of sorted) {
    const time = Date.parse(record.time);
    if (!findings.expect(!Number.isNaN(time), `${where}/time`, "instant", { got: record.time })) continue;
    findings.expect(time >= latest - slack, `${where}/time`, "time-order", { position: record.position });
    latest = Math.max(latest, time);
  }
}

/** The same, and from registration over request and decision to agreement. */
export function expectAgreedOrder(evidence: AgreedEvidence, findings: Findings): void {
  expectSound(evidence, findings);
  const { body } = evidence;
  const { submitted } = body;
  const before = beforeIn(findings);
  for (const [at, { registered, policy }] of body.assets.entries()) {
    before(registered, submitted.record, "/submitted/record");
    const decision = body.decisions[at]?.record;
    if (policy !== undefined && decision !== undefined) before(policy, decision, `/decisions/${at}/record`);
  }
  for (const [at, { record }] of body.decisions.entries()) {
    before(submitted.record, record, `/decisions/${at}/record`);
    const agreement = body.agreements[at]?.record;
    if (agreement !== undefined) before(record, agreement, `/agreements/${at}/record`);
  }
}

export const beforeIn =
  (findings: Findings) =>
  (earlier: At, later: At, where: string): boolean =>
    findings.expect(earlier.position < later.position, `/body${where}/position`, "order", {
      after: earlier.position,
      got: later.position,
    });

export const checkTransactionSignatures: CheckOf<RecordEvidence> = (evidence, findings) => {
  for (const { where, record } of evidence.records) {
    const { transaction, position } = record;
    const at = { where: `${where}/transaction`, member: transaction.signer, position };
    expectSigned({ evidence, findings }, "transaction", transaction, at);
  }
};

interface At {
  readonly position: number;
}

function decodePath(path: readonly string[]): Uint8Array[] | undefined {
  try {
    return path.map((hash) => fromBase64url(hash, "path", 32));
  } catch {
    return undefined;
  }
}
