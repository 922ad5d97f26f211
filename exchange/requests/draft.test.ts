import { expect, test } from "vitest";
import { asset, draft as policyDraft } from "../../policies/_fixture.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import { draftOf } from "./draft.ts";

const item = (provider: string, change: object = {}) => ({
  asset: { ...asset, id: `${provider}:panel`, provider },
  offer: policyOf({ ...policyDraft, asset: `${provider}:panel`, provider, ...change }),
});

test("a cart of several assets asks for what all of them open, under what all of them allow", () => {
  const other = {
    aggregate: { investment: ["sum"], staff: ["sum"] },
    retentionDays: 30,
    validUntil: "2026-12-31T00:00:00Z",
  };
  const made = draftOf([item("ibm"), item("ge", other)], "2026-11-23");
  expect(made).toMatchObject({
    assets: ["ibm:panel", "ge:panel"],
    purpose: { code: "industry-statistics", text: "" },
    query: { measures: [{ id: "investment", statistic: { kind: "sum", element: "investment" } }] },
    validity: { from: "2026-11-23", to: "2026-12-31" },
    retentionDays: 30,
    receiverMode: "reviewed",
    receiver: "bureau",
    form: { necessity: { investment: "" }, usage: "aggregate-statistics", leavesCountry: { leaves: false } },
  });
});

test("what assets declare of personal and important data is declared in the form", () => {
  const held = { ...item("ibm").asset, grade: { legal: "important", level: "L3" } as const };
  expect(draftOf([{ ...item("ibm"), asset: held }], "2026-11-23").form).toMatchObject({
    personalInformation: { involved: false },
    importantData: { involved: true },
  });
});
