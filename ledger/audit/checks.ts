/** Every check over a well-formed bundle, in the order of the report. */

import { checkFabricChain, checkFabricValidity } from "./check-fabric.ts";
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
import { checkAgreements, checkDecisions, checkPolicyVersions, checkRequest } from "./check-request.ts";
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
import { type Check, type Evidence, expectSigned } from "./evidence.ts";
import { outputRulesOf } from "./output-rules.ts";
import type { CheckId } from "./report.ts";

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

export const EVIDENCE_CHECKS: Readonly<Record<Exclude<CheckId, FormCheck>, Check>> = Object.freeze({
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

/** Checks that a computation of this kind does not have. */
export function notApplicable({ body, opened, trust }: Evidence): ReadonlyMap<CheckId, string> {
  const none = new Map<CheckId, string>();
  if (trust.file.fabric === undefined) {
    for (const id of ["fabric-chain", "fabric-validity"] as const) none.set(id, "the ledger is not on Fabric");
  } else {
    none.set("checkpoints", "the ledger is on Fabric");
  }
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
