import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { names } from "./_network.ts";
import {
  countedFitting,
  countedIncluded,
  decodeBitmap,
  encodeBitmap,
  inAtom,
  registryFitting,
  registryIncluded,
  unitWeight,
} from "./cells.ts";
import { constantsFor } from "./constants.ts";
import type { Layout } from "./layout.ts";
import type { CellDimension } from "./opened.ts";

const members = names(12);
const flat = (atoms: number): CellDimension[] => [{ name: "cell", size: atoms }];
const layout = (atoms: number, over: Partial<Layout> = {}): Layout => ({
  atoms,
  components: [1],
  excluded: [],
  minimumOrganisations: 0,
  recordKeys: Array.from({ length: atoms }, () => []),
  units: Object.fromEntries(members.map((member) => [member, { kind: "provider" as const }])),
  sharedUnitDomains: false,
  chunkWords: 8,
  ...over,
});
/** need 5, d 1. */
const constants = constantsFor({ members: 12, drops: 1 });
const counted = (counts: readonly number[], over: Partial<Layout> = {}, dimensions = flat(counts.length)) =>
  countedIncluded(dimensions, members, counts, counts, constants, layout(counts.length, over));

test("a bitmap has one bit per atom, low bit first, and nothing beyond", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(99)), (atoms) => {
      const sorted = atoms.toSorted((a, b) => a - b);
      expect(decodeBitmap(encodeBitmap(100, sorted), 100)).toEqual(sorted);
    }),
  );
  expect(encodeBitmap(10, [0, 9])).toBe("AQI");
  expect(() => decodeBitmap("AQI", 9)).toThrow(/beyond 9 atoms/);
  expect(() => decodeBitmap("AQ", 10)).toThrow(/expected 2 bytes/);
});

describe("counted mode", () => {
  test("a cell is included iff k(S1) − d ≥ need", () => {
    expect(counted([6, 12, 0])).toEqual([0, 1]);
    // Five organisations would be below the minimum after one drop; left out, they are five together, which is enough.
    expect(counted([5, 12])).toEqual([1]);
  });

  test("left-out atoms jointly hold 0 or ≥ need contributors, else the smallest included atom goes too", () => {
    expect(counted([2, 6, 12])).toEqual([2]);
    expect(counted([2, 12, 12])).toEqual([2]);
    expect(counted([0, 12, 12])).toEqual([1, 2]);
    expect(counted([2])).toEqual([]);
  });

  test("what fits by its own numbers and is left out all the same is the complement of something smaller", () => {
    const fitting = (counts: readonly number[], over: Partial<Layout> = {}) =>
      countedFitting(members, counts, counts, constants, layout(counts.length, over));
    expect(fitting([2, 6, 12])).toEqual([1, 2]);
    expect(fitting([5, 12])).toEqual([1]);
    expect(fitting([2, 6, 12], { excluded: [2] })).toEqual([1]);
    expect(fitting([8, 12], { minimumOrganisations: 8 })).toEqual([1]);
  });

  test("every margin of a table obeys the left-out rule on its own", () => {
    const dimensions = [
      { name: "year", size: 2 },
      { name: "sector", size: 3 },
    ];
    // Year 0: sector 2 holds two. Five left-out organisations in year 1 must not excuse it.
    expect(counted([12, 8, 2, 12, 5, 12], {}, dimensions)).toEqual([0, 3]);
  });

  test("units left after removing the 1 + c + d largest weights must still be ≥ U", () => {
    const units = Object.fromEntries(members.map((member) => [member, { kind: "field" as const, domain: member }]));
    const strict = constantsFor({ members: 12, drops: 1, minimumUnits: 10 });
    const include = (total: number) => countedIncluded(flat(1), members, [8], [total], strict, layout(1, { units }));
    expect(unitWeight(layout(1, { units }), strict, "m001")).toBe(10);
    expect(unitWeight(layout(1), strict, "m001")).toBe(1);
    expect(include(40)).toEqual([0]);
    expect(include(39)).toEqual([]);
  });

  test("with shared unit domains Σu/N is tested against U", () => {
    const units = Object.fromEntries(members.map((member) => [member, { kind: "field" as const, domain: "persons" }]));
    const strict = constantsFor({ members: 12, drops: 1, minimumUnits: 10 });
    const include = (total: number) =>
      countedIncluded(flat(1), members, [8], [total], strict, layout(1, { units, sharedUnitDomains: true }));
    expect(include(30 + 80)).toEqual([0]);
    expect(include(30 + 79)).toEqual([]);
  });

  test("exact moments raise the minimum of a cell", () => {
    expect(counted([8, 12], { minimumOrganisations: 8 })).toEqual([1]);
    expect(counted([9, 12], { minimumOrganisations: 8 })).toEqual([0, 1]);
  });

  test("every result obeys the rules, and is the same for whoever computes it", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(12), { minLength: 1, maxLength: 10 }), (counts) => {
        const included = counted(counts);
        expect(counted(counts)).toEqual(included);
        for (const atom of included) expect(counts[atom]).toBeGreaterThanOrEqual(constants.need + constants.drops);
        const left = counts.filter((_, atom) => !included.includes(atom));
        const joint = Math.max(0, ...left);
        expect(included.length === 0 || joint === 0 || joint >= constants.need).toBe(true);
      }),
    );
  });
});

describe("registry mode", () => {
  const dimensions: CellDimension[] = [
    { name: "year", size: 2 },
    { name: "sector", size: 2, attribute: { name: "sector", values: ["x", "y"] } },
  ];
  const big = members.slice(0, 7);
  const small = members.slice(7);
  const contributors = [big, small, big, small];

  test("membership follows from public attributes alone", () => {
    const inside = (sector: string) => [0, 1, 2, 3].filter((atom) => inAtom(dimensions, { sector }, atom));
    expect(inside("x")).toEqual([0, 2]);
    expect(inside("y")).toEqual([1, 3]);
    expect(inside("z")).toEqual([]);
  });

  test("the contract's bitmap stands where nothing else forbids a cell", () => {
    expect(registryIncluded(dimensions, [0, 1, 2, 3], contributors, constants, layout(4))).toEqual([0, 1, 2, 3]);
    expect(registryIncluded(dimensions, [0, 2], contributors, constants, layout(4))).toEqual([0, 2]);
  });

  test("cells fit by their own contributors, whatever the contract left out beside them", () => {
    const fitting = (over: Partial<Layout> = {}) => registryFitting(contributors, constants, layout(4, over));
    expect(fitting()).toEqual([0, 1, 2, 3]);
    expect(fitting({ minimumOrganisations: 6 })).toEqual([0, 2]);
    expect(registryFitting([big, members.slice(0, 4)], constants, layout(2))).toEqual([0]);
  });

  test("cells too small for exact moments, and excluded ones, are left out on top, with their complements", () => {
    const include = (over: Partial<Layout>) =>
      registryIncluded(dimensions, [0, 1, 2, 3], contributors, constants, layout(4, over));
    expect(include({ minimumOrganisations: 6 })).toEqual([0, 2]);
    expect(include({ excluded: [1] })).toEqual([0, 2, 3]);
    const few = [members.slice(0, 10), members.slice(10), members.slice(0, 10), members.slice(10)];
    expect(registryIncluded(dimensions, [0, 2], few, constants, layout(4))).toEqual([]);
  });
});
