import fc from "fast-check";
import { expect, test } from "vitest";
import { type Direction, type Ids, intersection, listed, type ReadIds, union, without } from "./sorted-ids.ts";

const readFrom =
  (ids: readonly string[]): ReadIds =>
  async (place, direction, limit) => {
    const sorted = direction === "up" ? ids.toSorted() : ids.toSorted().reverse();
    const isOn = (id: string) =>
      place === undefined || (direction === "up" ? id > place.id : id < place.id) || (id === place.id && !place.beyond);
    return sorted.filter(isOn).slice(0, limit);
  };
const list = (ids: ReadonlySet<string>, direction: Direction) => listed(readFrom([...ids]), direction);

async function all(ids: Ids): Promise<string[]> {
  const found: string[] = [];
  for (let id = await ids.seek(undefined); id !== undefined; id = await ids.seek({ id, beyond: true })) found.push(id);
  return found;
}

// Few values and many of them: lists that overlap, and lists longer than one read.
const someIds = fc
  .array(fc.integer({ min: 0, max: 150 }), { maxLength: 120 })
  .map((numbers) => new Set(numbers.map((number) => `a:${String(number).padStart(3, "0")}`)));

test("what lists have in common, together, and apart is what sets say, in both directions", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(someIds, { minLength: 1, maxLength: 4 }), someIds, async (sets, excluded) => {
      for (const direction of ["up", "down"] as const) {
        const lists = () => sets.map((set) => list(set, direction));
        const sorted = (ids: Iterable<string>) =>
          direction === "up" ? [...ids].toSorted() : [...ids].toSorted().reverse();
        const together = new Set(sets.flatMap((set) => [...set]));
        const common = [...together].filter((id) => sets.every((set) => set.has(id)));
        expect(await all(intersection(lists()))).toEqual(sorted(common));
        expect(await all(union(lists(), direction))).toEqual(sorted(together));
        const difference = without(intersection(lists()), list(excluded, direction));
        expect(await all(difference)).toEqual(sorted(common.filter((id) => !excluded.has(id))));
      }
    }),
    { numRuns: 200 },
  );
});

test("a list that is far behind leaps: what two long lists share is found with few reads", async () => {
  let reads = 0;
  const counted = (ids: readonly string[]) => {
    const read = readFrom(ids);
    return listed((...about) => {
      reads += 1;
      return read(...about);
    }, "up");
  };
  const number = (at: number) => `a:${String(at).padStart(6, "0")}`;
  const long = Array.from({ length: 20_000 }, (_, at) => number(at));
  expect(await all(intersection([counted(long), counted([number(19_999)])]))).toEqual([number(19_999)]);
  expect(reads).toBeLessThan(8);
});
