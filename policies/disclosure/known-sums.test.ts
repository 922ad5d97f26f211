import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { isConcentrated } from "./concentration.ts";
import { sumsOf } from "./contributors.ts";
import { type KnownRules, type KnownSum, MAX_KNOWN_SUMS, withheldSums } from "./known-sums.ts";
import { loadSolver, type Solver } from "./solver.ts";

let solver: Solver;
beforeAll(async () => {
  solver = await loadSolver();
});

const DOMINANCE = { kind: "dominance", largest: 1, percent: { numerator: 60n, denominator: 1n } } as const;
const RULES: KnownRules = {
  minimumOrganisations: 3,
  minimumUnits: 0,
  concentration: [DOMINANCE],
  zerosTell: true,
  protection: { share: 0.1, least: 1 },
};

/** Output of the eight enterprises of Shaoxing, in 10,000 yuan. */
const OUTPUT = { a: 86_420, b: 23_180, c: 12_760, d: 31_500, e: 412_900, f: 158_300, g: 64_050, h: 9_340 } as const;
type Held = Readonly<Record<string, number>>;

const sum = (id: string, held: Held, names: readonly string[], state: KnownSum["state"] = "candidate"): KnownSum => ({
  id,
  contributors: names,
  facts: sumsOf(names.map((name) => BigInt(held[name]!)).sort((x, y) => (x < y ? 1 : -1))),
  state,
});
const judged = (...sums: readonly KnownSum[]) => Object.fromEntries(withheldSums(sums, RULES, solver));
const all = Object.keys(OUTPUT);
const textiles = ["a", "b", "c", "d"];
const others = ["e", "f", "g", "h"];

describe("single sums", () => {
  test("a sum of which one organisation has more than its share is withheld, another is not", () => {
    expect(judged(sum("17", OUTPUT, textiles))).toEqual({});
    expect(judged(sum("18 and 28", OUTPUT, others))).toEqual({ "18 and 28": "dominance" });
  });
  test("at its exact boundary: 60 % passes, a hundredth more does not", () => {
    // Two organisations: the sums leave no doubt which two values they are.
    expect(judged(sum("s", { x: 60, y: 20, z: 20 }, ["x", "y", "z"]))).toEqual({});
    expect(judged(sum("s", { x: 6001, y: 2000, z: 1999 }, ["x", "y", "z"]))).toEqual({ s: "dominance" });
  });
  test("a total of nothing", () => {
    expect(judged(sum("s", { x: 0, y: 0, z: 0 }, ["x", "y", "z"]))).toEqual({ s: "zero-total" });
  });
});

describe("what can be worked out from several", () => {
  test("a total that would leave a dominated rest is withheld beside a part that was told", () => {
    const told = sum("17", OUTPUT, textiles, "told");
    expect(judged(told, sum("total", OUTPUT, all))).toEqual({ total: "protection-interval" });
    expect(judged(sum("total", OUTPUT, all))).toEqual({});
  });
  test("a part is withheld where the total was told", () => {
    const told = sum("total", OUTPUT, all, "told");
    expect(judged(told, sum("17", OUTPUT, textiles))).toEqual({ "17": "protection-interval" });
  });
  test("a total beside two withheld parts hides each behind the other", () => {
    const tax = { a: 3910, b: 820, c: 415, d: 1260, e: 9860, f: 3240, g: 1530, h: 360 };
    expect(judged(sum("17", tax, textiles, "hidden"), sum("total", tax, all))).toEqual({});
  });
  test("a part that is the whole of its total is withheld, and zeros of the others with it", () => {
    const held = { a: 5, b: 6, c: 7, x: 0, y: 0, z: 0 };
    const whole = judged(sum("abc", held, ["a", "b", "c"]), sum("all", held, ["a", "b", "c", "x", "y", "z"]));
    expect(whole).toMatchObject({ abc: "whole-total" });
  });
  test("a rest of fewer organisations than the minimum is not left over", () => {
    const held = { a: 5, b: 6, c: 7, d: 8, e: 6 };
    const told = sum("abc", held, ["a", "b", "c"], "told");
    expect(judged(told, sum("abcde", held, ["a", "b", "c", "d", "e"]))).toEqual({ abcde: "protection-interval" });
  });
  test("parts that are withheld together are not told together, where one organisation has most of both", () => {
    const held = { a: 8, b: 31, c: 14, d: 1, e: 17, f: 29, g: 1, h: 5, i: 80 };
    const abc = sum("abc", held, ["a", "b", "c"], "told");
    const def = sum("def", held, ["d", "e", "f"], "hidden");
    const ghi = sum("ghi", held, ["g", "h", "i"], "hidden");
    expect(judged(abc, def, ghi, sum("all", held, Object.keys(held)))).toEqual({ all: "protection-interval" });
  });
  test("what was withheld for the sake of others stays so, although it is safe by itself", () => {
    const held = { a: 5, b: 6, c: 7, d: 5, e: 6, f: 7 };
    const hidden = sum("abc", held, ["a", "b", "c"], "hidden");
    const told = sum("def", held, ["d", "e", "f"], "told");
    expect(judged(hidden, told, sum("all", held, Object.keys(held)))).toEqual({ all: "protection-interval" });
    expect(judged(told, sum("all", held, Object.keys(held)))).toEqual({});
  });
  test("by two partitions: each rest is judged", () => {
    const held = { a: 90, b: 5, c: 5, d: 5, e: 5, f: 5, g: 5, h: 5 };
    const names = Object.keys(held);
    const left = sum("left", held, ["b", "c", "d", "e"], "told");
    const right = sum("right", held, ["e", "f", "g", "h"], "told");
    // Everything without the left four is a, f, g and h: 90 of 105.
    expect(judged(left, right, sum("all", held, names))).toHaveProperty("all");
  });
});

