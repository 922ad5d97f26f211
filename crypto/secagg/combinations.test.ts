import fc from "fast-check";
import { expect, test } from "vitest";
import { tellsFew } from "./combinations.ts";

const NEED = 3;
const itself = (name: string) => name;
const of = (letters: string) => letters.split("");
const tells = (earlier: readonly string[], later: string) => tellsFew(earlier.map(of), of(later), NEED, itself);

test("two that overlap in one, and the sum over both, tell the one", () => {
  expect(tells(["abcd", "defg"], "abcdefg")).toBe(true);
  expect(tells(["abcdefg", "abcd"], "defg")).toBe(true);
  // Three in common are enough.
  expect(tells(["abcdef", "defghi"], "abcdefghi")).toBe(false);
});

test("three that share nobody, less the sum over all, tell who is in none of them", () => {
  expect(tells(["abc", "def", "ghi"], "abcdefghij")).toBe(true);
  expect(tells(["abc", "def", "ghi"], "abcdefghijkl")).toBe(false);
});

test("nested sets that differ by enough tell nobody, however many they are", () => {
  expect(tells(["abc", "abcdef", "abcdefghi"], "abcdefghijkl")).toBe(false);
});

test("what follows from the earlier ones tells nothing new, and what they told before is no reason any more", () => {
  expect(tells(["abc", "def"], "abcdef")).toBe(false);
  expect(tells(["abcd", "abc"], "abcdefg")).toBe(false);
});

test("twice a contributor and a fraction count too: half of a sum of three overlapping sums", () => {
  // ab + bc + ca = 2 (a + b + c), each letter a pair of contributors; with one more beside all three sums.
  expect(tells(["abcd", "cdef", "efab"], "abcdefx")).toBe(true);
});

test("affiliates are one, however many of them a combination concerns", () => {
  // a - b + c of one group is left of these four; the other letters are nobody's affiliates.
  const sums = ["zapqrstu", "zpqrvwx", "zbstuyjk"];
  const last = "zcvwxyjk";
  const groupOf = (name: string) => ("abc".includes(name) ? "group" : name);
  expect(tellsFew(sums.map(of), of(last), NEED, itself)).toBe(false);
  expect(tellsFew(sums.map(of), of(last), NEED, groupOf)).toBe(true);
});

test("where more sets would have to be looked at than can be, nothing is proven", () => {
  const many = Array.from({ length: 64 }, (_, at) => `m${at}`);
  const halves = Array.from({ length: 6 }, (_, bit) => many.filter((_name, at) => (at >> bit) % 2 === 0));
  expect(tellsFew(halves.slice(1), halves[0]!, 8, itself)).toBe(true);
});

test("finds exactly what trying small combinations finds", () => {
  const names = of("abcdefg");
  const sets = fc.array(fc.subarray(names, { minLength: 1 }), { minLength: 2, maxLength: 4 });
  // Some of them are affiliates.
  const groups = fc.array(fc.constantFrom(..."1234567"), { minLength: names.length, maxLength: names.length });
  const factors = [-2, -1, 0, 1, 2];
  const concerned = (
    all: readonly (readonly string[])[],
    groupOf: (name: string) => string,
    isMet: (few: number) => boolean,
  ): boolean => {
    const tried = (at: number, weights: readonly number[]): boolean => {
      if (at < all.length) return factors.some((factor) => tried(at + 1, [...weights, factor]));
      const told = names.filter((name) => all.some((set) => set.includes(name)));
      const total = (name: string) => all.reduce((sum, set, i) => sum + (set.includes(name) ? weights[i]! : 0), 0);
      return isMet(new Set(told.filter((name) => total(name) !== 0).map(groupOf)).size);
    };
    return tried(0, []);
  };
  const isFew = (few: number) => few > 0 && few < NEED;
  let found = 0;
  fc.assert(
    fc.property(sets, groups, (all, group) => {
      const [later, ...earlier] = all;
      const groupOf = (name: string) => group[names.indexOf(name)]!;
      if (concerned(earlier, groupOf, isFew)) return;
      const isTold = tellsFew(earlier, later!, NEED, groupOf);
      if (isTold) found += 1;
      if (concerned(all, groupOf, isFew)) expect(isTold).toBe(true);
      else if (isTold) expect(needsLargerFactors(all)).toBe(true);
    }),
    { numRuns: 1_000 },
  );
  expect(found).toBeGreaterThan(50);
});

/** Four sets of 0 and 1 have combinations with factors up to 3. */
const needsLargerFactors = (all: readonly unknown[]): boolean => all.length === 4;
