import { expect, test } from "vitest";
import { undisputed } from "./disputes.ts";

const everyone = (_a: number, _b: number) => true;
/** Seven dealers; `refused[taker]` are the places of those whose boxes it did not accept. */
const dealers = (refused: Readonly<Record<number, readonly number[]>>) =>
  Array.from({ length: 7 }, (_, place) => ({
    place,
    accepted: Array.from({ length: 7 }, (_none, giver) => !(refused[place] ?? []).includes(giver)),
  }));
const places = (refused: Readonly<Record<number, readonly number[]>>, areNeighbours: typeof everyone = everyone) =>
  undisputed(dealers(refused), areNeighbours).map(({ place }) => place);

test("who is in the most disputes leaves, of equals the smaller, and only disputes about seeds count", () => {
  expect(places({})).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(places({ 6: [0, 1] })).toEqual([0, 1, 2, 3, 4, 5]);
  expect(places({ 3: [1], 4: [1] })).toEqual([0, 2, 3, 4, 5, 6]);
  expect(places({ 4: [1] })).toEqual([0, 2, 3, 4, 5, 6]);
  expect(places({ 0: [6] })).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(places({ 4: [1] }, (a, b) => Math.abs(a - b) < 2)).toEqual([0, 1, 2, 3, 4, 5, 6]);
});
