/** What was opened: the documents, the cohort, the roles, the constants and the receiver's per-request key. */
import { atomCount } from "../../chaincode/rules/cells.ts";
import { homomorphicSet, sumsFit } from "../../chaincode/rules/homomorphic.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import {
  bodyOf,
  type Check,
  type Evidence,
  expectSalted,
  expectSigned,
  isAscendingSubset,
  sameJson,
  sameList,
} from "./evidence.ts";
import { graphKind, NEIGHBOUR_THRESHOLD } from "./graph.ts";
import type { Findings } from "./problems.ts";

export const checkOpenedDocuments: Check = ({ body, opened, cohort }, findings) => {
  const { query, layout, policy } = body.opened;
  expectSalted(findings, "/body/opened/query", query, opened.queryDigest);
  expectSalted(findings, "/body/opened/layout", layout, opened.layoutDigest);
  expectSalted(findings, "/body/opened/policy", policy, opened.policyDigest);
  const asked = body.submitted.request.document.statement.query;
  findings.expect(sameJson(query.document, asked), "/body/opened/query/document", "request-mismatch");
  const where = "/body/opened/layout/document";
  const { layout: shape, assets } = layout.document;
  findings.expect(sameMeasures(shape.query, asked), `${where}/layout/query`, "layout-mismatch");
  findings.expect(sameJson(shape.dimensions, opened.cells.dimensions), `${where}/layout/dimensions`, "layout-mismatch");
  const atoms = atomCount(opened.cells.dimensions);
  findings.expect(shape.atoms === atoms, `${where}/layout/atoms`, "layout-mismatch", {
    expected: atoms,
    got: shape.atoms,
  });
  const sizes = shape.dimensions.map(({ size }) => size);
  const domains = shape.domains.map(({ codes }) => codes.length);
  findings.expect(sameList(sizes, domains), `${where}/layout/domains`, "layout-mismatch");
  const words = shape.components.reduce((sum, component) => sum + component.words * (component.count ?? 1), 0);
  findings.expect(shape.wordsPerAtom === words, `${where}/layout/wordsPerAtom`, "layout-mismatch", {
    expected: words,
    got: shape.wordsPerAtom,
  });
  findings.expect(shape.assets.length === cohort.length, `${where}/layout/assets`, "count-mismatch");
  findings.expect(assets.length === cohort.length, `${where}/assets`, "count-mismatch");
  // A cohort ascends by member and a layout by asset: "a" and "a-b" stand the other way round with ":" after them.
  const names = shape.assets.map(({ asset }) => asset);
  for (const [at, { asset, assetVersion }] of cohort.entries()) {
    const position = names.indexOf(asset);
    const listed = shape.assets[position];
    const metadata = assets[at];
    const registration = body.assets[at]?.registered.transaction.statement.body;
    const whichOne = position === -1 ? `${where}/layout/assets` : `${where}/layout/assets/${position}`;
    findings.expect(listed?.version === assetVersion, whichOne, "asset-mismatch", { expected: asset });
    findings.expect(listed?.metadata === registration?.metadataDigest, whichOne, "metadata-digest");
    const digest = metadata === undefined ? undefined : digestOf(metadata);
    findings.expect(digest === registration?.metadataDigest, `${where}/assets/${at}`, "metadata-digest", {
      expected: registration?.metadataDigest ?? "",
    });
  }
};

/** Ascending members, one per holding group, each as the registry on the ledger describes it, each with its asset. */
export const checkCohort: Check = ({ cohort, admitted, body }, findings) => {
  const where = "/body/opened/record/transaction/statement/body/cohort";
  const members = cohort.map(({ member }) => member);
  findings.expect(isAscendingSubset(members, members), where, "cohort-order");
  const requested = new Set(bodyOf(body.submitted).assets);
  const groups = new Set<string>();
  const domains = new Set<string>();
  for (const [at, entry] of cohort.entries()) {
    const group = admitted.get(entry.member)?.record.holdingGroup;
    findings.expect(entry.holdingGroup === group, `${where}/${at}/holdingGroup`, "holding-group", {
      expected: group ?? "",
      got: entry.holdingGroup,
    });
    findings.expect(!groups.has(entry.holdingGroup), `${where}/${at}/holdingGroup`, "holding-group", {
      got: entry.holdingGroup,
    });
    groups.add(entry.holdingGroup);
    const own = entry.asset.startsWith(`${entry.member}:`) && requested.has(entry.asset);
    findings.expect(own, `${where}/${at}/asset`, "asset-mismatch", { got: entry.asset });
    const domain = body.assets[at]?.registered.transaction.statement.body.unitDomain ?? "";
    findings.expect(!domains.has(domain), `/body/assets/${at}`, "asset-mismatch", { unitDomain: domain });
    domains.add(domain);
  }
};

