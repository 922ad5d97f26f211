import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Equation, guardReleases, UNPROVEN } from "./release-guard.ts";

const sum = (id: string, contributors: readonly string[], record = "output"): Equation => ({
  id,
  terms: contributors.map((contributor) => ({ contributor, record, coefficient: 1n })),
});

describe("a withheld cell", () => {
  const textile = ["a", "b", "c", "d"];
  const fibre = ["e", "f", "g"];
  const clothing = ["h"];

  test("is not given away by the total and the other cells", () => {
    const result = guardReleases({
      earlier: [],
      candidates: [sum("17", textile), sum("28", fibre), sum("all", [...textile, ...fibre, ...clothing])],
      withheld: [sum("18", clothing)],
    });
    expect(result.release).toEqual(["17", "all"]);
    expect(result.withhold).toEqual([{ candidate: "28", protects: "18" }]);
    expect(result.alreadyDetermined).toEqual([]);
  });

  test("is not given away by an earlier release", () => {
    const result = guardReleases({
      earlier: [sum("all of last week", [...textile, ...fibre, ...clothing])],
      candidates: [sum("17", textile), sum("28", fibre)],
      withheld: [sum("18", clothing)],
    });
    expect(result.release).toEqual(["17"]);
  });

  test("is not given away by margins of a two-way table", () => {
    const cells = [0, 1, 2].flatMap((row) =>
      [0, 1, 2].map((column) =>
        sum(
          `${row}${column}`,
          [1, 2, 3].map((n) => `m${row}${column}${n}`),
        ),
      ),
    );
    const merge = (id: string, parts: readonly Equation[]): Equation => ({ id, terms: parts.flatMap((p) => p.terms) });
    const of = (pick: (id: string) => boolean) => cells.filter(({ id }) => pick(id));
    const margins = [0, 1, 2].flatMap((n) => [
      merge(
        `row${n}`,
        of((id) => id[0] === `${n}`),
      ),
      merge(
        `column${n}`,
        of((id) => id[1] === `${n}`),
      ),
    ]);
    const withheld = of((id) => id === "11");
    const result = guardReleases({
      earlier: [],
      candidates: [merge("total", cells), ...margins, ...of((id) => id !== "11")],
      withheld,
    });
    // The classic pattern: one more in its row, one in its column, and the corner that closes the rectangle.
    expect(result.withhold.map(({ candidate }) => candidate)).toHaveLength(3);
    expect(result.release).toContain("total");
    expect(result.release.filter((id) => id.startsWith("row") || id.startsWith("column"))).toHaveLength(6);
  });

  test("without contributors is a public zero", () => {
    const result = guardReleases({
      earlier: [],
      candidates: [sum("17", textile), sum("28", fibre)],
      withheld: [sum("18", [])],
    });
    expect(result.withhold).toEqual([]);
  });

  test("that earlier releases determine is reported, not hidden", () => {
    const result = guardReleases({
      earlier: [sum("all", [...textile, ...clothing]), sum("17", textile)],
      candidates: [],
      withheld: [sum("18", clothing)],
    });
    expect(result.alreadyDetermined).toEqual(["18", "h"]);
  });
});

describe("tables with different record keys", () => {
  const all = ["a", "b", "c", "d", "e", "f"];
  const years = ["1935", "1936"];
  const relations = [
    [...years.map((record) => ({ record, coefficient: 1n })), { record: "both years", coefficient: -1n }],
  ];
  const input = {
    earlier: years.map((year) => sum(`all ${year}`, all, year)),
    candidates: [sum("large sector", ["a", "b", "c", "d", "e"], "both years")],
    withheld: [sum("small sector", ["f"], "both years")],
  };
  test("are solved together where a relation says how the keys belong together", () => {
    expect(guardReleases({ ...input, relations })).toEqual({
      release: [],
      withhold: [{ candidate: "large sector", protects: "small sector" }],
      alreadyDetermined: [],
    });
  });
  test("and a relation alone gives nobody away", () => {
    expect(guardReleases({ ...input, earlier: [], relations }).release).toEqual(["large sector"]);
    expect(guardReleases({ ...input, withheld: [], relations }).withhold[0]?.protects).toBe("f");
  });
});

describe("a single organisation's value", () => {
  test("is not opened by two totals that differ by it", () => {
    const result = guardReleases({
      earlier: [sum("monday", ["a", "b", "c", "d", "e"])],
      candidates: [sum("tuesday", ["a", "b", "c", "d"])],
      withheld: [],
    });
    expect(result.withhold).toEqual([{ candidate: "tuesday", protects: "e" }]);
  });

  test("is not opened as a sum over several of its records", () => {
    const two = (id: string, members: readonly string[]): Equation => ({
      id,
      terms: ["1935", "1936"].flatMap((year) => sum(id, members, year).terms),
    });
    const result = guardReleases({
      earlier: [two("both years", ["a", "b", "c"])],
      candidates: [two("both years without c", ["a", "b"])],
      withheld: [],
    });
    expect(result.release).toEqual([]);
  });

  test("is not opened to a colluder that knows its own", () => {
    const input = {
      earlier: [sum("monday", ["a", "b", "c", "d", "e"])],
      candidates: [sum("tuesday", ["a", "b", "c"])],
      withheld: [],
    };
    expect(guardReleases(input).release).toEqual(["tuesday"]);
    expect(guardReleases({ ...input, colluders: 1 }).withhold).toEqual([{ candidate: "tuesday", protects: "d+e" }]);
  });

  test("stays hidden in a set that is known only by its size", () => {
    const cells = [sum("x", ["set-x"]), sum("y", ["set-y"])];
    const input = { earlier: [], candidates: cells, withheld: [] };
    expect(guardReleases({ ...input, sizes: { "set-x": 7, "set-y": 1 } }).release).toEqual(["x"]);
  });
});

