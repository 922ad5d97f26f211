/** One plausible asset, policy, request and context for tests; everything in it permits. */
import type { Asset } from "./model/asset.ts";
import type { DecisionContext } from "./model/context.ts";
import type { PolicyDraft } from "./model/policy-of.ts";
import type { DataRequest } from "./model/request.ts";

export const asset: Asset = {
  id: "ibm:panel",
  version: 1,
  provider: "ibm",
  title: { en: "Investment panel" },
  keywords: [],
  fields: [
    {
      name: "invest",
      element: "investment",
      type: "decimal",
      scale: 1,
      unit: "USD-M",
      bounds: { minimum: "0", maximum: "2000" },
      alwaysPresent: true,
    },
    { name: "value", element: "market-value", type: "decimal", scale: 1, bounds: { minimum: "0", maximum: "9000" } },
    { name: "capital", element: "capital", type: "decimal", scale: 1, bounds: { minimum: "0", maximum: "3000" } },
    { name: "year", element: "year", type: "code", codeTable: "years" },
    { name: "staff", element: "staff", type: "integer", bounds: { minimum: "0", maximum: "100000" } },
    { name: "note", element: "note", type: "text" },
    { name: "person", element: "person-id", type: "code", codeTable: "persons", identity: true },
  ],
  codeTables: {
    years: [{ code: "1935" }, { code: "1936" }, { code: "1937" }],
    persons: [{ code: "p1" }, { code: "p2" }],
  },
  unit: { kind: "provider" },
  unitDomain: "ibm",
  grade: { legal: "general", level: "L2" },
  period: { from: "1935-01-01", to: "1937-12-31" },
  quality: { rows: 3, fields: {} },
  sourceDigest: "A".repeat(43),
};

export const draft: PolicyDraft = {
  id: "policy-ibm-panel",
  version: 3,
  asset: "ibm:panel",
  provider: "ibm",
  purposes: ["industry-statistics", "energy-benchmark"],
  requesterKinds: ["government"],
  territories: ["CN"],
  validFrom: "2026-01-01T00:00:00Z",
  validUntil: "2027-12-31T00:00:00Z",
  receiverModes: ["direct", "reviewed"],
  releaseAuthorities: ["bureau"],
  approval: "none",
  uses: 10,
  counts: "open",
  minimumOrganisations: 5,
  colluders: 1,
  coordinatorMayBeSequencer: true,
  countUnits: true,
  aggregate: {
    investment: ["sum", "mean", "ratio", "variance", "standard-deviation", "correlation", "regression"],
    "market-value": ["sum", "ratio", "correlation", "regression"],
    capital: ["regression"],
    staff: ["histogram", "quantile", "distinct"],
    "person-id": ["distinct"],
  },
  filter: {
    year: { predicates: ["eq", "isAnyOf"] },
    staff: {
      predicates: ["gteq", "lteq"],
      partition: [
        { minimum: "0", maximum: "99" },
        { minimum: "100", maximum: "100000" },
      ],
    },
  },
  groupBy: { elements: ["year"], attributes: ["sector"] },
  classes: { staff: [["0", "300", "100000"]] },
};

const providers = [
  "ibm",
  "ge",
  "gm",
  "chrysler",
  "atlantic",
  "union",
  "goodyear",
  "diamond",
  "steel",
  "amsteel",
  "west",
];

export const request: DataRequest = {
  id: "00000000-0000-4000-8000-000000000001",
  requester: "government",
  title: { en: "Investment by year" },
  purpose: { code: "industry-statistics", text: "Yearly report" },
  legalBasis: { code: "statistics-law", text: "Statistics Law, article 28" },
  scenario: "government-service",
  query: {
    measures: [{ id: "total", statistic: { kind: "sum", element: "investment" } }],
    groupBy: [{ element: "year" }],
    filters: [],
  },
  assets: providers.map((provider) => `${provider}:panel`),
  recipients: [],
  territory: "CN",
  validity: { from: "2026-11-01", to: "2026-12-31" },
  retentionDays: 30,
  receiverMode: "reviewed",
  receiver: "bureau",
  coordinator: "operator",
  createdAt: "2026-11-22T08:00:00Z",
};

export const context: DecisionContext = {
  provider: { id: "ibm", kind: "enterprise", holdingGroup: "ibm" },
  requester: { id: "government", kind: "government", holdingGroup: "government" },
  receiver: { id: "bureau", kind: "government", holdingGroup: "bureau" },
  coordinator: { id: "operator", kind: "industry", holdingGroup: "operator" },
  sequencer: { id: "operator", kind: "industry", holdingGroup: "operator" },
  now: "2026-11-22T09:00:00Z",
  usesSoFar: 0,
  attributes: { sector: ["oil", "metals"] },
  quantities: { USD: "USD", "USD-M": "USD", kg: "mass" },
};
