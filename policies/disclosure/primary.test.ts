import { describe, expect, test } from "vitest";
import type { CellSums } from "./contributors.ts";
import { sumsOf } from "./contributors.ts";
import { largestContributors } from "./largest-contributors.ts";
import { type CellRules, primaryCells, rulesAgainst } from "./primary.ts";
import { addUp, flatAxis, shapeOf, TOTAL } from "./shape.ts";

const RULES: CellRules = { minimumOrganisations: 3, minimumUnits: 10, concentration: [], zerosTell: true };
const EMPTY: CellSums = { organisations: 0, total: 0n, squares: 0n };

describe("single cells", () => {
  const three = sumsOf([5n, 4n, 3n]);
  test("organisations and units below their minimum, exactly", () => {
    expect(rulesAgainst({ ...three, units: 10 }, RULES)).toEqual([]);
    expect(rulesAgainst({ ...three, units: 9 }, RULES)).toEqual(["minimum-units"]);
    expect(rulesAgainst({ ...sumsOf([5n, 4n]), units: 10 }, RULES)).toEqual(["minimum-organisations"]);
  });
  test("units that nobody counted are none", () => {
    expect(rulesAgainst(three, RULES)).toEqual(["minimum-units"]);
    expect(rulesAgainst(three, { ...RULES, minimumUnits: 0 })).toEqual([]);
  });
  test("a total of nothing over somebody tells all of them, and over nobody tells nothing", () => {
    expect(rulesAgainst({ ...sumsOf([0n, 0n, 0n]), units: 10 }, RULES)).toEqual(["zero-total"]);
    expect(rulesAgainst(EMPTY, RULES)).toEqual([]);
    expect(rulesAgainst({ ...sumsOf([0n, 0n, 0n]), units: 10 }, { ...RULES, zerosTell: false })).toEqual([]);
  });
  test("a count that is not a number withholds", () => {
    const unknown = { ...three, organisations: Number.NaN, units: Number.NaN };
    expect(rulesAgainst(unknown, RULES)).toEqual(["minimum-organisations", "minimum-units"]);
  });
});

describe("tables", () => {
  const shape = shapeOf([flatAxis("class", ["low", "high", "none"])]);
  const facts = (low: CellSums, high: CellSums, none: CellSums): CellSums[] => {
    const inner = [low, high, none];
    const total = sumsOf([]);
    return [
      inner.reduce(
        (sum, one) => ({
          organisations: sum.organisations + one.organisations,
          total: sum.total + one.total,
          squares: sum.squares + one.squares,
        }),
        total,
      ),
      ...inner,
    ];
  };
  const rules = { ...RULES, minimumUnits: 0 };

  test("100 %: everything in one of several filled cells", () => {
    const found = primaryCells(facts(sumsOf([3n, 3n, 3n]), sumsOf([0n, 0n, 0n]), EMPTY), shape.relations, rules);
    expect([...found]).toEqual([
      [2, ["zero-total"]],
      [1, ["whole-total"]],
    ]);
  });
  test("everything in the only filled cell is no secret", () => {
    expect(primaryCells(facts(sumsOf([3n, 3n, 3n]), EMPTY, EMPTY), shape.relations, rules).size).toBe(0);
  });

  test("an attacker holds at most what the sums allow, and all of what it is alone in", () => {
    const [one, ...others] = largestContributors(shape, facts(sumsOf([7n]), sumsOf([4n, 4n]), EMPTY), "one-cell");
    expect(one!.holds).toEqual(
      new Map([
        [1, { atLeast: 7, atMost: 7 }],
        [0, { atLeast: 0, atMost: 7 }],
      ]),
    );
    expect(others.map(({ holds }) => holds.get(2))).toEqual([{ atLeast: 0, atMost: 4 }]);
    const [everywhere, other, none] = largestContributors(
      shape,
      facts(sumsOf([7n]), sumsOf([4n, 4n]), EMPTY),
      "any-cell",
    );
    // To whoever is not alone in the first cell, it is as unknown as to the public.
    expect(other!.holds).toEqual(
      new Map([
        [0, { atLeast: 0, atMost: 4 }],
        [2, { atLeast: 0, atMost: 4 }],
      ]),
    );
    expect(none).toBeUndefined();
    expect(everywhere!.holds.get(0)).toEqual({ atLeast: 0, atMost: 11 });
    expect(everywhere!.holds.get(1)).toEqual({ atLeast: 7, atMost: 7 });
    expect(everywhere!.holds.has(3)).toBe(false);
  });
  test("an attacker does not know a zero that it shares with others", () => {
    const zeros = facts(sumsOf([7n, 7n]), sumsOf([0n, 0n]), sumsOf([0n]));
    for (const placed of ["one-cell", "any-cell"] as const) {
      const attackers = largestContributors(shape, zeros, placed);
      expect(attackers.some(({ holds }) => holds.has(2))).toBe(false);
      expect(attackers.some(({ holds }) => holds.has(3))).toBe(true);
    }
  });
  test("a number of organisations that may be too high passes no minimum and gives no attackers", () => {
    const two = { ...sumsOf([4n, 4n]), mayBeFewer: true } as const;
    expect(rulesAgainst(two, { ...rules, minimumOrganisations: 2 })).toEqual(["minimum-organisations"]);
    for (const placed of ["one-cell", "any-cell"] as const) {
      expect(() => largestContributors(shape, [two, two, EMPTY, EMPTY], placed)).toThrow(
        /got one that may be too high/,
      );
    }
  });
});

describe("shapes", () => {
  const nested = {
    name: "industry",
    codes: [
      { code: TOTAL },
      { code: "17", within: TOTAL },
      { code: "171", within: "17" },
      { code: "172", within: "17" },
    ],
  };
  test("every cell with parts is their sum, along each axis", () => {
    const shape = shapeOf([nested, flatAxis("year", ["2024", "2025"])]);
    const values = addUp(shape, [1, 2, 4, 8]);
    expect(shape.inner).toHaveLength(4);
    expect(values[0]).toBe(15);
    for (const { total, parts } of shape.relations) {
      expect(values[total]).toBe(parts.reduce((sum, part) => sum + values[part]!, 0));
    }
    expect(shape.relations).toHaveLength(2 * 3 + 4);
  });
  test("axes that are no trees, and more than three, are refused", () => {
    expect(() => shapeOf([])).toThrow(/wanted 1 to 3, got 0/);
    expect(() => shapeOf(new Array(4).fill(nested))).toThrow(/got 4/);
    expect(() => shapeOf([{ name: "a", codes: [{ code: "x" }, { code: "x" }] }])).toThrow(/a code occurs twice/);
    expect(() => shapeOf([{ name: "a", codes: [{ code: "x", within: "y" }] }])).toThrow(/which is no code/);
    const loop = [
      { code: "x", within: "y" },
      { code: "y", within: "x" },
    ];
    expect(() => shapeOf([{ name: "a", codes: loop }])).toThrow(/within itself/);
  });
});
