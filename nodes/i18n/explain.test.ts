import { describe, expect, test } from "vitest";
import { checkDescription } from "../../exchange/catalog/check-description.ts";
import { problemsOf } from "../../exchange/requests/validate.ts";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import type { Problem } from "../../policies/model/problem.ts";
import { parseConfig } from "../config/node-config.ts";
import { explain, explainAt } from "./explain.ts";
import { createTexts } from "./text.ts";

const en = createTexts("en");
const zh = createTexts("zh-CN");

describe("a problem", () => {
  test("with parameters is told by its text alone, in the reader's language", () => {
    const problem = { field: "limits.bodyBytes", code: "too-small", parameters: { limit: 1, got: "0" }, detail: "x" };
    expect(explainAt(problem, en)).toBe("limits.bodyBytes: at least 1 is wanted, got 0");
    expect(explainAt(problem, zh)).toBe("limits.bodyBytes：不得小于 1，实际为 0");
  });

  test("without parameters is followed by the technical detail", () => {
    const problem = { field: "", code: "signature", detail: "does not verify under key k" };
    expect(explainAt(problem, zh)).toBe("（整个文件）：签名无效 （技术细节：does not verify under key k）");
  });

  test("whose detail says no more than its code is told by its text alone", () => {
    expect(explain({ code: "stalled", detail: "stalled" }, en)).toBe("nothing was taken for a minute");
  });

  test("of another version is named by its code, never in English only", () => {
    expect(explain({ code: "brand-new", detail: "something new" }, zh)).toMatch(/^本版本不认识的问题 brand-new/);
  });

  test("names states and outcomes in the reader's language", () => {
    expect(explain({ code: "request-over", parameters: { state: "cancelled" } }, zh)).toBe("该申请的状态已是：已撤销");
    expect(explain({ code: "request-over", parameters: { state: "toString" } }, zh)).toContain("toString");
  });
});

/** Documents with everything wrong that these checks know. */
const found: Readonly<Record<string, () => Promise<readonly Problem[]> | readonly Problem[]>> = {
  description: () =>
    checkDescription(
      {
        id: "beta:x",
        fields: [
          { name: "a", element: "a", type: "decimal", bounds: { minimum: "9", maximum: "1.5" }, identity: true },
          { name: "a", element: "a", type: "code" },
          { name: "c", element: "c", type: "code", codeTable: "none", roundedFromFloat: true, scale: 10 },
          { name: "d", element: "d", type: "text", codeTable: "t", bounds: { minimum: "0", maximum: "1" }, scale: 2 },
          { name: "e", element: "e e", type: "integer" },
          { name: "f", element: "f", type: "decimal", scale: 1, bounds: { minimum: "zero", maximum: "1" } },
        ],
        codeTables: { t: [{ code: "1" }, { code: "1" }], empty: [] },
        unit: { kind: "field", field: "a" },
        period: { from: "2021-02-30", to: "2020-01-01", field: "a" },
        keywords: "x",
        more: 1,
      },
      "alpha",
      [
        { name: "a", stored: "other" },
        { name: "f", stored: "float" },
      ],
    ).problems,
  request: () =>
    problemsOf(
      {
        id: "x",
        requester: "ministry",
        receiver: "nobody",
        coordinator: "ministry",
        receiverMode: "direct",
        purpose: { code: "p", text: " " },
        query: {
          measures: [
            { id: "n", statistic: { kind: "count" } },
            { id: "n", statistic: { kind: "most" } },
          ],
          groupBy: [{ attribute: "w" }, { attribute: "w" }],
          filters: [],
        },
        assets: ["alpha:none", "alpha:none", "gone:x"],
        recipients: ["asleep"],
        validity: { from: "2026-13-01", to: "2020-01-01" },
      },
      {
        now: "2026-11-22T08:00:00.000Z",
        directory: {
          attributes: async () => ({}),
          request: async () => undefined,
          asset: async (id) => (id === "gone:x" ? ({ id, withdrawn: true } as never) : undefined),
          member: async (id) =>
            id === "nobody"
              ? undefined
              : { id, active: id !== "asleep", kind: "industry", holdingGroup: "g", attributes: {} },
        },
      },
    ),
  policy: () => {
    const parsed = parsePolicy({
      "@type": "Offer",
      "@id": "p",
      profile: "urn:other",
      target: "ge:panel",
      assigner: "acme",
      permission: [
        { action: "use", constraint: [{ leftOperand: "weather", operator: "eq", rightOperand: "fine" }] },
        { action: "sell" },
        { action: "aggregate", constraint: [{ leftOperand: "sealane:element", operator: "lt", rightOperand: [] }] },
        { action: "sealane:filter" },
      ],
      prohibition: [{ action: "use" }],
    });
    return parsed.ok ? [] : parsed.problems;
  },
  configuration: () => {
    try {
      parseConfig({ member: { id: "A", kind: "bank" }, limits: { bodyBytes: 0, longPollMs: 1e9 }, odd: 1, log: 7 });
      return [];
    } catch (error) {
      return (error as { problems: readonly Problem[] }).problems;
    }
  },
};

describe.each(Object.keys(found))("everything wrong with a %s", (name) => {
  test.each([en, zh])("is told in whole sentences, with every value filled in", async (texts) => {
    const problems = (await found[name]?.()) ?? [];
    expect(problems.length).toBeGreaterThan(5);
    for (const problem of problems) {
      expect(problem.parameters).toBeDefined();
      const said = explain(problem, texts);
      expect(said).not.toMatch(/\{\w+\}/);
      if (texts.language === "zh-CN") expect(said).toMatch(/[\u4e00-\u9fff]/);
    }
  });
});
