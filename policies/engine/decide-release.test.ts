import { expect, test } from "vitest";
import { asset, context, draft, request } from "../_fixture.ts";
import { parsePolicy } from "../model/parse-policy.ts";
import type { Prohibition } from "../model/policy.ts";
import { type PolicyDraft, policyOf } from "../model/policy-of.ts";
import { releasedFields } from "../rules/release.ts";
import { decideRelease, type ReleaseInput } from "./decide-release.ts";

const RELEASE = { elements: ["year", "capital"], formats: ["HttpData-PULL"] } as const;
const termsOf = (change: Partial<PolicyDraft>) => {
  const parsed = parsePolicy(policyOf({ ...draft, release: RELEASE, ...change }));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.terms;
};
const judge = (policy: Partial<PolicyDraft> = {}, change: Partial<ReleaseInput> = {}) =>
  decideRelease({ terms: termsOf(policy), request, asset, context, format: "HttpData-PULL", ...change });
const prohibited = (leftOperand: string, value: string): readonly Prohibition[] => [
  { action: "use", constraint: [{ leftOperand, operator: "isAnyOf", rightOperand: [value] }] },
];

const word = (outcome: "approved" | "refused") => ({ outcome, by: "ibm/steward", at: context.now });

test("records that the policy lists may leave, and no other column", () => {
  expect(judge()).toMatchObject({ outcome: "permit", reasons: ["all-rules-permit"] });
  expect(releasedFields(termsOf({}), asset).map(({ name }) => name)).toEqual(["capital", "year"]);
});

const MASKED = { ...RELEASE, elements: ["year", "person-id"] };

test.each(["pseudonym", "redact"] as const)("an identity field leaves as %s where the policy says so", (mask) => {
  const release = { ...MASKED, masks: [{ element: "person-id", mask }] };
  expect(judge({ release }).outcome).toBe("permit");
  expect(releasedFields(termsOf({ release }), asset).map(({ name }) => name)).toEqual(["year", "person"]);
});

test("an identity field is no column without such a mask", () => {
  for (const masks of [undefined, [{ element: "person-id", mask: "prefix", length: "1" } as const]]) {
    const terms = termsOf({ release: { ...MASKED, ...(masks === undefined ? {} : { masks }) } });
    expect(releasedFields(terms, asset).map(({ name }) => name)).toEqual(["year"]);
  }
});

test("what a policy prohibits is no column, whatever it lists", () => {
  const terms = termsOf({ prohibition: prohibited("sealane:element", "capital") });
  expect(releasedFields(terms, asset).map(({ name }) => name)).toEqual(["year"]);
});

test.each([
  ["release-not-allowed", { release: undefined }, {}],
  ["release-format-not-allowed", {}, { format: "HttpData-PUSH" }],
  ["release-empty", { release: { ...RELEASE, elements: ["unknown"] } }, {}],
  ["identity-released", { release: { ...RELEASE, elements: ["year", "person-id"] } }, {}],
  ["identity-released", { release: { ...MASKED, masks: [{ element: "person-id", mask: "prefix", length: "1" }] } }, {}],
  ["mask-not-for-type", { release: { ...RELEASE, masks: [{ element: "capital", mask: "month" }] } }, {}],
  ["mask-not-for-type", { release: { ...RELEASE, masks: [{ element: "capital", mask: "pseudonym" }] } }, {}],
  ["mask-not-for-type", { release: { ...RELEASE, masks: [{ element: "year", mask: "round", step: "10" }] } }, {}],
  ["element-prohibited", { prohibition: prohibited("sealane:element", "capital") }, {}],
  ["recipient-prohibited", { prohibition: prohibited("recipient", "government") }, {}],
  ["requester-prohibited", { prohibition: prohibited("sealane:requester", "government") }, {}],
  ["purpose-not-allowed", {}, { request: { ...request, purpose: { code: "advertising" } } }],
  ["legal-basis-not-allowed", { legalBases: ["energy-law"] }, {}],
  ["scenario-not-allowed", { scenarios: ["industry-ecology"] }, {}],
  ["territory-not-allowed", {}, { request: { ...request, territory: "US" } }],
  ["retention-too-long", { retentionDays: 10 }, {}],
  ["policy-expired", {}, { context: { ...context, now: "2029-01-01T00:00:00Z" } }],
  ["policy-not-yet-valid", {}, { context: { ...context, now: "2025-01-01T00:00:00Z" } }],
  ["requester-kind-not-allowed", {}, { context: { now: context.now } }],
  ["clearance-missing", { clearances: ["internal"] }, {}],
  ["grade-not-released", {}, { asset: { ...asset, grade: { legal: "important", level: "L2" } } }],
  ["grade-not-released", {}, { asset: { ...asset, grade: { legal: "core", level: "L1" } } }],
  ["grade-not-released", {}, { asset: { ...asset, grade: { legal: "general", level: "L4" } } }],
  ["approval-refused", { approval: "steward" }, { context: { ...context, approval: word("refused") } }],
] as [string, Partial<PolicyDraft>, Partial<ReleaseInput>][])("%s refuses", (reason, policy, change) => {
  const decision = judge(policy, change);
  expect(decision.outcome).toBe("refuse");
  expect(decision.reasons).toContain(reason);
});

test("where a steward decides, nothing leaves before the steward has approved", () => {
  const decided = (outcome: "approved" | "refused") =>
    judge({ approval: "steward" }, { context: { ...context, approval: word(outcome) } }).outcome;
  expect(judge({ approval: "steward" })).toMatchObject({ outcome: "wait", reasons: ["approval-pending"] });
  expect([decided("approved"), decided("refused")]).toEqual(["permit", "refuse"]);
});

test("no approval releases records of graded data", () => {
  const grade = { legal: "important", level: "L2" } as const;
  const approved = { ...context, approval: word("approved") };
  const decision = judge({ approval: "steward" }, { asset: { ...asset, grade }, context: approved });
  expect(decision).toMatchObject({ outcome: "refuse", reasons: ["grade-not-released"] });
});
