/** Who asked, who agreed, under which policy, for how long. */
import { digestOf } from "../../crypto/suites/digest.ts";
import { bodyOf, type Check, expectSalted, expectSigned, sameList } from "./evidence.ts";

export const checkRequest: Check = (evidence, findings) => {
  const { body, opened } = evidence;
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
  same("receiver", opened.receiver, document.receiver);
  same("coordinator", opened.coordinator, document.coordinator);
  same("receiverMode", opened.receiverMode, document.receiverMode);
  findings.expect(sameList(document.assets, submitted.assets), `${where}/statement/assets`, "request-mismatch");
  const named = (got: string, at: string) =>
    findings.expect(got === body.request, at, "names-other", { expected: body.request, got });
  named(submitted.request, "/body/submitted/record/transaction/statement/body/request");
  named(opened.request, "/body/opened/record/transaction/statement/body/request");
  const opener = body.opened.record.transaction.signer;
  findings.expect(opener === requester, "/body/opened/record/transaction/signer", "wrong-signer", {
    expected: requester,
    got: opener,
  });
};

export const checkDecisions: Check = ({ body, cohort }, findings) => {
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
export const checkPolicyVersions: Check = ({ body, cohort }, findings) => {
  const { assets, decisions } = body;
  const { policies } = body.opened.policy.document;
  for (const [what, list] of [
    ["assets", assets],
    ["opened/policy/document/policies", policies],
  ] as const) {
    findings.expect(list.length === cohort.length, `/body/${what}`, "count-mismatch", {
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
    const document = policies[at];
    findings.expect(
      document !== undefined && digestOf(document) === decision?.policyDigest,
      `/body/opened/policy/document/policies/${at}`,
      "policy-digest",
    );
  }
};

export const checkAgreements: Check = ({ body, cohort, opened }, findings) => {
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
    const valid = until >= Date.parse(body.opened.record.time) && until >= Date.parse(opened.deadlines.contribution2);
    findings.expect(valid, `${where}/record/transaction/statement/body/validUntil`, "agreement-expired", {
      until: agreement.validUntil,
      opened: body.opened.record.time,
    });
  }
};