/** Who may hold which role beside which (secure-aggregation.md sections 1 and 2). */
export const checkRoles: Check = ({ body, opened, cohort, admitted, trust }, findings) => {
  const where = "/body/opened/record/transaction/statement/body";
  const requester = body.submitted.record.transaction.signer;
  const sequencer = trust.sequencerAt(body.opened.record.position);
  const groupOf = (member: string) => admitted.get(member)?.record.holdingGroup;
  const apart = (holds: boolean, field: string, roles: string) =>
    findings.expect(holds, `${where}/${field}`, "role-separation", { roles });
  const groups = new Set(cohort.map(({ holdingGroup }) => holdingGroup));
  for (const [role, member] of Object.entries({
    coordinator: opened.coordinator,
    receiver: opened.receiver,
    requester,
    sequencer,
  })) {
    const group = groupOf(member);
    apart(group !== undefined && !groups.has(group), "cohort", `${role} ${member} beside the cohort`);
  }
  const receiverGroup = groupOf(opened.receiver);
  apart(groupOf(opened.coordinator) !== receiverGroup, "coordinator", "coordinator and receiver");
  if (opened.receiverMode === "direct") {
    apart(opened.receiver === requester, "receiver", "direct mode: receiver is the requester");
    apart(opened.cells.dimensions.length <= 1, "cells/dimensions", "direct mode: one dimension");
  } else {
    apart(groupOf(requester) !== receiverGroup, "receiver", "reviewed mode: requester and receiver");
  }
  if (opened.auditor !== undefined) {
    apart(groupOf(opened.auditor) !== groupOf(opened.coordinator), "auditor", "auditor and coordinator");
  }
};

export const checkConstants: Check = ({ opened, cohort, body }, findings) => {
  const where = "/body/opened/record/transaction/statement/body";
  const { constants, deadlines } = opened;
  const n = cohort.length;
  const twoThirds = Math.floor((2 * n) / 3) + 1;
  const kind = graphKind(n);
  findings.expect(opened.graph === kind, `${where}/graph`, "constant", { expected: kind, got: opened.graph });
  const expected = {
    members: n,
    threshold: kind === "complete" ? twoThirds : NEIGHBOUR_THRESHOLD,
    quorum: twoThirds,
    need: Math.max(constants.minimumOrganisations, 3 + constants.colluders),
  };
  for (const [name, value] of Object.entries(expected)) {
    const got = constants[name as keyof typeof expected];
    findings.expect(got === value, `${where}/constants/${name}`, "constant", { expected: value, got });
  }
  const bound = (holds: boolean, name: keyof typeof constants) =>
    findings.expect(holds, `${where}/constants/${name}`, "constant", { got: constants[name] });
  // Section 2: cohorts of 3 or 4 need c = 0; nothing can be released when a cell needs more than there are.
  bound(n > 4 || constants.colluders === 0, "colluders");
  bound(constants.need <= n, "need");
  bound(constants.drops <= n - twoThirds, "drops");
  let previous = Date.parse(body.opened.record.time);
  for (const name of ["keys", "shares", "contribution1", "contribution2", "release"] as const) {
    const instant = Date.parse(deadlines[name]);
    findings.expect(instant > previous, `${where}/deadlines/${name}`, "deadline-order", { got: deadlines[name] });
    previous = instant;
  }
};

export const checkReceiverKey: Check = (evidence, findings) => {
  const { opened, body } = evidence;
  const where = "/body/opened/record/transaction/statement/body/receiverKey";
  const { statement } = opened.receiverKey;
  const expected = { computation: opened.computation, request: opened.request, receiver: opened.receiver };
  for (const [name, value] of Object.entries(expected)) {
    const got = statement[name as keyof typeof expected];
    findings.expect(got === value, `${where}/statement/${name}`, "receiver-key", { expected: value, got });
  }
  const at = { where, member: opened.receiver, position: body.opened.record.position };
  expectSigned({ evidence, findings }, "receiver-key", opened.receiverKey, at);
  checkEnvelope(evidence, findings);
  namesComputation(evidence, findings);
};

/** The method that was asked for, with a parameter set that holds the sums, and a key of R's for it. */
function checkEnvelope({ body, opened, cohort }: Evidence, findings: Findings): void {
  const where = "/body/opened/record/transaction/statement/body";
  const { envelope, receiverKey } = opened;
  const asked = body.submitted.request.document.statement.method ?? "mask";
  findings.expect(asked === (envelope?.method ?? "mask"), `${where}/envelope`, "request-mismatch", { expected: asked });
  const isKeyed = receiverKey.statement.homomorphicKey !== undefined;
  findings.expect(isKeyed === (envelope !== undefined), `${where}/receiverKey/statement`, "receiver-key");
  if (envelope === undefined) return;
  const set = homomorphicSet(envelope.parameters);
  const fits = set !== undefined && sumsFit(set, cohort.length);
  findings.expect(fits, `${where}/envelope/parameters`, "constant", { got: envelope.parameters });
}

/** Every step names the computation of the bundle. */
function namesComputation({ body }: Evidence, findings: Findings): void {
  const steps = {
    opened: body.opened,
    keyset: body.keyset,
    maskset: body.maskset,
    ...(body.phase1 === undefined
      ? {}
      : { "phase1/closing": body.phase1.closing, "phase1/counts": body.phase1.counts }),
    phase2: body.phase2,
    outcome: body.outcome,
  };
  for (const [name, step] of Object.entries(steps)) {
    const { computation } = step.record.transaction.statement.body as { computation: string };
    const where = `/body/${name}/record/transaction/statement/body/computation`;
    findings.expect(computation === body.computation, where, "names-other", {
      expected: body.computation,
      got: computation,
    });
  }
}

/** The layout keeps the filters in canonical order; everything else of the query is as it was asked. */
function sameMeasures(layout: unknown, asked: unknown): boolean {
  const sorted = (query: unknown) => {
    const { filters, ...rest } = query as { filters?: unknown };
    const texts = Array.isArray(filters) ? filters.map(digestOf).sort() : [];
    return { ...rest, filters: texts };
  };
  return sameJson(sorted(layout), sorted(asked));
}
