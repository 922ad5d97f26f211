/** Ways around the roles of columns, each through the engine: what stops it, and which column the answer names. */
import { describe, expect, test } from "vitest";
import { asset, context, draft, request } from "../_fixture.ts";
import type { Asset, Field } from "../model/asset.ts";
import type { PolicyDraft } from "../model/policy-of.ts";
import { policyOf } from "../model/policy-of.ts";
import type { Query } from "../model/query.ts";
import { decide } from "./decide.ts";
import { stopsOf } from "./stops.ts";

interface Change {
  readonly policy?: Partial<PolicyDraft>;
  readonly query?: object;
  readonly asset?: Partial<Asset>;
}
function judge({ policy, query, asset: held }: Change) {
  const asked = { ...request, query: { ...request.query, ...query } };
  return decide(policyOf({ ...draft, ...policy }), asked, { ...asset, ...held }, context);
}
const stops = (change: Change) => {
  const { outcome, verdicts } = judge(change);
  const blocked = verdicts
    .filter(({ reason }) => reason === "column-not-released")
    .map(({ compared }) => [compared.element, compared.operator, compared.figures]);
  return { outcome, said: stopsOf(verdicts).map(({ reason, columns }) => `${reason} ${columns.join()}`), blocked };
};
const sum = (element: string): Query["measures"] => [{ id: "s", statistic: { kind: "sum", element } }];
const DATED: Partial<Asset> = {
  fields: [...asset.fields, { name: "filed", element: "filed-on", type: "date" }],
  period: { from: "1935-01-01", to: "1937-12-31", field: "filed" },
};
const withField = (name: string, change: Partial<Field>): Partial<Asset> => ({
  fields: asset.fields.map((field) => (field.name === name ? { ...field, ...change } : field)),
});

describe("the aggregate of a single record that a filter picked", () => {
  test("an identity compared with a literal stops every figure, also where the policy opens the comparison", () => {
    const policy = { filter: { "person-id": { predicates: ["eq"] } } } as const;
    const filters = [{ element: "person-id", operator: "eq", values: ["p1"] }];
    expect(stops({ policy, query: { filters } })).toEqual({
      outcome: "refuse",
      said: ["identity-compared person-id"],
      blocked: [["person-id", "filter", ["year", "total"]]],
    });
  });

  test("a number compared with a literal of one's own choice stops every figure", () => {
    const filters = [
      { element: "staff", operator: "gteq", values: ["17"] },
      { element: "staff", operator: "lteq", values: ["17"] },
    ];
    expect(stops({ query: { filters } })).toMatchObject({
      outcome: "refuse",
      blocked: [["staff", "filter", ["year", "total"]]],
    });
  });

  test("a period of one day is such a comparison: its column is named", () => {
    const day = { period: { from: "1936-05-04", to: "1936-05-04" } };
    expect(stops({ asset: DATED, query: day })).toEqual({
      outcome: "refuse",
      said: ["period-not-aligned filed-on"],
      blocked: [["filed-on", "filter", ["year", "total"]]],
    });
    const month = { period: { from: "1936-05-01", to: "1936-05-31" } };
    expect(judge({ asset: DATED, query: month }).outcome).toBe("permit");
    expect(judge({ asset: DATED, policy: { periodStep: "year" }, query: month }).outcome).toBe("refuse");
    expect(judge({ asset: DATED, policy: { periodStep: "day" }, query: day }).outcome).toBe("permit");
  });
});

describe("join, then group", () => {
  test("a request has no joins: one that brings its own is not understood", () => {
    const join = { asset: "ge:panel", on: "person-id" };
    expect(judge({ query: { join } }).reasons).toEqual(["request-invalid"]);
  });

  test("a column that may be matched by is not one to group by or to add up", () => {
    const policy = { join: ["person-id", "note", "capital"], aggregate: {} };
    expect(stops({ policy, query: { groupBy: [{ element: "note" }], measures: sum("capital") } })).toMatchObject({
      outcome: "refuse",
      blocked: [
        ["note", "group", ["note", "s"]],
        ["capital", "aggregate", ["s"]],
      ],
    });
  });
});

describe("a ratio of two releases", () => {
  const ratio: Query["measures"] = [
    { id: "r", statistic: { kind: "ratio", numerator: "capital", denominator: "investment" } },
  ];
  const opens = (capital: readonly string[], investment: readonly string[]) =>
    ({ policy: { aggregate: { capital, investment } as never }, query: { measures: ratio } }) satisfies Change;

  test.each(["sum", "mean"])(
    "does not give the total of a column that only ratios are open for, beside a %s",
    (other) => {
      expect(stops(opens(["ratio"], ["ratio", other]))).toEqual({
        outcome: "refuse",
        said: ["column-derivable capital"],
        blocked: [["capital", "aggregate", ["r"]]],
      });
    },
  );

  test("is released where neither total is, and where both are", () => {
    expect(judge(opens(["ratio"], ["ratio"])).outcome).toBe("permit");
    expect(judge(opens(["ratio", "sum"], ["ratio", "mean"])).outcome).toBe("permit");
  });
});

describe("clipping, and the edge of a histogram", () => {
  const edges = ["0", "41", "42", "100000"];
  const histogram = { measures: [{ id: "h", statistic: { kind: "histogram", element: "staff" } }] };

  test("edges around one value are not those of the policy", () => {
    expect(stops({ query: { ...histogram, groupBy: [{ element: "staff", edges }] } })).toEqual({
      outcome: "refuse",
      said: ["edges-not-allowed staff"],
      blocked: [["staff", "group", ["staff", "h"]]],
    });
  });

  test.each(["clip", "bounds", "scale", "weights"])("a request with %s of its own is not understood", (name) => {
    const measures = [{ ...sum("investment")[0], [name]: { minimum: "0", maximum: "1" } }];
    expect(judge({ query: { measures } }).reasons).toEqual(["request-invalid"]);
  });
});

describe("grades and personal information", () => {
  const legal = (grade: Field["grade"]) => judge({ asset: withField("year", { grade: grade! }) }).outcome;

  test("figures have the highest grade of all columns they read, groups included, on each axis", () => {
    expect(legal({ legal: "important", level: "L1" })).toBe("wait");
    expect(legal({ legal: "general", level: "L4" })).toBe("wait");
    expect(legal({ legal: "general", level: "L3" })).toBe("permit");
    expect(judge({ asset: withField("capital", { grade: { legal: "core", level: "L4" } }) }).outcome).toBe("permit");
  });

  test("a column without a grade has the asset's, however low the others are", () => {
    const low = { legal: "general", level: "L1" } as const;
    const grade = { legal: "important", level: "L2" } as const;
    expect(judge({ asset: { ...withField("invest", { grade: low }), grade } }).outcome).toBe("wait");
  });

  test("personal information wants a basis and a retention that the policy states", () => {
    const held = withField("year", { personal: true });
    expect(stops({ asset: held }).said).toEqual(["personal-needs-basis year", "personal-needs-retention year"]);
    const policy = { legalBases: ["statistics-law"], retentionDays: 90 };
    expect(judge({ asset: held, policy }).outcome).toBe("permit");
    expect(stops({ asset: held, policy: { retentionDays: 90 } }).said).toEqual(["personal-needs-basis year"]);
  });
});
