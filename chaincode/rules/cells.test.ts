import fc from "fast-check";
import { expect, test } from "vitest";
import { atomCount, digitsOf, keepsMinimum, registryBitmap } from "./cells.ts";
import type { CellDimension } from "./transactions.ts";

const sector = (...values: string[]): CellDimension => ({
  name: "sector",
  size: values.length,
  attribute: { name: "sector", values },
});

/** Members m0, m1, ... in the given sectors. */
function cellsOf(dimensions: readonly CellDimension[], sectors: readonly string[], need: number) {
  const members = sectors.map((_, at) => `m${String(at).padStart(3, "0")}`);
  const pinned = members.map((member, at) => ({
    member,
    holdingGroup: member,
    digits: digitsOf(dimensions, { sector: sectors[at] ?? "" }),
  }));
  return { cells: { dimensions, pinned, need }, members };
}

function includedAtoms(dimensions: readonly CellDimension[], sectors: readonly string[], need: number): number[] {
  const { cells, members } = cellsOf(dimensions, sectors, need);
  const { bitmap, atoms, included } = registryBitmap(cells, members);
  const bytes = Buffer.from(bitmap, "base64url");
  const found = Array.from({ length: atoms }, (_, i) => i).filter((i) => ((bytes[i >> 3] ?? 0) >> (i & 7)) & 1);
  expect(found).toHaveLength(included);
  return found;
}

const repeat = (count: number, value: string): string[] => Array.from({ length: count }, () => value);

test("a cell is included when need members or more are in it", () => {
  const members = [...repeat(6, "a"), ...repeat(5, "b"), ...repeat(4, "c"), ...repeat(4, "d")];
  expect(includedAtoms([sector("a", "b", "c", "d")], members, 5)).toEqual([0, 1]);
});

test("left-out cells that jointly hold fewer than need members draw in the smallest included one", () => {
  const members = [...repeat(7, "a"), ...repeat(6, "b"), ...repeat(2, "c")];
  expect(includedAtoms([sector("a", "b", "c")], members, 5)).toEqual([0]);
});

test("of equally small cells the lowest atom is left out", () => {
  const members = [...repeat(6, "a"), ...repeat(6, "b"), ...repeat(2, "c")];
  expect(includedAtoms([sector("a", "b", "c")], members, 5)).toEqual([1]);
});

test("the demonstration's small sectors, jointly five, stay alone", () => {
  const members = [...repeat(6, "metals"), ...repeat(2, "oil"), "rubber", "office", "chemicals"];
  expect(includedAtoms([sector("chemicals", "metals", "office", "oil", "rubber")], members, 5)).toEqual([1]);
});

test("the Shaoxing cells: 17 released, 18 and its complement 28 left out", () => {
  const members = [...repeat(4, "17"), "18", ...repeat(3, "28")];
  expect(includedAtoms([sector("17", "18", "28")], members, 3)).toEqual([0]);
});

test("no dimension is one cell of all members", () => {
  expect(includedAtoms([], repeat(5, ""), 5)).toEqual([0]);
  expect(includedAtoms([], repeat(4, ""), 5)).toEqual([]);
});

test("every margin of a table of two registry dimensions obeys the rule on its own", () => {
  const region: CellDimension = { name: "region", size: 2, attribute: { name: "region", values: ["n", "s"] } };
  const dimensions = [sector("a", "b"), region];
  // Only b/n (2) is too small; the margins of region n and of sector b would both give it away.
  const people = [...repeat(6, "a n"), ...repeat(5, "a s"), ...repeat(2, "b n"), ...repeat(7, "b s")];
  const pinned = people.map((person, at) => {
    const [one = "", two = ""] = person.split(" ");
    const member = `m${String(at).padStart(3, "0")}`;
    return { member, holdingGroup: member, digits: digitsOf(dimensions, { sector: one, region: two }) };
  });
  const members = pinned.map(({ member }) => member);
  const { included } = registryBitmap({ dimensions, pinned, need: 5 }, members);
  // So a/n joins it in region n and b/s in sector b; a/s stays, beside 6 in sector a and 7 in region s.
  expect(included).toBe(1);
});

test("a member contributes to every digit of a dimension that is no registry attribute", () => {
  const year: CellDimension = { name: "year", size: 2 };
  const members = [...repeat(5, "a"), ...repeat(4, "b"), "b"];
  expect(includedAtoms([sector("a", "b"), year], members, 5)).toEqual([0, 1, 2, 3]);
  expect(includedAtoms([year, sector("a", "b")], [...repeat(5, "a"), ...repeat(5, "c")], 5)).toEqual([0, 2]);
});

test("a member outside all listed values is in no cell", () => {
  expect(digitsOf([sector("a")], { sector: "z" })).toBeNull();
  expect(digitsOf([sector("a")], {})).toBeNull();
});

test("survivors keep the minimum of exactly the included cells", () => {
  const { cells, members } = cellsOf([sector("a", "b")], [...repeat(6, "a"), ...repeat(2, "b"), ...repeat(3, "b")], 5);
  expect(keepsMinimum(cells, members, members)).toBe(true);
  expect(keepsMinimum(cells, members, members.slice(1))).toBe(true);
  expect(keepsMinimum(cells, members, members.slice(2))).toBe(false);
  const small = cellsOf([sector("a", "b")], [...repeat(6, "a"), ...repeat(4, "b"), "z"], 4);
  expect(keepsMinimum(small.cells, small.members, small.members.slice(1))).toBe(true);
  expect(keepsMinimum(small.cells, small.members, small.members.slice(0, 9))).toBe(false);
});

test("for every cohort: included cells have need members, and left-out ones jointly none or need", () => {
  const cohort = fc.array(fc.constantFrom("a", "b", "c", "d", "outside"), { maxLength: 40 });
  fc.assert(
    fc.property(cohort, fc.integer({ min: 3, max: 8 }), (sectors, need) => {
      const values = ["a", "b", "c", "d"];
      const included = includedAtoms([sector(...values)], sectors, need);
      const counts = values.map((value) => sectors.filter((one) => one === value).length);
      for (const atom of included) expect(counts[atom]).toBeGreaterThanOrEqual(need);
      const leftOut = counts.reduce((sum, count, atom) => (included.includes(atom) ? sum : sum + count), 0);
      if (included.length > 0) expect(leftOut === 0 || leftOut >= need).toBe(true);
    }),
  );
});

test("atoms are the product of the dimensions", () => {
  expect(
    atomCount([
      { name: "a", size: 3 },
      { name: "b", size: 4 },
    ]),
  ).toBe(12);
  expect(atomCount([])).toBe(1);
});
