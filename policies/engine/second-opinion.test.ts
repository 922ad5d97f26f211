/** Random policies and requests, judged by the engine and by _plain-decision.ts: never an exception, never a permit by error. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { asset, context, draft, request } from "../_fixture.ts";
import type { Asset } from "../model/asset.ts";
import type { DecisionContext } from "../model/context.ts";
import { PERIOD_STEPS } from "../model/operands.ts";
import { parsePolicy } from "../model/parse-policy.ts";
import { type PolicyDraft, policyOf } from "../model/policy-of.ts";
import type { Query, Statistic } from "../model/query.ts";
import { type DataRequest, SCENARIOS } from "../model/request.ts";
import { plainDecision } from "./_plain-decision.ts";
import { decide } from "./decide.ts";

/** As in the fixture most of the time, so that most documents differ in a few places and many are permitted. */
const often = <T>(usual: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 14, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });
/** Each of these may be there or not. */
const some = <T>(values: readonly T[]) => fc.subarray([...values], { minLength: 1 });

const elements = ["investment", "market-value", "capital", "year", "staff", "note", "person-id", "nothing"] as const;
const element = fc.constantFrom(...elements);
const members = ["government", "bureau", "operator", "ibm", "ge"] as const;
const instant = fc.constantFrom("2025-01-01T00:00:00Z", context.now, "2026-11-22T09:05:00Z", "2028-01-01T00:00:00Z");
const functions = ["sum", "mean", "ratio", "variance", "correlation", "regression", "histogram", "distinct"] as const;

const term = (weight: string, where?: { element: string; value: string }) => (name: string) => ({
  element: name,
  weight,
  ...(where === undefined ? {} : { where }),
});
const weightLists = [
  ["investment"].map(term("1")),
  ["investment", "market-value"].map(term("0.5")),
  ["market-value", "investment"].map(term("0.5")),
  ["investment", "staff"].map(term("-2")),
  ["investment"].map(term("1", { element: "year", value: "1935" })),
  ["investment"].map(term("1", { element: "person-id", value: "p1" })),
  ["nothing"].map(term("1")),
];

/** Clips that are not listed, another δ, and more noise than is left for. */
const clips = ["investment", "market-value", "staff"].map((one) => ({ element: one, minimum: "0", maximum: "100" }));
const noise = fc
  .record({
    epsilon: often("1", fc.constantFrom("0.1", "20")),
    budget: fc.constant("30"),
    clips: often<typeof clips | undefined>(clips, fc.constantFrom(clips.slice(1), undefined)),
    delta: often<string | undefined>(undefined, fc.constant("0.1")),
  })
  .map(({ epsilon, budget, ...stated }) => ({
    ...{ epsilon, budget },
    ...Object.fromEntries(Object.entries(stated).filter(([, value]) => value !== undefined)),
  }));

/** Complete for the fixture's request; each group wrong once in a while. */
const form = fc
  .record({
    applicant: often(
      { creditCode: "91350100M000100Y43", person: "Li Na", phone: "+86 575 1234", email: "li@example.cn" },
      fc
        .constantFrom(
          ...[
            { creditCode: "91350100M000100Y44" },
            { person: " " },
            { phone: "12" },
            { phone: "x12345" },
            { email: "a@b" },
          ],
          ...[{ email: "a@b.c" }, { email: "a@b@c.d" }, { email: "a b@c.d" }, { email: "@b.cn" }, { email: "a@.cn" }],
          { phone: `${"1 ".repeat(10)}1` },
        )
        .map((one) => ({
          ...{ creditCode: "91350100M000100Y43", person: "Li Na", phone: "12345", email: "li@example.cn", ...one },
        })) as never,
    ),
    scenario: often<string | undefined>("planning", fc.constantFrom(" ", undefined)),
    necessity: often(
      Object.fromEntries(
        ["investment", "market-value", "capital", "year", "staff"].map((one) => [one, "for the total"]),
      ),
      fc.constantFrom({ investment: "x" }, { investment: "\t", "market-value": "x" }) as never,
    ),
    usage: often<string | undefined>(undefined, fc.constantFrom("ciphertext-computation", "bulk")),
    frequency: often<string | undefined>("once", fc.constant(undefined)),
    calls: often<number | undefined>(1, fc.constant(undefined)),
    deployment: often<string | undefined>("on our servers", fc.constant("  ")),
    leavesCountry: often<object | undefined>(
      { leaves: false },
      fc.constantFrom({}, { leaves: true }, { leaves: true, assessment: "A-1" }, undefined),
    ),
    onwardSharing: often<boolean | undefined>(true, fc.constantFrom(false, undefined)),
    personalInformation: often<object | undefined>(
      { involved: true, assessment: "P-1" },
      fc.constantFrom({ involved: false }, { involved: true }, {}, undefined),
    ),
    importantData: often<object | undefined>(
      { involved: false },
      fc.constantFrom({ involved: true, assessment: "I-1" }, { involved: true, assessment: " " }, undefined),
    ),
    destruction: often<string | undefined>("delete", fc.constant(undefined)),
    commitments: often<object | undefined>(
      { confidentiality: true, agreement: true },
      fc.constantFrom({ confidentiality: true, agreement: false }, { agreement: true }, undefined),
    ),
  })
  .map((groups) => Object.fromEntries(Object.entries(groups).filter(([, value]) => value !== undefined)));