describe("nothing is published that cannot be proven", () => {
  test("beside a sum that was told and is not known any more", () => {
    const forgotten: KnownSum = { id: "old", contributors: textiles, facts: undefined, state: "told" };
    expect(judged(forgotten, sum("total", OUTPUT, all))).toEqual({ total: "protection-interval" });
    expect(judged(forgotten, sum("28", OUTPUT, ["e", "f", "g"]))).toEqual({ "28": "dominance" });
  });
  test("with numbers of organisations that may be fewer, without a solver, and of too many sums", () => {
    const told = sum("17", OUTPUT, textiles, "told");
    const total = sum("total", OUTPUT, all);
    expect(Object.fromEntries(withheldSums([told, total], RULES, undefined))).toEqual({ total: "protection-interval" });
    const vague = { ...total, facts: { ...total.facts!, mayBeFewer: true as const } };
    expect(judged(told, vague)).toHaveProperty("total");
    const many = Array.from({ length: MAX_KNOWN_SUMS + 1 }, (_, at) => ({
      ...sum("17", OUTPUT, textiles),
      id: `${at}`,
    }));
    expect(Object.keys(judged(...many))).toHaveLength(many.length);
  });
  test("of too many equations between them, or once time has run out", () => {
    // Every pair of disjoint sums is a choice of its own.
    const names = Array.from({ length: 48 }, (_, at) => `m${at}`);
    const held = Object.fromEntries(names.map((name) => [name, 10]));
    const chains = Array.from({ length: 45 }, (_, at) => [
      sum(`head ${at}`, held, names.slice(0, at + 3)),
      sum(`tail ${at}`, held, names.slice(at + 3)),
    ]).flat();
    const whole = sum("all", held, names, "told");
    expect(Object.keys(judged(whole, ...chains))).toHaveLength(chains.length);
    const told = sum("17", OUTPUT, textiles, "told");
    const total = sum("total", OUTPUT, all);
    let looked = 0;
    const late = () => ++looked > 0;
    expect(Object.fromEntries(withheldSums([told, total], RULES, solver, late))).toEqual({
      total: "protection-interval",
    });
    const [left, right] = [sum("17", OUTPUT, textiles, "hidden"), sum("28", OUTPUT, others, "hidden")];
    expect(withheldSums([left, right, total], RULES, solver, () => false).size).toBe(0);
    expect(withheldSums([left, right, total], RULES, solver, late).size).toBe(1);
  });
});

test("whatever is published by and by: no sum and no rest that the public can work out is concentrated", () => {
  const names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
  const groups = [names.slice(0, 3), names.slice(3, 6), names.slice(6)];
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 2000 })), {
        minLength: 9,
        maxLength: 9,
      }),
      fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
      (values, order) => {
        const held = Object.fromEntries(names.map((name, at) => [name, values[at]!]));
        const sets = [...groups, names];
        const kept: KnownSum[] = [];
        for (const index of order) {
          const one = sum(`${index}`, held, sets[index]!);
          const isWithheld = withheldSums([...kept, one], RULES, solver).has(one.id);
          kept.push({ ...one, state: isWithheld ? "hidden" : "told" });
        }
        const told = new Set(kept.flatMap(({ id, state }) => (state === "told" ? [Number(id)] : [])));
        const known = [...told].map((index) => sets[index]!);
        if (told.has(3)) {
          const parts = groups.filter((_, index) => told.has(index)).flat();
          const rest = names.filter((name) => !parts.includes(name));
          if (rest.length > 0) known.push(rest);
        }
        for (const set of known) {
          const sorted = set.map((name) => BigInt(held[name]!)).sort((x, y) => (x < y ? 1 : -1));
          expect([set.join(), isConcentrated(sorted, DOMINANCE)]).toEqual([set.join(), false]);
        }
      },
    ),
    { numRuns: 50 },
  );
});

