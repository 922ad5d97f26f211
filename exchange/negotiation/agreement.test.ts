import { describe, expect, test } from "vitest";
import { asset, context, draft, request } from "../../policies/_fixture.ts";
import { decide } from "../../policies/engine/decide.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import { agreementDigest, agreementOf, agreementProblems, offerOf } from "./agreement.ts";
import { agreementMessage, firstRequest } from "./compose.ts";
import { parseMessage } from "./parse-message.ts";

const policy = policyOf(draft);
const permit = decide(policy, request, asset, context);
const decision = { outcome: permit.outcome, policyDigest: permit.policy?.digest };
const inputs = {
  id: "00000000-0000-4000-8000-00000000000a",
  policy,
  asset,
  request,
  requestDigest: "B".repeat(43),
  decision,
  timestamp: "2026-11-22T09:00:00Z",
};
describe("an agreement", () => {
  const agreement = agreementOf(inputs);

  test("carries the policy's own terms, the parties and the request it answers", () => {
    expect(agreement).toMatchObject({
      "@id": `urn:uuid:${inputs.id}`,
      "@type": "Agreement",
      target: "ibm:panel",
      assigner: "ibm",
      assignee: "government",
      timestamp: inputs.timestamp,
      permission: policy.permission,
      "sealane:request": { id: request.id, digest: inputs.requestDigest },
      "sealane:policy": permit.policy,
    });
    expect(agreementDigest(agreement)).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  test("ends with the request or the policy, whichever is first", () => {
    expect(agreement["sealane:validUntil"]).toBe("2026-12-31T15:59:59.999Z");
    const later = { ...request, validity: { from: "2026-11-01", to: "2030-12-31" } };
    expect(agreementOf({ ...inputs, request: later })["sealane:validUntil"]).toBe("2027-12-31T00:00:00.000Z");
  });

  test("is a valid DSP message, and so is the policy as an offer", () => {
    const pids = { providerPid: "p", consumerPid: "c" };
    expect(parseMessage(JSON.parse(JSON.stringify(agreementMessage(pids, agreement)))).ok).toBe(true);
    expect(parseMessage(firstRequest("c", offerOf(policy), "https://a.example")).ok).toBe(true);
  });

  test("is not made without a permit", () => {
    const refused = decide(policy, { ...request, territory: "US" }, asset, context);
    expect(() =>
      agreementOf({ ...inputs, decision: { outcome: refused.outcome, policyDigest: refused.policy?.digest } }),
    ).toThrow(expect.objectContaining({ code: "ERR_NEGOTIATION_NOT_PERMITTED" }));
  });

  test("is not made under another policy than the one decided under", () => {
    const other = policyOf({ ...draft, version: 4 });
    expect(() => agreementOf({ ...inputs, policy: other })).toThrow(
      expect.objectContaining({ code: "ERR_NEGOTIATION_POLICY_CHANGED" }),
    );
  });

  test("carries what the requester takes on: how long figures are kept, a receipt of their deletion, who gets them", () => {
    const { requester, receiver, retentionDays } = inputs.request;
    // Nobody else: this is what forbids sharing onward.
    expect(agreement["sealane:obligations"]).toEqual({
      retentionDays: String(retentionDays),
      deletionReceipt: "owed",
      recipients: [requester, receiver].sort(),
    });
    const wider = agreementOf({ ...inputs, request: { ...request, recipients: ["district"] } });
    expect(wider["sealane:obligations"].recipients).toEqual([requester, receiver, "district"].sort());
  });

  test("is checked by both sides against the one that follows from request, asset and permit", () => {
    expect(agreementProblems(agreement, inputs)).toEqual([]);
    const use = agreement.permission?.[0];
    const changes: [string, object][] = [
      ["/assignee", { assignee: "other" }],
      ["/assigner", { assigner: "other" }],
      ["/target", { target: "other:asset" }],
      ["/@id", { "@id": "x" }],
      ["/permission", { permission: [{ ...use, constraint: use?.constraint?.slice(1) }] }],
      ["/obligation", { obligation: [{ action: "pay" }] }],
      ["/sealane:request", { "sealane:request": { ...agreement["sealane:request"], digest: "x" } }],
      ["/sealane:policy", { "sealane:policy": { ...agreement["sealane:policy"], digest: "x" } }],
      ["/sealane:assetVersion", { "sealane:assetVersion": 2 }],
      [
        "/sealane:obligations",
        { "sealane:obligations": { ...agreement["sealane:obligations"], retentionDays: "36500" } },
      ],
      ["/sealane:obligations", { "sealane:obligations": { ...agreement["sealane:obligations"], recipients: [] } }],
      ["/sealane:validUntil", { "sealane:validUntil": "2099-12-31T00:00:00.000Z" }],
    ];
    for (const [field, change] of changes) {
      expect(agreementProblems({ ...agreement, ...change }, inputs).map((problem) => problem.field)).toEqual([field]);
    }
  });

  test("is refused where the ledger has no permit under that policy", () => {
    const refused = { ...inputs, decision: { ...decision, outcome: "refuse" as const } };
    expect(agreementProblems(agreement, refused)).toMatchObject([{ field: "/sealane:policy" }]);
    const other = { ...inputs, policy: policyOf({ ...draft, version: 4 }) };
    expect(agreementProblems(agreement, other)).toMatchObject([{ field: "/sealane:policy" }]);
  });
});
