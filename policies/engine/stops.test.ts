import { expect, test } from "vitest";
import { asset, context, draft, request } from "../_fixture.ts";
import { type PolicyDraft, policyOf } from "../model/policy-of.ts";
import type { DataRequest } from "../model/request.ts";
import { decide } from "./decide.ts";
import { JOIN_RULES, QUERY_RULES, RULES } from "./rule-list.ts";
import { stopsOf, TERMS_OF_RULE } from "./stops.ts";

const stops = (policy: Partial<PolicyDraft>, asked: Partial<DataRequest> = {}) =>
  stopsOf(decide(policyOf({ ...draft, ...policy }), { ...request, ...asked }, asset, context).verdicts).map(
    ({ rule, reason, columns, terms }) => ({ rule, reason, columns, terms }),
  );

test("a permit is stopped by nothing", () => {
  expect(stops({})).toEqual([]);
});

test("a refusal names the columns and the terms that stopped it", () => {
  const query: DataRequest["query"] = {
    measures: [{ id: "m", statistic: { kind: "ratio", numerator: "market-value", denominator: "staff" } }],
    groupBy: [{ attribute: "region" }],
    filters: [{ element: "person-id", operator: "eq", values: ["p1"] }],
  };
  expect(stops({}, { query })).toEqual([
    { rule: "functions", reason: "function-not-allowed", columns: ["staff"], terms: ["aggregate"] },
    { rule: "identity", reason: "identity-compared", columns: ["person-id"], terms: [] },
    { rule: "filters", reason: "filter-not-allowed", columns: ["person-id"], terms: ["sealane:filter"] },
    { rule: "group-by", reason: "attribute-unknown", columns: ["region"], terms: ["sealane:groupBy"] },
    { rule: "group-by", reason: "attribute-not-allowed", columns: ["region"], terms: ["sealane:groupBy"] },
  ]);
});

test("what a prohibition closes is told as such, and what no policy opens too", () => {
  const prohibition = [
    {
      action: "use",
      constraint: [{ leftOperand: "purpose", operator: "isAnyOf", rightOperand: [request.purpose.code] }],
    },
  ];
  expect(stops({ prohibition })).toEqual([
    { rule: "purpose", reason: "purpose-prohibited", columns: [], terms: ["prohibition"] },
  ]);
  expect(stops({}, { createdAt: "2027-01-01T00:00:00Z" })).toEqual([
    { rule: "validity", reason: "request-from-the-future", columns: [], terms: [] },
  ]);
});

test("every rule says which terms it reads", () => {
  expect(Object.keys(TERMS_OF_RULE).sort()).toEqual(
    [...new Set([...RULES, ...QUERY_RULES, ...JOIN_RULES].map(({ id }) => id))].sort(),
  );
});