const drafts: fc.Arbitrary<PolicyDraft> = fc.record(
  {
    ...Object.fromEntries(Object.entries(draft).map(([name, value]) => [name, fc.constant(value)])),
    id: fc.constant(draft.id),
    version: fc.constant(3),
    asset: often(draft.asset, fc.constantFrom("ibm:other", "ge:panel")),
    provider: often(draft.provider, fc.constantFrom("ge")),
    purposes: often(draft.purposes, fc.constant(["enforcement"])),
    requesterKinds: often(draft.requesterKinds, some(["government", "enterprise", "industry"] as const)),
    requesters: often<string[] | undefined>(undefined, some(members)),
    clearances: often<string[] | undefined>(undefined, some(["internal", "secret"])),
    territories: often<string[] | undefined>(["CN"], some(["CN-33", "CN-3", "US", "CN"])),
    recipients: often<string[] | undefined>(undefined, some(members)),
    validFrom: often(draft.validFrom, instant),
    validUntil: often(draft.validUntil, instant),
    uses: often(draft.uses, fc.integer({ min: 1, max: 3 })),
    scenarios: often<string[] | undefined>(undefined, some(SCENARIOS)),
    legalBases: often<string[] | undefined>(undefined, some(["statistics-law", "energy-law"])),
    counts: often(draft.counts, fc.constantFrom("open" as const, "closed" as const)),
    minimumOrganisations: often(draft.minimumOrganisations, fc.integer({ min: 3, max: 13 })),
    minimumUnits: often(draft.minimumUnits, fc.integer({ min: 0, max: 3 })),
    colluders: often(draft.colluders, fc.integer({ min: 0, max: 9 })),
    receiverModes: often(draft.receiverModes, some(["direct", "reviewed"] as const)),
    exactMomentsTrusted: often<string[] | undefined>(undefined, fc.constant(["bureau"])),
    coordinatorMayBeSequencer: often(draft.coordinatorMayBeSequencer, fc.boolean()),
    approval: often(draft.approval, fc.constant("steward" as const)),
    form: fc.constantFrom<PolicyDraft["form"][]>("complete", "none"),
    retentionDays: often(draft.retentionDays, fc.integer({ min: 1, max: 60 })),
    privacy: fc.option(noise, { nil: undefined, freq: 4 }),
    periodStep: often(draft.periodStep, fc.constantFrom(...PERIOD_STEPS)),
    countUnits: often(draft.countUnits, fc.boolean()),
    weights: fc.constant<typeof weightLists | undefined>(weightLists.slice(1)),
    aggregate: often(draft.aggregate, fc.dictionary(element, some(functions))),
    groupBy: often(draft.groupBy, fc.record({ elements: some(elements), attributes: some(["sector", "region"]) })),
    prohibition: fc.option(
      fc
        .tuple(
          fc.constantFrom("purpose", "sealane:requester", "spatial", "recipient", "sealane:element"),
          some(["industry-statistics", "government", "CN-33", "bureau", "investment", "staff", "year"]),
        )
        .chain(([leftOperand, rightOperand]) =>
          fc.constantFrom(
            [{ action: "use", constraint: [{ leftOperand, operator: "isAnyOf", rightOperand }] }],
            [{ action: "distribute" }],
          ),
        ),
      { nil: undefined, freq: 4 },
    ),
  },
  { noNullPrototype: true },
) as never;