describe("holding groups", () => {
  const [one, other] = [sum("one", ["a1", "b", "c", "d"]), sum("other", ["a2", "b", "c", "d"])];
  const input = { earlier: [one], candidates: [other], withheld: [] };

  test("what is left of two sums may not be one group's, though it is of two of its affiliates", () => {
    expect(guardReleases(input).release).toEqual(["other"]);
    const groups = { a1: "a", a2: "a" };
    expect(guardReleases({ ...input, groups }).withhold).toEqual([{ candidate: "other", protects: "a1+a2" }]);
  });

  test("two groups are enough without colluders, and with one they are not", () => {
    const three = { ...input, candidates: [sum("other", ["a2", "e", "b", "c", "d"])] };
    const groups = { a1: "a", a2: "a" };
    expect(guardReleases({ ...three, groups }).release).toEqual(["other"]);
    expect(guardReleases({ ...three, groups, colluders: 1 }).release).toEqual([]);
    expect(guardReleases({ ...three, colluders: 1 }).release).toEqual(["other"]);
  });
});

test("of equally small cells the first is withheld", () => {
  const result = guardReleases({
    earlier: [sum("all", ["a", "b", "c", "d", "e", "f", "z"])],
    candidates: [sum("one", ["a", "b", "c"]), sum("two", ["d", "e", "f"])],
    withheld: [sum("small", ["z"])],
  });
  expect(result.withhold.map(({ candidate }) => candidate)).toEqual(["one"]);
});

/**
 * The attacker knows the released figures only. A value h·x is fixed by M·x exactly when no z with M·z = 0 has
 * h·z ≠ 0. For 0/1 equations over at most five unknowns, null vectors made of 4 × 4 minors span the null space, and
 * those minors are at most 3 (Hadamard), so trying every z in {-3..3}^n is complete.
 */
function attackerLearns(released: readonly number[][], hidden: readonly number[], unknowns: number): boolean {
  const dot = (row: readonly number[], z: readonly number[]) =>
    row.reduce((total, value, i) => total + value * z[i]!, 0);
  const z = new Array<number>(unknowns).fill(-3);
  for (;;) {
    if (dot(hidden, z) !== 0 && released.every((row) => dot(row, z) === 0)) return false;
    let digit = 0;
    while (digit < unknowns && z[digit] === 3) z[digit++] = -3;
    if (digit === unknowns) return true;
    z[digit]! += 1;
  }
}

