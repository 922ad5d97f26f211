import { expect, test } from "vitest";
import type { Asset } from "../../policies/model/asset.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import type { DirectoryMember } from "./ports.ts";
import { problemsOf } from "./validate.ts";

const member = (id: string, holdingGroup = id, endpoint = true): DirectoryMember => ({
  id,
  active: true,
  kind: "government",
  holdingGroup,
  attributes: {},
  ...(endpoint ? { endpoint: `https://${id}` } : {}),
});
const MEMBERS: Readonly<Record<string, DirectoryMember>> = {
  ministry: member("ministry"),
  bureau: member("bureau"),
  operator: member("operator"),
  sister: member("sister", "ministry"),
  silent: member("silent", "silent", false),
};
const REFUSED = "00000000-0000-4000-8000-100000000001";
const RUNNING = "00000000-0000-4000-8000-100000000002";
const ANOTHERS = "00000000-0000-4000-8000-100000000003";
const UNKNOWN = "00000000-0000-4000-8000-100000000004";
const filed = { requester: "ministry", filedAt: "2026-11-20T08:00:00.000Z" };
const EARLIER: Readonly<Record<string, typeof filed & { readonly refusedAt?: string }>> = {
  [REFUSED]: { ...filed, refusedAt: "2026-11-21T08:00:00.000Z" },
  [RUNNING]: filed,
  [ANOTHERS]: { ...filed, requester: "bureau", refusedAt: "2026-11-21T08:00:00.000Z" },
};
const context = {
  now: "2026-11-22T08:00:00.000Z",
  directory: {
    attributes: async () => ({ industry: ["17", "18"] }),
    privacyLeft: async () => undefined,
    member: async (id: string) => MEMBERS[id],
    request: async (id: string) => EARLIER[id],
    asset: async (id: string) =>
      id === "alpha:panel" || id === "gone:panel"
        ? {
            id,
            version: 1,
            withdrawn: id === "gone:panel",
            metadataDigest: "",
            policyDigest: "",
            policyVersion: 1,
            unitDomain: "",
          }
        : undefined,
  },
};
const sum = (element: string) => ({ id: `sum-${element}`, statistic: { kind: "sum" as const, element } });
const metadata = async (id: string): Promise<Asset> => ({
  id,
  version: 1,
  provider: "alpha",
  title: { en: "Panel" },
  keywords: [],
  fields: ["year", "output"].map((element) => ({ name: element, element, type: "text" })),
  codeTables: {},
  unit: { kind: "provider" },
  unitDomain: "alpha",
  grade: { legal: "general", level: "L1" },
  quality: { rows: 1, fields: {} },
  sourceDigest: "A".repeat(43),
});
const request = (change: Partial<DataRequest> = {}): unknown => ({
  id: "00000000-0000-8000-8000-000000000001",
  requester: "ministry",
  title: { en: "Output" },
  purpose: { code: "statistics", text: "statistics" },
  legalBasis: { code: "law", text: "law" },
  scenario: "government-service",
  query: { measures: [{ id: "n", statistic: { kind: "count" } }], groupBy: [], filters: [] },
  assets: ["alpha:panel"],
  recipients: [],
  territory: "CN",
  validity: { from: "2026-01-01", to: "2027-01-01" },
  retentionDays: 30,
  receiverMode: "reviewed",
  receiver: "bureau",
  coordinator: "operator",
  createdAt: "2026-11-22T08:00:00.000Z",
  ...change,
});
const codes = async (change: Partial<DataRequest>) =>
  (await problemsOf(request(change), context)).map(({ field, code }) => `${field} ${code}`);

const appealTo = (earlier: string) => ({ request: earlier, reason: "misread" });

test("a sound request has no problem, nor has an appeal against a refusal of an own one", async () => {
  expect(await problemsOf(request({ appeal: appealTo(REFUSED) }), context)).toEqual([]);
  expect(await problemsOf(request(), context)).toEqual([]);
});