const statistics: fc.Arbitrary<Statistic> = fc.oneof(
  fc.record({ kind: fc.constantFrom("sum", "mean", "variance", "standard-deviation"), element }),
  fc.record({ kind: fc.constantFrom("histogram", "distinct"), element }),
  fc.record({ kind: fc.constant("count") }),
  fc.record({ kind: fc.constant("ratio"), numerator: element, denominator: element }),
  fc.record({ kind: fc.constant("weighted-sum"), terms: fc.constantFrom(...weightLists) }),
  fc.record({
    kind: fc.constant("weighted-ratio"),
    top: fc.constantFrom(...weightLists),
    bottom: fc.constantFrom(...weightLists),
  }),
  fc.record({ kind: fc.constant("correlation"), x: element, y: element }),
  fc.record({ kind: fc.constant("regression"), dependent: element, independents: some(elements) }),
) as never;
const units = often<Record<string, string> | undefined>(
  undefined,
  fc.dictionary(element, fc.constantFrom("USD", "USD-M", "kg", "parsec"), { noNullPrototype: true }),
);
const measure = fc
  .record({ id: fc.constantFrom("a", "b", "c"), statistic: statistics, units })
  .map(({ units: stated, ...rest }) => ({ ...rest, ...(stated === undefined ? {} : { units: stated }) }));
const filter = fc.record({
  element,
  operator: fc.constantFrom("eq", "isAnyOf", "gteq", "lteq"),
  values: fc.subarray(["1935", "1936", "1999", "0", "99", "100", "p1"], { minLength: 1, maxLength: 2 }),
});
const dimension = fc.oneof(
  fc.record({ element }),
  fc.record({ attribute: fc.constantFrom("sector", "region", "size") }),
  fc.record({ element, edges: fc.constantFrom(["0", "300", "100000"], ["0", "100000"]) }),
);
const partition = fc.constantFrom(["0", "99"], ["100", "100000"], ["0", "100000"]).map(([minimum, maximum]) => [
  { element: "staff", operator: "gteq", values: [minimum] },
  { element: "staff", operator: "lteq", values: [maximum] },
]);
const day = fc.constantFrom("1934-01-01", "1935-01-01", "1936-06-01", "1936-06-30", "1936-09-30", "1937-12-31");
const queries = fc
  .record({
    measures: often(request.query.measures, fc.array(measure, { minLength: 1, maxLength: 3 }) as never),
    groupBy: often(request.query.groupBy, fc.array(dimension, { maxLength: 3 }) as never),
    filters: often([], fc.oneof(fc.array(filter, { maxLength: 3 }), partition) as never),
    period: often(undefined, fc.record({ from: day, to: day }) as never),
  })
  .map(({ period, ...rest }) => ({ ...rest, ...(period === undefined ? {} : { period }) }) as Query);

