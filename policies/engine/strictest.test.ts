import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { asset, draft, request } from "../_fixture.ts";
import type { Asset } from "../model/asset.ts";
import { strictestOutput } from "../model/output-terms.ts";
import { parsePolicy } from "../model/parse-policy.ts";
import { type PolicyDraft, policyOf } from "../model/policy-of.ts";
import type { PolicyTerms } from "../model/terms.ts";
import { type CohortParty, type CohortPlan, strictest } from "./strictest.ts";

const termsOf = (change: Partial<PolicyDraft>): PolicyTerms => {
  const parsed = parsePolicy(policyOf({ ...draft, ...change }));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.terms;
};
const party = (n: number, change: Partial<PolicyDraft> = {}, assetChange: Partial<Asset> = {}): CohortParty => {
  const provider = `member-${n}`;
  const id = `${provider}:panel`;
  return {
    policy: termsOf({ ...change, asset: id, provider }),
    asset: { ...asset, id, provider, ...assetChange },
  };
};
const parties = (n: number, change: Partial<PolicyDraft> = {}) => Array.from({ length: n }, (_, i) => party(i, change));
const plan: CohortPlan = {
  query: request.query,
  cellMode: "registry",
  receiverMode: "reviewed",
  method: "mask",
  receiver: "bureau",
  coordinatorIsSequencer: true,
};
const codes = (cohort: readonly CohortParty[], change: Partial<CohortPlan> = {}) => {
  const result = strictest(cohort, { ...plan, ...change });
  return result.ok ? [] : result.problems.map(({ code }) => code);
};
const measuring = (statistic: CohortPlan["query"]["measures"][number]["statistic"]): Partial<CohortPlan> => ({
  query: { ...plan.query, measures: [{ id: "m", statistic }] },
});

describe("constants of a cohort", () => {
  test("are those of the strictest policy", () => {
    const cohort = [...parties(9), party(9, { minimumOrganisations: 7 }), party(10, { colluders: 2, drops: 1 })];
    expect(strictest(cohort, plan)).toEqual({
      ok: true,
      exactMomentsTrusted: false,
      output: strictestOutput([]),
      constants: {
        members: 11,
        threshold: 8,
        quorum: 8,
        minimumOrganisations: 7,
        minimumUnits: 0,
        colluders: 2,
        drops: 1,
        need: 7,
      },
    });
  });

  test("hold need = max(m, 3 + c)", () => {
    const result = strictest(parties(11, { minimumOrganisations: 3, colluders: 2 }), plan);
    expect(result.ok && result.constants.need).toBe(5);
  });

  test("let three or four organisations run only where every policy says c = 0", () => {
    const change = { minimumOrganisations: 3, colluders: 0 };
    expect(codes(parties(3, change))).toEqual([]);
    expect(codes([...parties(2, change), party(2, { minimumOrganisations: 3 })])).toContain("too-many-colluders");
    expect(codes(parties(4, { minimumOrganisations: 3 }))).toEqual(["too-many-colluders"]);
  });

  test("rise with sums of squares, where any policy has a rule about the largest contributors and a total is asked for", () => {
    const review = { receiverModes: ["reviewed"] as const, minimumOrganisations: 3 };
    const ruled = { ...review, output: { dominance: [{ largest: "1", percent: "60" }] } };
    const needed = (cohort: readonly CohortParty[], change: Partial<CohortPlan> = {}) => {
      const result = strictest(cohort, { ...plan, receiverMode: "reviewed", receiver: "bureau", ...change });
      return result.ok ? [result.constants.minimumOrganisations, result.output.protectionInterval] : result.problems;
    };
    const total = measuring({ kind: "sum", element: "investment" });
    const count = measuring({ kind: "count" });
    expect(needed(parties(10, review), total)).toEqual([3, null]);
    expect(needed([...parties(9, review), party(9, ruled)], total)).toEqual([6, "10"]);
    expect(needed([...parties(9, review), party(9, ruled)], count)).toEqual([3, "10"]);
    const trusting = { exactMomentsTrusted: ["bureau"] };
    expect(needed(parties(10, { ...ruled, ...trusting }), total)).toEqual([3, "10"]);
    expect(needed([...parties(9, { ...ruled, ...trusting }), party(9, review)], total)).toEqual([6, "10"]);
  });

  test("round for all where one policy wants it, and refuse what rounded sums do not give or another unit", () => {
    const review = { receiverModes: ["reviewed"] as const, minimumOrganisations: 3 };
    const rounded = {
      ...review,
      output: { rounding: [{ base: "5" }, { element: "investment", base: "10", unit: "USD-M" }] },
    };
    const run = (change: Partial<CohortPlan>, last: Parameters<typeof party>[1] = rounded) => {
      const plans = { ...plan, receiverMode: "reviewed" as const, receiver: "bureau", ...change };
      const result = strictest([...parties(9, review), party(9, last)], plans);
      return result.ok ? result.output.rounding : result.problems.map(({ code }) => code);
    };
    const total = measuring({ kind: "sum", element: "investment" });
    expect(run(total)).toEqual(rounded.output.rounding);
    expect(run(measuring({ kind: "variance", element: "investment" }))).toContain("rounding-statistic");
    const other = { ...review, output: { rounding: [{ element: "investment", base: "10", unit: "USD" }] } };
    expect(run(total, other)).toContain("rounding-unit");
    expect(run(measuring({ kind: "count" }), other)).toEqual(other.output.rounding);
  });

  test("rise with exact moments, unless every provider trusts the release authority with them", () => {
    const variance = measuring({ kind: "variance", element: "investment" });
    const regression = measuring({ kind: "regression", dependent: "investment", independents: ["investment-2"] });
    const need = (cohort: readonly CohortParty[], change: Partial<CohortPlan>) => {
      const result = strictest(cohort, { ...plan, cellMode: "counted", ...change });
      return result.ok && result.constants.need;
    };
    const trust = { exactMomentsTrusted: ["bureau"] };
    expect(need(parties(11), variance)).toBe(6);
    expect(need(parties(11, trust), variance)).toBe(5);
    expect(need([...parties(10, trust), party(10)], variance)).toBe(6);
    expect(need(parties(11, trust), regression)).toBe(7);
  });

  test("never become weaker when a party joins", () => {
    const change = fc.record({
      minimumOrganisations: fc.integer({ min: 3, max: 12 }),
      minimumUnits: fc.integer({ min: 0, max: 3 }),
      colluders: fc.integer({ min: 0, max: 3 }),
      drops: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 20, maxLength: 25 }), change, (changes, another) => {
        const before = strictest(
          changes.map((one, i) => party(i, one)),
          plan,
        );
        const after = strictest(
          [...changes, another].map((one, i) => party(i, one)),
          plan,
        );
        if (!before.ok || !after.ok) throw new Error("refused");
        for (const name of ["need", "minimumOrganisations", "minimumUnits", "colluders", "drops"] as const) {
          expect(after.constants[name]).toBeGreaterThanOrEqual(before.constants[name]);
        }
      }),
      { numRuns: 20 },
    );
  });
});

