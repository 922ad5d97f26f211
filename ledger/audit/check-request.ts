/** Who asked, who agreed, under which policy, for how long. */
import { digestOf } from "../../crypto/suites/digest.ts";
import {
  type AgreedEvidence,
  bodyOf,
  type Check,
  type CheckOf,
  expectSalted,
  expectSigned,
  sameList,
} from "./evidence.ts";

export const checkRequest: Check = (evidence, findings) => {
  checkSubmitted(evidence, findings);
  const { body, opened } = evidence;
  const requester = body.submitted.record.transaction.signer;
  const document = body.submitted.request.document.statement;
  for (const name of ["receiver", "coordinator", "receiverMode"] as const) {
    const [expected, got] = [opened[name], document[name]];
    const where = `/body/submitted/request/document/statement/${name}`;
    findings.expect(expected === got, where, "request-mismatch", { expected, got });
  }
  const at = "/body/opened/record/transaction/statement/body/request";
  findings.expect(opened.request === body.request, at, "names-other", { expected: body.request, got: opened.request });
  const opener = body.opened.record.transaction.signer;
  findings.expect(opener === requester, "/body/opened/record/transaction/signer", "wrong-signer", {
    expected: requester,
    got: opener,
  });
};

/** The request on the ledger is the one in the bundle, signed by who submitted it. */
export const checkSubmitted: CheckOf<AgreedEvidence> = (evidence, findings) => {
  const { body } = evidence;
  const { record, request } = body.submitted;
  const submitted = bodyOf(body.submitted);
  const requester = record.transaction.signer;
  const { position } = record;
  expectSalted(findings, "/body/submitted/request", request, submitted.digest);
  const where = "/body/submitted/request/document";
  expectSigned({ evidence, findings }, "data-request", request.document, { where, member: requester, position });
  const document = request.document.statement;
  const same = (name: string, expected: string, got: string) =>
    findings.expect(expected === got, `${where}/statement/${name}`, "request-mismatch", { expected, got });
  same("id", submitted.request, document.id);
  same("requester", requester, document.requester);
  same("receiver", submitted.receiver, document.receiver);
  findings.expect(sameList(document.assets, submitted.assets), `${where}/statement/assets`, "request-mismatch");
  const named = "/body/submitted/record/transaction/statement/body/request";
  const got = submitted.request;
  findings.expect(got === body.request, named, "names-other", { expected: body.request, got });
};

export const checkDecisions: CheckOf<AgreedEvidence> = ({ body, cohort }, findings) => {
  const { decisions } = body;
  findings.expect(decisions.length === cohort.length, "/body/decisions", "count-mismatch", {
    expected: cohort.length,
    got: decisions.length,
  });
  for (const [at, { record, explanation }] of decisions.entries()) {
    const entry = cohort[at];
    const where = `/body/decisions/${at}`;
    const decision = record.transaction.statement.body;
    findings.expect(decision.asset === entry?.asset, where, "asset-mismatch", {
      expected: entry?.asset ?? "",
      got: decision.asset,
    });
    findings.expect(record.transaction.signer === entry?.member, `${where}/record/transaction/signer`, "wrong-signer", {
      expected: entry?.member ?? "",
      got: record.transaction.signer,
    });
    findings.expect(decision.request === body.request, where, "names-other", { got: decision.request });
    findings.expect(decision.outcome === "permit", where, "not-permit", { got: decision.outcome });
    expectSalted(findings, `${where}/explanation`, explanation, decision.explanationDigest);
  }
};

/** Each decision was made under the policy that its asset had on the ledger, and the opening rests on the same ones. */
export const checkPolicyVersions: CheckOf<AgreedEvidence> = ({ body, cohort, policies }, findings) => {
  const { assets, decisions } = body;
  for (const [what, list] of [
    ["/body/assets", assets],
    [policies.where, policies.documents],
  ] as const) {
    findings.expect(list.length === cohort.length, what, "count-mismatch", {
      expected: cohort.length,
      got: list.length,
    });
  }
  for (const [at, { registered, policy }] of assets.entries()) {
    const where = `/body/assets/${at}`;
    const entry = cohort[at];
    const decision = decisions[at]?.record.transaction.statement.body;
    const registration = registered.transaction.statement.body;
    const matches = registration.asset === entry?.asset && registration.version === entry.assetVersion;
    findings.expect(matches, `${where}/registered`, "asset-mismatch", {
      expected: `${entry?.asset} version ${entry?.assetVersion}`,
      got: `${registration.asset} version ${registration.version}`,
    });
    findings.expect(registered.transaction.signer === entry?.member, `${where}/registered`, "wrong-signer", {
      got: registered.transaction.signer,
    });
    const activation = policy?.transaction.statement.body;
    if (policy !== undefined && activation !== undefined) {
      findings.expect(activation.asset === entry?.asset, `${where}/policy`, "asset-mismatch", {
        got: activation.asset,
      });
      findings.expect(policy.transaction.signer === entry?.member, `${where}/policy`, "wrong-signer", {
        got: policy.transaction.signer,
      });
    }
    const inForce = activation ?? registration;
    findings.expect(decision?.policyDigest === inForce.policyDigest, `/body/decisions/${at}`, "policy-digest", {
      expected: inForce.policyDigest,
      got: decision?.policyDigest ?? "",
    });
    // Versions count policies: known from an activation or a first registration; a revision may bring any later one.
    const version = decision?.policyVersion ?? 0;
    const fits = version === inForce.version || (activation === undefined && registration.version > 1);
    findings.expect(fits, `/body/decisions/${at}`, "policy-version", { expected: inForce.version, got: version });
    const document = policies.documents[at];
    findings.expect(
      document !== undefined && digestOf(document) === decision?.policyDigest,
      `${policies.where}/${at}`,
      "policy-digest",
    );
  }
};

export const checkAgreements: CheckOf<AgreedEvidence> = ({ body, cohort, usedAt }, findings) => {
  const { agreements } = body;
  findings.expect(agreements.length === cohort.length, "/body/agreements", "count-mismatch", {
    expected: cohort.length,
    got: agreements.length,
  });
  const requester = body.submitted.record.transaction.signer;
  for (const [at, { record, document }] of agreements.entries()) {
    const entry = cohort[at];
    const where = `/body/agreements/${at}`;
    const agreement = record.transaction.statement.body;
    const expected = {
      agreement: entry?.agreement,
      request: body.request,
      asset: entry?.asset,
      assetVersion: entry?.assetVersion,
      consumer: requester,
    };
    for (const [name, value] of Object.entries(expected)) {
      const got = agreement[name as keyof typeof expected];
      findings.expect(got === value, `${where}/record/transaction/statement/body/${name}`, "agreement-mismatch", {
        expected: value ?? "",
        got: got ?? "",
      });
    }
    findings.expect(record.transaction.signer === entry?.member, `${where}/record/transaction/signer`, "wrong-signer", {
      expected: entry?.member ?? "",
      got: record.transaction.signer,
    });
    findings.expect(digestOf(document) === agreement.digest, `${where}/document`, "digest-mismatch", {
      expected: agreement.digest,
    });
    const until = Date.parse(agreement.validUntil);
    const late = usedAt.find((used) => !(until >= Date.parse(used)));
    findings.expect(late === undefined, `${where}/record/transaction/statement/body/validUntil`, "agreement-expired", {
      until: agreement.validUntil,
      used: late ?? "",
    });
  }
};