const date = fc.constantFrom("2026-11-01", "2026-11-21", "2026-11-22", "2026-12-31");
const requests: fc.Arbitrary<DataRequest> = fc
  .record({
    requester: often(request.requester, fc.constantFrom(...members)),
    purpose: often(
      request.purpose,
      fc.constantFrom("energy-benchmark", "x").map((code) => ({ code, text: "x" })),
    ),
    legalBasis: often(request.legalBasis, fc.constant({ code: "other-law", text: "x" })),
    scenario: often(request.scenario, fc.constantFrom(...SCENARIOS)),
    query: queries,
    assets: often(request.assets, some(request.assets)),
    recipients: often<string[]>([], some(members)),
    territory: often(request.territory, fc.constantFrom("CN-33", "CN-330", "CN-33-06", "US", "C")),
    validity: often(request.validity, fc.record({ from: date, to: date })),
    retentionDays: often(30, fc.constantFrom(1, 365, 366)),
    receiverMode: often(request.receiverMode, fc.constantFrom("direct" as const, "reviewed" as const)),
    receiver: often(request.receiver, fc.constantFrom(...members)),
    coordinator: often(request.coordinator, fc.constantFrom(...members)),
    createdAt: often(request.createdAt, instant),
    appeal: often<DataRequest["appeal"]>(undefined, fc.constant({ request: request.id, reason: "misread" })),
    form: fc.option(form, { nil: undefined, freq: 14 }) as fc.Arbitrary<DataRequest["form"]>,
  })
  .map(({ appeal, form: brought, ...change }) => ({
    ...{ ...request, ...change },
    ...(appeal === undefined ? {} : { appeal }),
    ...(brought === undefined ? {} : { form: brought }),
  }));
/** Of the one asset that they may be about, most of them. */
const encrypted: fc.Arbitrary<DataRequest> = fc
  .record({
    asked: requests,
    encryptedQuery: fc.record({ figures: fc.integer({ min: 1, max: 4 }) }),
    named: often([asset.id], fc.constant(request.assets)),
    received: often<"direct" | undefined>("direct", fc.constant(undefined)),
  })
  .map(({ asked, encryptedQuery, named, received }) => ({
    ...asked,
    ...(received === undefined ? {} : { receiverMode: received, receiver: asked.requester }),
    encryptedQuery,
    assets: named,
  }));

const assets: fc.Arbitrary<Asset> = fc
  .record({
    provider: often(asset.provider, fc.constant("ge")),
    grade: often(
      asset.grade,
      fc.record({
        legal: fc.constantFrom("core", "important", "general"),
        level: fc.constantFrom("L1", "L4"),
      }) as never,
    ),
    unit: often(
      asset.unit,
      fc.constantFrom("staff", "person", "nobody").map((field) => ({ kind: "field" as const, field })),
    ),
    period: often<Asset["period"]>(
      asset.period,
      fc.constantFrom<Asset["period"][]>({ ...asset.period!, field: "year" }, { from: "1936-01-01", to: "1936-12-31" }),
    ),
    fields: often(
      asset.fields,
      fc.oneof(
        fc.subarray([...asset.fields, ...asset.fields.map((field) => ({ ...field, name: `${field.name}2` }))], {
          minLength: 1,
        }),
        fc
          .tuple(fc.boolean(), fc.constantFrom("core" as const, "general" as const))
          .map(([personal, legal]) =>
            asset.fields.map((field) => ({ ...field, personal, grade: { legal, level: "L1" as const } })),
          ),
      ) as never,
    ),
  })
  .map((change) => ({ ...asset, ...change }));

const facts = fc.constantFrom(...members).chain((id) =>
  fc.record({
    id: fc.constant(id),
    kind: fc.constantFrom("government", "enterprise", "industry"),
    holdingGroup: fc.constantFrom(id, "ibm", "operator"),
    ...(id === "bureau"
      ? {}
      : { attributes: fc.constantFrom({ clearance: "internal" }, { clearance: "none" }, { sector: "oil" }) }),
  }),
);
const contexts: fc.Arbitrary<DecisionContext> = fc
  .record({
    provider: often(context.provider, facts as never),
    requester: often(context.requester, facts as never),
    receiver: often(context.receiver, facts as never),
    coordinator: often(context.coordinator, facts as never),
    sequencer: often(context.sequencer, facts as never),
    now: often(context.now, instant),
    usesSoFar: often(0, fc.integer({ min: 0, max: 12 })),
    // ε 1 at a δ of a millionth costs 17 millionths of a thousand.
    privacyLeft: often<number | undefined>(900_000_000, fc.constantFrom(0, 1_000, 12_000_000, 25_000_000, undefined)),
    appealed: often<DecisionContext["appealed"]>(
      { requester: "government", filedAt: "2026-11-20T00:00:00Z", until: "2026-11-20T15:59:59.999Z" },
      fc.constantFrom<DecisionContext["appealed"][]>(
        undefined,
        { requester: "bureau", filedAt: "2026-11-20T00:00:00Z", until: "2026-11-21T15:59:59.999Z" },
        { requester: "government", filedAt: "2026-11-20T00:00:00Z" },
        { requester: "government", filedAt: "2026-11-20T00:00:00.001Z", until: "2026-11-20T00:00:00Z" },
      ),
    ),
    approval: often(
      undefined,
      fc.constantFrom("approved", "refused").map((outcome) => ({ outcome, by: "x", at: context.now })) as never,
    ),
  })
  .map((change) => ({
    ...context,
    ...(Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as typeof change),
  })) as never;

