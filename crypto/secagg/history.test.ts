import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ContributingSet, differenceAllowed, firstForbidden, type HistoryEntry } from "./history.ts";

const NEED = 3;
const pairs = (...ids: string[]) => ids.map((id) => `${id}:data#1`);
const exact = (...ids: string[]): ContributingSet => ({ kind: "exact", pairs: pairs(...ids) });
const counted = (least: number, most: number, ...ids: string[]): ContributingSet => ({
  kind: "counted",
  pairs: pairs(...ids),
  least,
  most,
});
const allowed = (a: ContributingSet, b: ContributingSet) => differenceAllowed(a, b, NEED);

test("the identical set is allowed", () => {
  expect(allowed(exact("a", "b", "c"), exact("a", "b", "c"))).toBe(true);
  expect(allowed(counted(2, 4, "a", "b", "c", "d"), counted(2, 4, "a", "b", "c", "d"))).toBe(true);
});

test("each side of the difference must hold 0 or ≥ need pairs", () => {
  expect(allowed(exact("a", "b", "c", "d"), exact("a", "b", "c"))).toBe(false);
  expect(allowed(exact("a", "b", "c"), exact("a", "b", "c", "d", "e", "f"))).toBe(true);
  expect(allowed(exact("a", "b", "c", "x"), exact("a", "b", "c", "d", "e", "f"))).toBe(false);
  expect(allowed(exact("x", "y", "z", "c"), exact("c", "d", "e", "f"))).toBe(true);
});

test("a revised asset is on both sides", () => {
  const revised: ContributingSet = { kind: "exact", pairs: ["a:data#2", ...pairs("b", "c")] };
  expect(allowed(exact("a", "b", "c"), revised)).toBe(false);
});

test("counted contributors are comparable only for nested sets with unrevised assets and opened earlier counts", () => {
  const all = ["a", "b", "c", "d", "e", "f", "g"];
  expect(allowed(counted(7, 7, ...all), counted(4, 4, "a", "b", "c", "d"))).toBe(true);
  expect(allowed(counted(7, 7, ...all), counted(6, 6, "a", "b", "c", "d", "e", "f"))).toBe(false);
  // Equal counts over nested sets: whoever was added does not contribute.
  expect(allowed(counted(4, 4, ...all), counted(4, 4, "a", "b", "c", "d"))).toBe(true);
  // The count of the smaller set is known only between bounds: no proof.
  expect(allowed(counted(7, 7, ...all), counted(3, 5, "a", "b", "c", "d", "e"))).toBe(false);
  expect(allowed(counted(3, 3, "a", "b", "c", "x"), counted(3, 3, "a", "b", "c", "y"))).toBe(false);
});

test("no allowed pair of exact sets tells fewer than need organisations apart", () => {
  const ids = fc.uniqueArray(fc.constantFrom(..."abcdefghij".split("")), { minLength: 1 });
  fc.assert(
    fc.property(ids, ids, (a, b) => {
      const onlyA = a.filter((id) => !b.includes(id)).length;
      const onlyB = b.filter((id) => !a.includes(id)).length;
      const safe = [onlyA, onlyB].every((side) => side === 0 || side >= NEED);
      expect(allowed(exact(...a), exact(...b))).toBe(safe);
      expect(allowed(exact(...b), exact(...a))).toBe(safe);
    }),
  );
});

const entry = (computation: string, digest: string, recordKey: string, set: ContributingSet): HistoryEntry => ({
  computation,
  digest,
  position: 1,
  need: NEED,
  sets: [set],
  cells: [{ recordKey, set: 0 }],
});

test("releases are compared per record key, over the whole history, except the same closing met again", () => {
  const history = [
    entry("1", "d1", "total", exact("a", "b", "c", "d")),
    entry("2", "d2", "other", exact("a", "b", "c")),
  ];
  const later = (key: string, set: ContributingSet) => firstForbidden(history, entry("3", "d3", key, set));
  expect(later("total", exact("a", "b", "c"))).toEqual({ recordKey: "total", earlier: "1" });
  expect(later("other", exact("a", "b", "c"))).toBeUndefined();
  expect(later("new", exact("a"))).toBeUndefined();
  expect(firstForbidden(history, entry("1", "d1", "total", exact("a")))).toBeUndefined();
});