test.each<[string, Partial<DataRequest>, string]>([
  [
    "reviewed: the receiver is not of the requester's group",
    { receiver: "sister" },
    "receiver receiver-with-requester",
  ],
  ["reviewed: the receiver is not the requester", { receiver: "ministry" }, "receiver receiver-with-requester"],
  ["coordinator and receiver differ", { coordinator: "bureau" }, "coordinator coordinator-with-receiver"],
  ["coordinator and requester differ", { coordinator: "sister" }, "coordinator coordinator-with-requester"],
  ["the coordinator can be reached", { coordinator: "silent" }, "coordinator no-endpoint"],
  ["direct: the receiver is the requester", { receiverMode: "direct" }, "receiver direct-receiver"],
  ["a withdrawn asset cannot be asked for", { assets: ["gone:panel"] }, "assets.0 asset-withdrawn"],
  ["an unknown asset cannot be asked for", { assets: ["alpha:none"] }, "assets.0 asset-not-registered"],
  ["an unknown member cannot receive", { receiver: "nobody" }, "receiver member-not-known"],
  ["the validity is not over", { validity: { from: "2020-01-01", to: "2020-02-01" } }, "validity.to validity-over"],
  ["an appeal is about a refused request", { appeal: appealTo(RUNNING) }, "appeal.request appeal-not-refused"],
  ["an appeal is about an own request", { appeal: appealTo(ANOTHERS) }, "appeal.request appeal-unknown"],
  ["an appeal is about a request", { appeal: appealTo(UNKNOWN) }, "appeal.request appeal-unknown"],
  ["dates exist", { validity: { from: "2026-02-30", to: "2027-01-01" } }, "validity.from not-a-date"],
])("%s", async (_promise, change, problem) => {
  expect(await codes(change)).toContain(problem);
});

test("a malformed part hides nothing of what is wrong with the others", async () => {
  const malformed = {
    ...(request() as object),
    extra: 1,
    retentionDays: 0,
    purpose: { code: "a b", text: " " },
    query: {
      measures: [
        { id: "n", statistic: { kind: "maximum" } },
        { id: "n", statistic: { kind: "ratio", numerator: "output", denominator: "nothing" } },
      ],
      groupBy: [{ attribute: "weather" }, { element: "month" }, { elements: "month" }],
      filters: [{ element: "tax", operator: "like", values: ["1"] }],
      period: { from: "2026-13-01", to: "2025-01-01" },
    },
    assets: ["gone:panel", "alpha:panel", "alpha:none", "Alpha"],
    recipients: ["nobody", "X Y"],
    validity: { from: "today", to: "2020-02-01" },
    receiver: "nobody",
    coordinator: "silent",
  };
  const problems = await problemsOf(malformed, { ...context, metadata });
  expect(problems.map(({ field, code }) => `${field} ${code}`).sort()).toEqual([
    "assets.0 asset-withdrawn",
    "assets.2 asset-not-registered",
    "assets.3 form-asset",
    "coordinator no-endpoint",
    "extra unknown-key",
    "purpose.code form-code",
    "purpose.text text-blank",
    "query.filters.0.element element-not-in-asset",
    "query.filters.0.operator wrong-choice",
    "query.groupBy.0.attribute attribute-not-registered",
    "query.groupBy.1.element element-not-in-asset",
    "query.groupBy.2.attribute missing",
    "query.groupBy.2.element missing",
    "query.groupBy.2.elements unknown-key",
    "query.measures.0.statistic.kind wrong-choice",
    "query.measures.1.id measure-id-repeated",
    "query.measures.1.statistic.denominator element-not-in-asset",
    "query.period period-inverted",
    "query.period.from not-a-date",
    "receiver member-not-known",
    "recipients.0 member-not-known",
    "recipients.1 form-member",
    "retentionDays too-small",
    "validity.from form-date",
    "validity.to validity-over",
  ]);
});

test("an asset named twice does not hide that another one is unknown", async () => {
  expect(await codes({ assets: ["alpha:panel", "alpha:panel", "alpha:none"] })).toEqual([
    "assets items-repeated",
    "assets.2 asset-not-registered",
  ]);
});

test("an element that an asset's public metadata lack is refused at its place; without metadata providers judge it", async () => {
  const query = { measures: [sum("output"), sum("nothing")], groupBy: [{ element: "year" }], filters: [] };
  const unknown = await problemsOf(request({ query }), { ...context, metadata });
  expect(unknown).toEqual([
    {
      field: "query.measures.1.statistic.element",
      code: "element-not-in-asset",
      parameters: { element: "nothing", assets: "alpha:panel", known: "year, output" },
    },
  ]);
  expect(await problemsOf(request({ query }), context)).toEqual([]);
  expect(await problemsOf(request({ query }), { ...context, metadata: async () => undefined })).toEqual([]);
});

test("anything that is no request is refused", async () => {
  for (const junk of [null, undefined, 1, "x", []]) {
    expect(await problemsOf(junk, context)).toMatchObject([{ field: "", code: "wrong-type" }]);
  }
});