/** An account with much left, which a policy without noise could not be permitted beside. */
const closedAccount = (known: DecisionContext, { privacy }: { readonly privacy?: unknown }): DecisionContext => {
  if (privacy !== undefined || known.privacyLeft !== 900_000_000) return known;
  const { privacyLeft: _, ...rest } = known;
  return rest;
};

test("the engine permits exactly what a second, plain reading of the same documents permits", () => {
  const outcomes = { permit: 0, refuse: 0, wait: 0 };
  const forms = { complete: 0, incomplete: 0 };
  fc.assert(
    fc.property(drafts, requests, assets, contexts, (policyDraft, asked, held, found) => {
      const document = policyOf(policyDraft);
      const known = closedAccount(found, policyDraft);
      const { outcome, verdicts } = decide(document, asked, held, known);
      outcomes[outcome] += 1;
      for (const { reason } of verdicts) {
        if (reason === "form-complete") forms.complete += 1;
        if (reason === "form-incomplete") forms.incomplete += 1;
      }
      for (const { reason } of verdicts) expect(["rule-failed", "rule-silent", "engine-failed"]).not.toContain(reason);
      expect(outcome).toBe(parsePolicy(document).ok ? plainDecision(document, asked, held, known) : "refuse");
    }),
    { numRuns: 800 },
  );
  // Otherwise it would have compared refusals alone.
  expect(outcomes.permit).toBeGreaterThan(40);
  expect(outcomes.refuse).toBeGreaterThan(100);
  expect(outcomes.wait).toBeGreaterThan(1);
  expect(Math.min(forms.complete, forms.incomplete)).toBeGreaterThan(40);
});

test("of encrypted queries too", () => {
  let permitted = 0;
  const drafted = fc.tuple(drafts, fc.integer({ min: 2, max: 6 })).map(([one, answers]) => ({ answers, ...one }));
  fc.assert(
    fc.property(drafted, encrypted, assets, contexts, (policyDraft, asked, held, found) => {
      const document = policyOf(policyDraft);
      const known = asked.receiver === asked.requester ? { ...found, receiver: found.requester } : found;
      const { outcome } = decide(document, asked, held, known);
      if (outcome === "permit") permitted += 1;
      expect(outcome).toBe(parsePolicy(document).ok ? plainDecision(document, asked, held, known) : "refuse");
    }),
    { numRuns: 800 },
  );
  expect(permitted).toBeGreaterThan(4);
});

test("of joins too", () => {
  let permitted = 0;
  const operations = ["intersection", "cardinality", "statistics"] as const;
  const joins = fc.record(
    {
      operations: often(operations as readonly (typeof operations)[number][], some(operations)),
      leastItems: fc.constantFrom(1, 50),
      mostItems: fc.constantFrom(60, 5_000),
    },
    { requiredKeys: ["operations"], noNullPrototype: true },
  );
  const drafted = fc
    .tuple(drafts, joins, often(["note"], some(elements)))
    .map(([{ privacy: _, ...one }, terms, join]) => ({ ...one, joins: terms, join }));
  const asked = fc
    .record({
      asked: requests,
      operation: fc.constantFrom(...operations),
      element: often("note", element),
      items: fc.constantFrom(10, 55, 100, 4_000),
      labels: often<string[] | undefined>(undefined, fc.constant(["a", "b"])),
      counts: fc.boolean(),
      named: often([asset.id], fc.constant(request.assets)),
    })
    .map(({ asked: one, operation, element: key, items, labels, counts, named }) => ({
      ...one,
      receiverMode: "direct" as const,
      receiver: one.requester,
      query: counts
        ? { measures: [{ id: "n", statistic: { kind: "count" as const } }], groupBy: [], filters: [] }
        : one.query,
      join: { operation, element: key, items, ...(labels === undefined ? {} : { labels }) },
      assets: named,
    }));
  fc.assert(
    fc.property(drafted, asked, assets, contexts, (policyDraft, one, held, found) => {
      const document = policyOf(policyDraft);
      const known = { ...found, receiver: found.requester };
      const { outcome } = decide(document, one, held, known);
      if (outcome === "permit") permitted += 1;
      expect(outcome).toBe(parsePolicy(document).ok ? plainDecision(document, one, held, known) : "refuse");
    }),
    { numRuns: 1_500 },
  );
  expect(permitted).toBeGreaterThan(10);
});

