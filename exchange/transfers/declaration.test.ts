import { describe, expect, test } from "vitest";
import { draft } from "../../policies/_fixture.ts";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import { type PolicyDraft, policyOf } from "../../policies/model/policy-of.ts";
import { offerOf } from "../negotiation/agreement.ts";
import type { MessageOffer } from "../negotiation/messages.ts";
import { completed, type Declaration, declaringOffer, offeredPolicy, readOffer } from "./declaration.ts";
import { policyOfAgreement, releaseAgreementOf, releaseProblems } from "./release-agreement.ts";

const parsed = (change: Partial<PolicyDraft> = {}) => {
  const result = parsePolicy(
    policyOf({ ...draft, release: { elements: ["year"], formats: ["HttpData-PULL"] }, ...change }),
  );
  if (!result.ok) throw new Error("refused");
  return result;
};
const { policy, terms } = parsed();
const DECLARATION: Declaration = { purpose: "industry-statistics", territory: "CN", retentionDays: 30 };
const changed = (change: (offer: { permission: { action: string; constraint: unknown[] }[] }) => void) => {
  const offer = structuredClone(declaringOffer(policy, DECLARATION));
  change(offer as never);
  return offer as MessageOffer;
};

describe("an offer", () => {
  test("comes back with what was declared, and is the provider's own but for that", () => {
    const offer = declaringOffer(policy, DECLARATION);
    expect(readOffer(offer, policy)).toEqual({ kind: "records", declaration: DECLARATION });
    expect(offeredPolicy(offer)).toEqual({ policy: offerOf(policy), declaration: DECLARATION });
  });
  test("that is taken as it stands declares nothing", () => {
    expect(readOffer(offerOf(policy), policy)).toEqual({ kind: "records", declaration: undefined });
  });
  test.each([
    ["with a rule less", changed(({ permission }) => void permission.pop())],
    ["with a constraint less", changed(({ permission }) => void permission[0]?.constraint.shift())],
    ["with a rule more", changed(({ permission }) => void permission.push({ action: "aggregate", constraint: [] }))],
    [
      "with two declarations",
      changed(({ permission }) => void permission[0]?.constraint.push(permission[0].constraint.at(-1))),
    ],
    ["of another policy", { ...declaringOffer(policy, DECLARATION), "@id": "other" }],
    ["on another asset", { ...declaringOffer(policy, DECLARATION), target: "ibm:other" }],
  ])("%s is not this policy's", (_name, offer) => {
    expect(readOffer(offer, policy)).toMatchObject({ kind: "other" });
  });
  test("with something that rides along is refused by its name", () => {
    const offer = { ...declaringOffer(policy, DECLARATION), luggage: "x".repeat(1000) };
    expect(readOffer(offer, policy)).toMatchObject({ kind: "other", detail: expect.stringContaining("offer.luggage") });
  });
  test("with a data request is about a computation", () => {
    const offer = changed(({ permission }) => {
      permission[0]?.constraint.push({ leftOperand: "sealane:dataRequest", operator: "eq", rightOperand: {} });
    });
    expect(readOffer(offer, policy)).toEqual({ kind: "computation" });
  });
});

test("what a policy leaves no choice about needs not be said; what it does must be", () => {
  expect(completed(terms, {})).toBeUndefined();
  expect(completed(parsed({ purposes: ["only"] }).terms, {})).toMatchObject({ purpose: "only", territory: "CN" });
  expect(completed(parsed({ purposes: ["only"], territories: ["CN", "US"] }).terms, {})).toBeUndefined();
});

describe("the agreement", () => {
  const inputs = { policy, assetVersion: 3, consumer: "government", declaration: DECLARATION };
  const id = "00000000-0000-4000-8000-000000000001";
  const agreement = releaseAgreementOf({ ...inputs, id, timestamp: "2026-11-22T09:00:00Z" });
  test("is the same for both sides, and holds the policy it is made of", () => {
    expect(releaseProblems(agreement, inputs)).toEqual([]);
    expect(parsePolicy(policyOfAgreement(agreement))).toMatchObject({ ok: true, terms: { digest: terms.digest } });
  });
  test.each([
    ["/assignee", { ...agreement, assignee: "mallory" }],
    ["/sealane:assetVersion", { ...agreement, "sealane:assetVersion": 4 }],
    ["/sealane:declared", { ...agreement, "sealane:declared": { ...DECLARATION, retentionDays: 1 } }],
    ["/sealane:validUntil", { ...agreement, "sealane:validUntil": "2030-01-01T00:00:00.000Z" }],
    ["/permission", { ...agreement, permission: agreement.permission?.slice(1) ?? [] }],
    ["/obligation", { ...agreement, obligation: [{ action: "pay" }] }],
  ])("is not verified with another %s", (field, other) => {
    expect(releaseProblems(other, inputs).map((problem) => problem.field)).toEqual([field]);
  });
});