describe("sets that overlap without one containing the other", () => {
  const names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];

  test("are not published beside each other: three of them give the sum of what two share", () => {
    const held = Object.fromEntries(names.map((name, at) => [name, at === 0 ? 1_000 : at < 3 ? 1 : 300]));
    const [u, v, w] = [names.slice(0, 3), names.slice(3, 6), names.slice(6)] as const;
    const first = sum("u+v", held, [...u, ...v], "told");
    expect(judged(first, sum("v+w", held, [...v, ...w]))).toEqual({ "v+w": "protection-interval" });
    expect(judged(first, sum("v+w", held, [...v, ...w], "told"), sum("u+w", held, [...u, ...w]))).toHaveProperty("u+w");
  });

  test("whatever sets are asked for: nothing in the span of what was published is concentrated", () => {
    const few = names.slice(0, 6);
    const value = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 2000 }));
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 6, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 63 }), { minLength: 3, maxLength: 6 }),
        (values, asked) => {
          const held = Object.fromEntries(few.map((name, at) => [name, values[at]!]));
          const membersOf = (set: number) => few.filter((_, at) => (set >> at) & 1);
          const kept: KnownSum[] = [];
          const told: number[] = [];
          for (const [at, set] of asked.entries()) {
            const one = sum(`${at}`, held, membersOf(set));
            const isWithheld = withheldSums([...kept, one], RULES, solver).has(one.id);
            kept.push({ ...one, state: isWithheld ? "hidden" : "told" });
            if (!isWithheld) told.push(set);
          }
          const rank = rankOf(told.map(vectorOf));
          for (let set = 1; set < 64; set++) {
            if (rankOf([...told, set].map(vectorOf)) > rank) continue;
            const sorted = membersOf(set)
              .map((name) => BigInt(held[name]!))
              .sort((x, y) => (x < y ? 1 : -1));
            expect([set, isConcentrated(sorted, DOMINANCE)]).toEqual([set, false]);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

const vectorOf = (set: number): bigint[] => Array.from({ length: 6 }, (_, at) => BigInt((set >> at) & 1));

/** By elimination without fractions. */
function rankOf(vectors: readonly (readonly bigint[])[]): number {
  let rows = vectors.map((row) => [...row]);
  let rank = 0;
  for (let column = 0; column < 6; column++) {
    const pivot = rows.find((row) => row[column] !== 0n);
    if (pivot === undefined) continue;
    rank += 1;
    rows = rows
      .filter((row) => row !== pivot)
      .map((row) => row.map((cell, at) => cell * pivot[column]! - row[column]! * pivot[at]!));
  }
  return rank;
}

describe("holding groups", () => {
  const held = { p1: 7, p2: 2, p3: 124, p4: 10, q1: 3, q2: 86, q3: 98, q4: 47, r1: 8, r2: 7, r3: 5, r4: 15 };
  const more = { s1: 40, s2: 34, s3: 8, s4: 1, u1: 45, u2: 42, u3: 6, u4: 4, y1: 10, y2: 11, y3: 12, y4: 13 };
  const values: Held = { ...held, ...more, a1: 215, a2: 90 };
  const named = (letter: string) => [1, 2, 3, 4].map((n) => `${letter}${n}`);
  const [p, q, r, s, u, y] = ["p", "q", "r", "s", "u", "y"].map(named) as [string[], ...string[][]];
  // Told before there were rules: sums that overlap, with one affiliate at either end of the chain.
  const told = [
    [...p, "a1", ...q!, ...r!],
    [...r!, ...s!],
    [...s!, "a2", ...u!],
  ];
  const hidden = [p, ["a1", ...q!], r!, s!, ["a2", ...u!]];
  const sums = [
    ...told.map((names, at) => sum(`told ${at}`, values, names, "told")),
    ...hidden.map((names, at) => sum(`hidden ${at}`, values, names, "hidden")),
    sum("new", values, y!),
  ];

  test("an attacker is a group that knows the values of all affiliates: nothing is told of what it then works out", () => {
    expect([...withheldSums(sums, { ...RULES, groups: { a1: "a", a2: "b" } }, solver)]).toEqual([]);
    expect([...withheldSums(sums, { ...RULES, groups: { a1: "a", a2: "a" } }, solver)]).toEqual([
      ["new", "protection-interval"],
    ]);
  });
});
