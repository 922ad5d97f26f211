/** Every check over a well-formed bundle, in the order of the report. */

import { checkFabricChain, checkFabricValidity } from "./check-fabric.ts";
import { checkJoinFigures, checkJoinLimit, checkJoinOrder, checkJoins, type ExaminedJoins } from "./check-joins.ts";
import {
  checkCheckpoints,
  checkInclusion,
  checkNetwork,
  checkOrder,
  checkTransactionSignatures,
} from "./check-ledger.ts";
import { checkMembers } from "./check-members.ts";
import { checkCohort, checkConstants, checkOpenedDocuments, checkReceiverKey, checkRoles } from "./check-opening.ts";
import { checkPrivacy, statedPrivacy } from "./check-privacy.ts";
import { checkAnswerLimit, checkAnswers, checkQueryOrder, type ExaminedQueries } from "./check-queries.ts";
import { checkAgreements, checkDecisions, checkPolicyVersions, checkRequest, checkSubmitted } from "./check-request.ts";
import { checkRelease, checkResultShape, checkWithheldCells } from "./check-result.ts";
import { checkReview } from "./check-review.ts";
import {
  checkClose1,
  checkClose2,
  checkCounts,
  checkKeyset,
  checkMaskset,
  checkViews1,
  checkViews2,
} from "./check-rounds.ts";
import { type Check, type CheckOf, type Evidence, expectSigned, type RecordEvidence } from "./evidence.ts";
import { outputRulesOf } from "./output-rules.ts";
import type { CHECKS, CheckId, JOIN_CHECKS, QUERY_CHECKS } from "./report.ts";

const checkReceiverStatement: Check = (evidence, findings) => {
  const { bundle, body, opened, trust } = evidence;
  const { statement } = bundle.statement;
  const where = "/statement/statement";
  const evidenceDigest = evidence.digest();
  findings.expect(statement.evidence === evidenceDigest, `${where}/evidence`, "digest-mismatch", {
    expected: statement.evidence,
    got: evidenceDigest,
  });
  for (const name of ["request", "computation"] as const) {
    findings.expect(statement[name] === body[name], `${where}/${name}`, "names-other", { got: statement[name] });
  }
  // A statement may be made long after the release, under a later key; under a revoked one never.
  const at = { where: "/statement", member: opened.receiver, position: Number.MAX_SAFE_INTEGER };
  expectSigned({ evidence: { trust }, findings }, "result", bundle.statement, at);
};

/** Checks on the form of the two files, before there is any evidence to look at. */
export type FormCheck = "trust-format" | "bundle-encoding" | "bundle-format";

export const EVIDENCE_CHECKS: Readonly<Record<Exclude<(typeof CHECKS)[number], FormCheck>, Check>> = Object.freeze({
  "receiver-statement": checkReceiverStatement,
  network: checkNetwork,
  checkpoints: checkCheckpoints,
  "fabric-chain": checkFabricChain,
  "fabric-validity": checkFabricValidity,
  inclusion: checkInclusion,
  order: checkOrder,
  members: checkMembers,
  "transaction-signatures": checkTransactionSignatures,
  request: checkRequest,
  decisions: checkDecisions,
  "policy-versions": checkPolicyVersions,
  agreements: checkAgreements,
  "opened-documents": checkOpenedDocuments,
  cohort: checkCohort,
  roles: checkRoles,
  constants: checkConstants,
  "receiver-key": checkReceiverKey,
  keyset: checkKeyset,
  maskset: checkMaskset,
  "close-1": checkClose1,
  "views-1": checkViews1,
  counts: checkCounts,
  "close-2": checkClose2,
  "views-2": checkViews2,
  review: checkReview,
  privacy: checkPrivacy,
  release: checkRelease,
  "result-shape": checkResultShape,
  "withheld-cells": checkWithheldCells,
});

/** Of a request that was agreed on, whatever came of it. */
const CHECKS_OF_AGREEMENTS = Object.freeze({
  network: checkNetwork,
  checkpoints: checkCheckpoints,
  "fabric-chain": checkFabricChain,
  "fabric-validity": checkFabricValidity,
  inclusion: checkInclusion,
  members: checkMembers,
  "transaction-signatures": checkTransactionSignatures,
  request: checkSubmitted,
  decisions: checkDecisions,
  "policy-versions": checkPolicyVersions,
  agreements: checkAgreements,
});

export const CHECKS_OF_QUERIES: Readonly<
  Record<Exclude<(typeof QUERY_CHECKS)[number], FormCheck>, CheckOf<ExaminedQueries>>
> = Object.freeze({
  ...CHECKS_OF_AGREEMENTS,
  order: checkQueryOrder,
  answers: checkAnswers,
  "answer-limit": checkAnswerLimit,
});

export const CHECKS_OF_JOINS: Readonly<
  Record<Exclude<(typeof JOIN_CHECKS)[number], FormCheck>, CheckOf<ExaminedJoins>>
> = Object.freeze({
  ...CHECKS_OF_AGREEMENTS,
  order: checkJoinOrder,
  joins: checkJoins,
  "join-limit": checkJoinLimit,
  "join-figures": checkJoinFigures,
});

/** Checks of the ledger that is not the one there is. */
export function otherLedger({ trust }: RecordEvidence): Map<CheckId, string> {
  if (trust.file.fabric !== undefined) return new Map([["checkpoints", "the ledger is on Fabric"]]);
  return new Map(
    ["fabric-chain" as const, "fabric-validity" as const].map((id) => [id, "the ledger is not on Fabric"]),
  );
}

/** Checks that a computation of this kind does not have. */
export function notApplicable(evidence: Evidence): ReadonlyMap<CheckId, string> {
  const { body, opened } = evidence;
  const none = otherLedger(evidence);
  if (opened.cells.mode === "registry" && body.phase1 === undefined) {
    for (const id of ["close-1", "views-1", "counts"] as const) none.set(id, "registry mode has no phase 1");
  }
  const isReviewed = outputRulesOf(body.opened.policy.document.policies)?.review !== undefined;
  if (!isReviewed && opened.review === undefined) none.set("review", "no policy wants a review");
  const isNoised = statedPrivacy(body.opened.policy.document.policies).length > 0;
  if (!isNoised && opened.privacy === undefined) none.set("privacy", "no policy wants noise");
  if (body.outcome.kind === "withheld") {
    for (const id of ["result-shape", "withheld-cells"] as const) none.set(id, "nothing was released");
  }
  return none;
}