describe("against an attacker who tries every world", () => {
  const UNKNOWNS = 4;
  const row = fc.array(fc.constantFrom(0, 1), { minLength: UNKNOWNS, maxLength: UNKNOWNS });
  const rows = (maxLength: number) => fc.array(row, { maxLength });
  const equation = (id: string, values: readonly number[]): Equation => ({
    id,
    terms: values.flatMap((value, i) => (value === 0 ? [] : [{ contributor: `o${i}`, record: "r", coefficient: 1n }])),
  });
  const single = (i: number) => Array.from({ length: UNKNOWNS }, (_, j) => (i === j ? 1 : 0));

  test("releases determine no withheld cell and no organisation, and no more is withheld than needed", () => {
    fc.assert(
      fc.property(rows(2), rows(5), rows(2), (earlier, candidates, withheld) => {
        const result = guardReleases({
          earlier: earlier.map((values, i) => equation(`e${i}`, values)),
          candidates: candidates.map((values, i) => equation(`c${i}`, values)),
          withheld: withheld.map((values, i) => equation(`w${i}`, values)),
        });
        const hidden = [...withheld.filter((values) => values.includes(1)), ...[0, 1, 2, 3].map(single)];
        const learnt = (released: readonly number[][]) =>
          hidden.filter((values) => attackerLearns(released, values, UNKNOWNS)).length;
        const before = learnt(earlier);
        expect(result.alreadyDetermined.length > 0).toBe(before > 0);
        if (before > 0) return;
        const of = (id: string) => candidates[Number(id.slice(1))]!;
        const released = [...earlier, ...result.release.map(of)];
        expect(learnt(released)).toBe(0);
        for (const { candidate } of result.withhold) expect(learnt([...released, of(candidate)])).toBeGreaterThan(0);
      }),
      { numRuns: 150 },
    );
  });

  test("not even one that contributed and knows its own value", () => {
    fc.assert(
      fc.property(rows(4), rows(2), fc.nat({ max: UNKNOWNS - 1 }), (candidates, withheld, colluder) => {
        const result = guardReleases({
          earlier: [],
          candidates: candidates.map((values, i) => equation(`c${i}`, values)),
          withheld: withheld.map((values, i) => equation(`w${i}`, values)),
          colluders: 1,
        });
        const known = [...result.release.map((id) => candidates[Number(id.slice(1))]!), single(colluder)];
        const others = [0, 1, 2, 3].filter((i) => i !== colluder).map(single);
        // A withheld cell that held nothing but the colluder's own value was never hidden from it.
        const hidden = withheld.filter((values) => values.some((value, i) => value === 1 && i !== colluder));
        for (const values of [...others, ...hidden]) expect(attackerLearns(known, values, UNKNOWNS)).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  test("nor any combination of one contributor's records", () => {
    const twoRecords = (id: string, values: readonly number[]): Equation => ({
      id,
      terms: values.flatMap((value, i) =>
        value === 0 ? [] : [{ contributor: `o${i >> 1}`, record: `r${i & 1}`, coefficient: 1n }],
      ),
    });
    const small = [-2, -1, 0, 1, 2];
    const own = small.flatMap((a) => small.map((b) => [a, b] as const)).filter(([a, b]) => a !== 0 || b !== 0);
    fc.assert(
      fc.property(rows(4), (candidates) => {
        const result = guardReleases({
          earlier: [],
          candidates: candidates.map((values, i) => twoRecords(`c${i}`, values)),
          withheld: [],
        });
        const released = result.release.map((id) => candidates[Number(id.slice(1))]!);
        for (const [a, b] of own) {
          expect(attackerLearns(released, [a, b, 0, 0], UNKNOWNS)).toBe(false);
          expect(attackerLearns(released, [0, 0, a, b], UNKNOWNS)).toBe(false);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("nor any combination of what affiliates contributed, for whoever knows a group's values", () => {
    // Two of the four are affiliates, and another group colludes.
    const groups = { o0: "group", o1: "group" };
    const pairs = [-2, -1, 0, 1, 2].flatMap((a) => [-2, -1, 0, 1, 2].map((b) => [a, b] as const));
    const own = pairs.filter(([a, b]) => a !== 0 || b !== 0);
    fc.assert(
      fc.property(rows(4), fc.constantFrom(0, 1), (candidates, colluders) => {
        const result = guardReleases({
          earlier: [],
          candidates: candidates.map((values, i) => equation(`c${i}`, values)),
          withheld: [],
          groups,
          colluders,
        });
        const told = result.release.map((id) => candidates[Number(id.slice(1))]!);
        for (const known of colluders === 0 ? [[]] : [[single(2)], [single(3)]])
          for (const [a, b] of own) expect(attackerLearns([...told, ...known], [a, b, 0, 0], UNKNOWNS)).toBe(false);
        if (colluders === 1)
          for (const i of [2, 3])
            expect(attackerLearns([...told, single(0), single(1)], single(i), UNKNOWNS)).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  test("and the same input always gives the same answer", () => {
    fc.assert(
      fc.property(rows(4), (candidates) => {
        const input = { earlier: [], candidates: candidates.map((v, i) => equation(`c${i}`, v)), withheld: [] };
        expect(guardReleases(input)).toEqual(guardReleases(structuredClone(input)));
      }),
      { numRuns: 50 },
    );
  });
});

test("what cannot be proven is withheld", () => {
  const cells = Array.from({ length: 300 }, (_, i) => sum(`cell-${i}`, [`a${i}`, `b${i}`]));
  const total: Equation = { id: "total", terms: cells.flatMap(({ terms }) => terms) };
  const input = { earlier: [], candidates: [total, ...cells], withheld: [] };
  expect(guardReleases(input).release).toHaveLength(301);
  expect(guardReleases({ ...input, minimumOrganisations: 5 }).withhold[0]?.protects).toBe(UNPROVEN);
});

test("a table of 50 × 50 cells with margins and hidden cells is guarded in seconds", () => {
  const side = Array.from({ length: 50 }, (_, i) => i);
  const cells = side.flatMap((row) => side.map((column) => sum(`${row}/${column}`, [`set-${row}/${column}`])));
  const sizes = Object.fromEntries(cells.map(({ terms }, i) => [terms[0]!.contributor, (i * 7919) % 20 === 0 ? 2 : 9]));
  const small = (equation: Equation) => sizes[equation.terms[0]!.contributor] === 2;
  const margin = (id: string, pick: (row: number, column: number) => boolean): Equation => ({
    id,
    terms: cells.filter((_, i) => pick(Math.floor(i / 50), i % 50)).flatMap(({ terms }) => terms),
  });
  const margins = side.flatMap((n) => [margin(`row ${n}`, (r) => r === n), margin(`column ${n}`, (_, c) => c === n)]);
  const result = guardReleases({
    earlier: [],
    candidates: [margin("total", () => true), ...margins, ...cells.filter((cell) => !small(cell))],
    withheld: cells.filter(small),
    sizes,
  });
  expect(result.release).toContain("total");
  expect(result.withhold.length).toBeLessThan(cells.length / 4);
});
