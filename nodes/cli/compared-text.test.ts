import { expect, test } from "vitest";
import { asset, context, draft, request } from "../../policies/_fixture.ts";
import { decide } from "../../policies/engine/decide.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import { createTexts } from "../i18n/text.ts";
import { comparedText } from "./compared-text.ts";

const [en, zh] = [createTexts("en"), createTexts("zh-CN")];

test("what was compared is words, not JSON", () => {
  const compared = { allowed: ["a", "b"], got: "c", group: null, limit: 3, counts: false };
  expect(comparedText(compared, en)).toBe(" (allowed: a, b; given: c; at most: 3; counts: no)");
  expect(comparedText(compared, zh)).toBe("（允许：a、b；实际：c；上限：3；计数：否）");
  expect(comparedText({ limit: null, got: [] }, en)).toBe("");
  expect(comparedText({ brandNew: 1 }, en)).toBe(" (brandNew: 1)");
});

/** Everything permits; then everything that can be wrong at once is. */
const PERMITTED = decide(policyOf(draft), request, asset, context);
const REFUSED = decide(
  policyOf({ ...draft, uses: 1, minimumOrganisations: 40, counts: "closed", approval: "steward" }),
  {
    ...request,
    requester: "ibm",
    receiver: "operator",
    purpose: { ...request.purpose, code: "x" },
    territory: "US",
    retentionDays: 9_000,
    recipients: ["ge"],
    validity: { from: "2025-01-01", to: "2025-02-01" },
    query: {
      measures: [{ id: "total", statistic: { kind: "sum", element: "note" }, units: { note: "kg" } }],
      groupBy: [{ element: "person-id" }, { attribute: "weather" }],
      filters: [{ element: "year", operator: "eq", values: ["1800", "1801"] }],
      period: { from: "1800-01-01", to: "1801-01-01" },
    },
  },
  asset,
  { ...context, usesSoFar: 7 },
);

test.each([PERMITTED, REFUSED])("every name of what a rule compares has a word in both languages", ({ verdicts }) => {
  expect(verdicts.length).toBeGreaterThan(15);
  const names = new Set(verdicts.flatMap(({ compared }) => Object.keys(compared)));
  for (const name of names) expect([name, en.find(`compared.${name}`)]).not.toContain(undefined);
});
