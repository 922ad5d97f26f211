import fc from "fast-check";
import { expect, test } from "vitest";
import { createIdOrder } from "./id-order.ts";
import { matching } from "./matching.ts";
import { has, type NumberSet, setOf, sizeOf, withNumber, withoutNumber } from "./number-set.ts";

const id = (at: number) => `a:${String(at).padStart(3, "0")}`;
const LAST = 400;
const someIds = (maxLength: number) =>
  fc.uniqueArray(fc.integer({ min: 0, max: LAST }), { maxLength }).map((numbers) => numbers.map(id));
// Lists of both kinds: few of many, and most of them.
const list = fc.oneof(someIds(8), someIds(60), someIds(LAST));

/** Kept as it is: each id put in by itself, in this order, some of them out again. */
function setFrom(order: ReturnType<typeof createIdOrder>, ids: readonly string[], out: readonly string[] = []) {
  order.add([...ids, ...out]);
  let set: NumberSet = setOf(Uint32Array.from(ids, (one) => order.numberOf(one)!).sort(), order.size());
  for (const one of out) if (!ids.includes(one)) set = withNumber(set, order.numberOf(one)!, order.size());
  for (const one of out) if (!ids.includes(one)) set = withoutNumber(set, order.numberOf(one)!);
  return set;
}

test("what lists have in common is what sets say, from any place, in both directions", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(list, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 }),
      list,
      list,
      fc.option(fc.integer({ min: 0, max: LAST }).map(id), { nil: undefined }),
      fc.integer({ min: 0, max: 30 }),
      (groups, excluded, inAndOut, place, limit) => {
        const order = createIdOrder();
        const all = groups.map((group) => group.map((ids) => setFrom(order, ids, inAndOut)));
        const found = matching(order, { all, none: setFrom(order, excluded) });
        const wanted = [...new Set(groups.flat(2))]
          .filter((one) => groups.every((group) => group.some((ids) => ids.includes(one))) && !excluded.includes(one))
          .sort();
        const above = wanted.filter((one) => place === undefined || one > place);
        const below = wanted.filter((one) => place === undefined || one < place).reverse();
        expect(found.from({ direction: "up", id: place }, limit)).toEqual(above.slice(0, limit));
        expect(found.from({ direction: "down", id: place }, limit)).toEqual(below.slice(0, limit));
      },
    ),
    { numRuns: 300 },
  );
});

test("ids stand in their order, however they became known", () => {
  fc.assert(
    fc.property(fc.array(someIds(60), { maxLength: 6 }), (batches) => {
      const order = createIdOrder();
      for (const batch of batches) order.add(batch);
      const sorted = [...new Set(batches.flat())].sort();
      expect([...order.numbers()].map(order.idOf)).toEqual(sorted);
      expect(sorted.map((one) => order.ranks()[order.numberOf(one)!])).toEqual(sorted.map((_, rank) => rank));
      expect(sorted.map(order.rankOf)).toEqual(sorted.map((_, rank) => rank));
    }),
  );
});

test("a set that began among few numbers takes in later ones, and is kept as what it has become", () => {
  const one = withNumber(setOf(Uint32Array.of(0, 1), 2), 99_999, 100_000);
  expect([one.kind, [0, 1, 2, 99_999].map((number) => has(one, number))]).toEqual(["few", [true, true, false, true]]);
  const half = setOf(
    Uint32Array.from({ length: 500 }, (_, at) => 2 * at),
    1_000,
  );
  const more = withNumber(half, 1_001, 1_002);
  expect([more.kind, sizeOf(more), has(more, 998), has(more, 1_001)]).toEqual(["many", 501, true, true]);
});