test("of rounded releases too", () => {
  let permitted = 0;
  const base = fc.record(
    {
      element: fc.constantFrom("investment", "market-value", "capital"),
      base: fc.constantFrom("5", "0.5"),
      unit: often<string | undefined>("USD-M", fc.constantFrom("USD", undefined)),
    },
    { requiredKeys: ["base"], noNullPrototype: true },
  );
  const stated = base.map(({ unit, ...one }) => ({ ...one, ...(unit === undefined ? {} : { unit }) }));
  const drafted = fc
    .tuple(drafts, fc.array(stated, { minLength: 1, maxLength: 2 }))
    .map(([{ privacy: _, ...one }, rounding]) => ({
      ...one,
      receiverModes: ["reviewed" as const],
      output: { rounding },
    }));
  const reviewed = requests.map((asked) => ({ ...asked, receiverMode: "reviewed" as const, receiver: "bureau" }));
  fc.assert(
    fc.property(drafted, reviewed, assets, contexts, (policyDraft, asked, held, found) => {
      const document = policyOf(policyDraft);
      const known = { ...closedAccount(found, {}), receiver: context.receiver };
      const { outcome } = decide(document, asked, held, known);
      if (outcome === "permit") permitted += 1;
      expect(outcome).toBe(parsePolicy(document).ok ? plainDecision(document, asked, held, known) : "refuse");
    }),
    { numRuns: 800 },
  );
  expect(permitted).toBeGreaterThan(10);
});

const terms = fc.constantFrom(
  ...["purpose", "sealane:element", "sealane:function", "sealane:partition", "dateTime", "count", "toString"],
  ...["sealane:minimumOrganisations", "sealane:edges", "sealane:mask", "__proto__", "sealane:receiverMode"],
);
const anyConstraint = fc.record({
  leftOperand: fc.oneof(terms, fc.string()),
  operator: fc.oneof(fc.constantFrom("isAnyOf", "eq", "lteq", "gteq", "valueOf"), fc.string()),
  rightOperand: fc.oneof(fc.anything(), fc.jsonValue(), fc.constantFrom("5", ["investment"], [{}])),
});
const action = fc.oneof(
  fc.constantFrom("use", "aggregate", "sealane:filter", "sealane:groupBy", "sealane:release", "delete", "constructor"),
  fc.string(),
);
const anyRule = fc.record({ action, constraint: fc.array(anyConstraint, { maxLength: 4 }) }, { requiredKeys: [] });

test("a rule that was never written is never understood: whatever is added to a policy refuses, or opens nothing more", () => {
  const usual = policyOf(draft);
  fc.assert(
    fc.property(fc.constantFrom("permission", "prohibition", "duty"), anyRule, (place, rule) => {
      const document = structuredClone(usual) as unknown as Record<string, unknown[]>;
      if (place === "duty") Object.assign(document.permission![0]!, { duty: [rule] });
      else document[place] = [...(document[place] ?? []), rule];
      const parsed = parsePolicy(document);
      const decision = decide(document as never, request, asset, context);
      if (!parsed.ok) expect([decision.outcome, decision.reasons]).toEqual(["refuse", ["policy-invalid"]]);
      else expect(decision.outcome).toBe(plainDecision(parsed.policy, request, asset, context));
    }),
    { numRuns: 500 },
  );
});