test("what a growing history remembers later counts as well, and the same closing hides no other release of its set", () => {
  const own = entry("1", "d1", "total", exact("a", "b", "c", "d"));
  const history = [own];
  const smaller = entry("2", "d2", "total", exact("a", "b", "c"));
  const again = {
    ...own,
    sets: [exact("a", "b", "c", "d"), exact("a", "b", "c")],
    cells: [
      { recordKey: "total", set: 0 },
      { recordKey: "total", set: 1 },
    ],
  };
  expect(firstForbidden(history, again)).toBeUndefined();
  history.push(entry("3", "d3", "total", exact("a", "b", "c", "d")));
  expect(firstForbidden(history, again)).toEqual({ recordKey: "total", earlier: "3" });
  expect(firstForbidden(history, smaller)).toEqual({ recordKey: "total", earlier: "1" });
});

test("the larger need of the two releases counts, whichever came first", () => {
  const strict = { ...entry("1", "d1", "total", exact("a", "b", "c", "d", "e", "f")), need: 4 };
  const lax = entry("2", "d2", "total", exact("a", "b", "c"));
  expect(firstForbidden([strict], lax)).toEqual({ recordKey: "total", earlier: "1" });
  expect(firstForbidden([lax], strict)).toEqual({ recordKey: "total", earlier: "2" });
  expect(firstForbidden([{ ...strict, need: NEED }], lax)).toBeUndefined();
});

test("three releases of which each two are allowed are judged together: two cohorts that share one, and both together", () => {
  const history = [
    entry("1", "d1", "total", exact(..."abcdefg")),
    entry("2", "d2", "total", exact(..."abcd")),
    entry("3", "d3", "other", exact(..."defg")),
  ];
  const third = (key: string) => firstForbidden(history, entry("4", "d4", key, exact(..."defg")));
  expect(third("total")).toEqual({ recordKey: "total", earlier: "2" });
  expect(third("other")).toBeUndefined();
  // Four organisations in common are as many as the strictest asked for.
  const apart = [
    { ...entry("1", "d1", "total", exact(..."abcdefghijkl")), need: 4 },
    entry("2", "d2", "total", exact(..."abcdefgh")),
  ];
  expect(firstForbidden(apart, entry("3", "d3", "total", exact(..."efghijkl")))).toBeUndefined();
  const less = [apart[0]!, entry("2", "d2", "total", exact(..."abcdefg"))];
  expect(firstForbidden(less, entry("3", "d3", "total", exact(..."efghijkl")))).toEqual({
    recordKey: "total",
    earlier: "2",
  });
});

describe("holding groups", () => {
  // Each two differ by three or more on either side; a - b + c is left of all four.
  const [first, second, third, last] = ["zapqrstu", "zpqrvwx", "zbstuyjk", "zcvwxyjk"].map((ids, at) =>
    entry(`${at}`, `d${at}`, "total", exact(...ids)),
  ) as [HistoryEntry, HistoryEntry, HistoryEntry, HistoryEntry];
  const history = [first, second, third];

  test("affiliates that never took part together are one in what all releases tell", () => {
    expect(firstForbidden(history, last)).toBeUndefined();
    const groups = { a: "group", b: "group", c: "group" };
    expect(firstForbidden(history, { ...last, groups })).toEqual({ recordKey: "total", earlier: "2" });
  });

  test("two affiliates and one more are two where three are wanted, and three are enough", () => {
    const groups = { a: "group", b: "group" };
    expect(firstForbidden(history, { ...last, groups })).toEqual({ recordKey: "total", earlier: "2" });
    expect(firstForbidden(history, { ...last, groups: { a: "group", z: "group" } })).toBeUndefined();
  });

  test("a group is known from any release that names it, as one kept before groups were does not", () => {
    const named = entry("5", "d5", "other", exact("a", "b", "z"));
    const groups = { a: "group", b: "group" };
    expect(firstForbidden([...history, named], last)).toBeUndefined();
    expect(firstForbidden([...history, { ...named, groups }], last)).toMatchObject({ recordKey: "total" });
  });

  test("three tables of one member are one as well", () => {
    const rename = (one: HistoryEntry, name: string): HistoryEntry => {
      const sets = one.sets.map((set) => ({
        ...set,
        pairs: set.pairs.map((pair) => pair.replace(/^[abc]:data/, `m:${name}`)).toSorted(),
      }));
      return { ...one, sets };
    };
    const tables = [rename(first, "one"), second, rename(third, "two")];
    expect(firstForbidden(tables, rename(last, "three"))).toEqual({ recordKey: "total", earlier: "2" });
  });
});