describe("a combination that cannot run says why", () => {
  test("too few members, too many colluders", () => {
    expect(codes(parties(4))).toContain("cohort-too-small");
    expect(codes(parties(9, { colluders: 5 }))).toContain("too-many-colluders");
    expect(codes(parties(9, { drops: 3 }))).toEqual(["too-many-drops"]);
    expect(codes(parties(9, { minimumOrganisations: 8, drops: 2 }))).toEqual(["cohort-too-small"]);
    expect(codes([])).toContain("cohort-too-small");
  });
  test("counted cells where one policy keeps counts closed", () => {
    const cohort = [...parties(10), party(10, { counts: "closed" })];
    expect(codes(cohort, { cellMode: "counted" })).toEqual(["counts-closed"]);
  });
  test("registry cells where a value may be missing", () => {
    const change = measuring({ kind: "sum", element: "capital" });
    expect(new Set(codes(parties(11), change))).toEqual(new Set(["counted-mode-needed"]));
  });
  test("units to be counted where there is no count", () => {
    const drawn: Partial<Asset> = { unit: { kind: "field", field: "person" }, unitDomain: "d" };
    const cohort = [...parties(10), party(10, { minimumUnits: 10 }, drawn)];
    expect(codes(cohort)).toEqual(["units-need-counted-mode"]);
    expect(codes(cohort, { cellMode: "counted" })).toEqual([]);
  });
  test("but a silent policy asks for units only where they are counted", () => {
    const cohort = [...parties(10), party(10, {}, { unit: { kind: "field", field: "person" }, unitDomain: "d" })];
    const units = (cellMode: CohortPlan["cellMode"]) => {
      const result = strictest(cohort, { ...plan, cellMode });
      return result.ok && result.constants.minimumUnits;
    };
    expect(units("registry")).toBe(0);
    expect(units("counted")).toBe(10);
  });
  test("a receiver, a mode or roles that one policy does not allow", () => {
    const other = (change: Partial<PolicyDraft>) => [...parties(10), party(10, change)];
    expect(codes(other({ releaseAuthorities: ["ministry"] }))).toEqual(["receiver-not-authority"]);
    expect(codes(other({ receiverModes: ["direct"], releaseAuthorities: undefined }))).toContain(
      "receiver-mode-not-allowed",
    );
    expect(codes(other({ coordinatorMayBeSequencer: false }))).toEqual(["coordinator-is-sequencer"]);
    const dimensions = { query: { ...plan.query, groupBy: [{ element: "year" }, { attribute: "sector" }] } };
    expect(new Set(codes(parties(11), { ...dimensions, receiverMode: "direct" }))).toEqual(
      new Set(["dimensions-need-review"]),
    );
  });
  test("one organisation twice, one population twice, two kinds of unit in one count", () => {
    expect(codes([...parties(10), party(0)])).toContain("organisation-repeated");
    const drawn: Partial<Asset> = { unit: { kind: "field", field: "person" }, unitDomain: "residents" };
    const cohort = [...parties(9), party(9, {}, drawn), party(10, {}, drawn)];
    expect(codes(cohort, { cellMode: "counted" })).toEqual(["unit-domain-shared"]);
    expect(codes(cohort, { cellMode: "counted", ...measuring({ kind: "count" }) })).toContain("unit-kinds-differ");
  });
  test("a policy of another asset", () => {
    const mixed = { policy: party(1).policy, asset: party(0).asset };
    expect(codes([mixed, ...parties(11).slice(1)])).toEqual(["policy-of-another-asset"]);
  });
});
