/**
 * Lists of masked items in the order of their bytes. Masked items are as good as random, so that order says nothing of the one
 * they had: sorting is the shuffle, and one that the other side can check, item by item, without keeping a set.
 */
import { PsiError } from "./errors.ts";
import { POINT_BYTES, pointsIn } from "./masking.ts";

const INDEX = 2 ** 24;
/** An index and 29 bits of the item fit the 53 of a number: numbers sort natively. */
const HEAD = 2 ** 29;

export const pointAt = (points: Uint8Array, place: number): Uint8Array =>
  points.subarray(POINT_BYTES * place, POINT_BYTES * (place + 1));

/** Where each item of the sorted list stands in this one. At most 2^24 items. */
export function sortedOrder(points: Uint8Array): Uint32Array {
  const count = pointsIn(points);
  if (count > INDEX) throw new PsiError("ERR_PSI_SIZE", `items: wanted at most ${INDEX}, got ${count}`);
  const view = new DataView(points.buffer, points.byteOffset, points.byteLength);
  const keys = new Float64Array(count);
  for (let i = 0; i < count; i++) keys[i] = Math.floor((view.getUint32(POINT_BYTES * i) / 2 ** 32) * HEAD) * INDEX + i;
  keys.sort();
  const order = Uint32Array.from(keys, (key) => key % INDEX);
  // Items with equal heads are neighbours: few of an honest list, all of a hostile one.
  const headOf = (at: number) => Math.floor(keys[at]! / INDEX);
  for (let start = 0, end = 1; start < count; start = end, end += 1) {
    while (end < count && headOf(end) === headOf(start)) end += 1;
    if (end - start > 1) {
      order.subarray(start, end).sort((a, b) => Buffer.compare(pointAt(points, a), pointAt(points, b)) || a - b);
    }
  }
  return order;
}

export function inOrder(points: Uint8Array, order: Uint32Array): Uint8Array {
  const sorted = new Uint8Array(points.length);
  for (const [at, place] of order.entries()) sorted.set(pointAt(points, place), POINT_BYTES * at);
  return sorted;
}

/** Is each item larger than the one before it? So none comes twice. `previous`: what came before these. */
export function isAscending(points: Uint8Array, previous?: Uint8Array): boolean {
  let last = previous;
  for (let i = 0; i < points.length / POINT_BYTES; i++) {
    const point = pointAt(points, i);
    if (last !== undefined && Buffer.compare(last, point) >= 0) return false;
    last = point;
  }
  return true;
}

/** Calls `matched` with the places of every item that is in both lists, of which no place is in two calls. */
export function matchPlaces(a: Uint8Array, b: Uint8Array, matched: (inA: number, inB: number) => void): void {
  const [orderA, orderB] = [sortedOrder(a), sortedOrder(b)];
  for (let i = 0, j = 0; i < orderA.length && j < orderB.length; ) {
    const order = Buffer.compare(pointAt(a, orderA[i]!), pointAt(b, orderB[j]!));
    if (order === 0) matched(orderA[i]!, orderB[j]!);
    if (order <= 0) i += 1;
    if (order >= 0) j += 1;
  }
}
