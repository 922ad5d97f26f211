import { expect, test } from "vitest";
import { POINT_BYTES } from "./masking.ts";
import { inOrder, isAscending, matchPlaces, sortedOrder } from "./sorting.ts";

/** Points of one head, in descending order: what insertion would take hours for. */
function hostile(count: number): Uint8Array {
  const points = new Uint8Array(count * POINT_BYTES);
  const view = new DataView(points.buffer);
  for (let i = 0; i < count; i++) view.setUint32(POINT_BYTES * i + 8, count - i);
  return points;
}

test("a list whose items all begin alike is sorted as any other, a hundred thousand of them", () => {
  const points = hostile(131_072);
  const sorted = inOrder(points, sortedOrder(points));
  expect(isAscending(sorted)).toBe(true);
  let matched = 0;
  matchPlaces(points, sorted, () => {
    matched += 1;
  });
  expect(matched).toBe(131_072);
});

test("equal items keep the order that they came in", () => {
  const points = new Uint8Array(3 * POINT_BYTES);
  points.set([1], 0);
  expect([...sortedOrder(points)]).toEqual([1, 2, 0]);
});
