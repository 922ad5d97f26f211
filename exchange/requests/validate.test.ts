import { expect, test } from "vitest";
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
const context = {
  now: "2026-11-22T08:00:00.000Z",
  directory: {
    member: async (id: string) => MEMBERS[id],
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

test("a sound request has no problem", async () => {
  expect(await problemsOf(request(), context)).toEqual([]);
});

test.each<[string, Partial<DataRequest>, string]>([
  ["reviewed: the receiver is not of the requester's group", { receiver: "sister" }, "receiver roles-not-separate"],
  ["reviewed: the receiver is not the requester", { receiver: "ministry" }, "receiver roles-not-separate"],
  ["coordinator and receiver differ", { coordinator: "bureau" }, "coordinator roles-not-separate"],
  ["coordinator and requester differ", { coordinator: "sister" }, "coordinator roles-not-separate"],
  ["the coordinator can be reached", { coordinator: "silent" }, "coordinator no-endpoint"],
  ["direct: the receiver is the requester", { receiverMode: "direct" }, "receiver direct-receiver"],
  ["a withdrawn asset cannot be asked for", { assets: ["gone:panel"] }, "assets.0 withdrawn-asset"],
  ["an unknown asset cannot be asked for", { assets: ["alpha:none"] }, "assets.0 unknown-asset"],
  ["an unknown member cannot receive", { receiver: "nobody" }, "receiver unknown-member"],
  ["the validity is not over", { validity: { from: "2020-01-01", to: "2020-02-01" } }, "validity.to past"],
  ["dates exist", { validity: { from: "2026-02-30", to: "2027-01-01" } }, "validity.from date"],
])("%s", async (_promise, change, problem) => {
  expect(await codes(change)).toContain(problem);
});

test("every problem is listed at once", async () => {
  const problems = await codes({ coordinator: "bureau", assets: ["gone:panel", "alpha:none"] });
  expect(problems).toEqual(["coordinator roles-not-separate", "assets.0 withdrawn-asset", "assets.1 unknown-asset"]);
});

test("a malformed document names its wrong and unknown fields", async () => {
  const problems = await problemsOf({ ...(request() as object), retentionDays: 0, extra: 1 }, context);
  expect(problems.map(({ field }) => field)).toEqual(expect.arrayContaining(["retentionDays", "extra"]));
});
