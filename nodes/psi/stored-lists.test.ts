import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { POINT_BYTES } from "../../crypto/psi/masking.ts";
import { inOrder, matchPlaces, sortedOrder } from "../../crypto/psi/sorting.ts";
import { matchStored, type StoredList, storeSorted } from "./stored-lists.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sealane-lists-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function* inPieces(points: Uint8Array, items: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < points.length; at += POINT_BYTES * items) yield points.subarray(at, at + POINT_BYTES * items);
}

async function allOf(list: StoredList) {
  const points: Uint8Array[] = [];
  const places: number[] = [];
  for await (const piece of list.read()) {
    points.push(piece.points);
    places.push(...piece.places);
  }
  return { points: Buffer.concat(points), places };
}

test.each([1, 4096, 9001])(
  "a list of %i items is read as it would be sorted in memory, with its places",
  async (size) => {
    const points = randomBytes(POINT_BYTES * size);
    // As for many more items, so that there are several buckets.
    await using list = await storeSorted(join(folder, "a"), inPieces(points, 1000), 1_000_000);
    const order = sortedOrder(points);
    const read = await allOf(list);
    expect(list.size).toBe(size);
    expect(read.points.equals(inOrder(points, order))).toBe(true);
    expect(read.places).toEqual([...order]);
  },
);

test("what matches on disk is what matches in memory, and nothing is left behind", async () => {
  const a = randomBytes(POINT_BYTES * 5000);
  const b = Buffer.concat([randomBytes(POINT_BYTES * 4000), a.subarray(POINT_BYTES * 100, POINT_BYTES * 4600)]);
  const wanted: string[] = [];
  matchPlaces(a, b, (inA, inB) => wanted.push(`${inA} ${inB}`));
  const found: string[] = [];
  {
    await using one = await storeSorted(join(folder, "a"), inPieces(a, 700), 5000);
    await using other = await storeSorted(join(folder, "b"), inPieces(b, 4096), 200_000);
    await matchStored(one, other, (inA, inB) => found.push(`${inA} ${inB}`));
  }
  expect(found).toHaveLength(4500);
  expect(found).toEqual(wanted);
  expect(await readdir(folder)).toEqual([]);
});

test("an item that is there twice matches once", async () => {
  const a = randomBytes(POINT_BYTES * 3);
  const twice = Buffer.concat([a, a]);
  await using one = await storeSorted(join(folder, "a"), inPieces(twice, 6), 6);
  await using other = await storeSorted(join(folder, "b"), inPieces(a, 3), 3);
  for (const lists of [
    [one, other],
    [other, one],
  ] as const) {
    let count = 0;
    await matchStored(...lists, () => {
      count += 1;
    });
    expect(count).toBe(3);
  }
});

test("more items that begin alike than masked ones ever do are refused before they are read into memory at once", async () => {
  const list = (items: number) => {
    const points = randomBytes(POINT_BYTES * items);
    for (let at = 0; at < points.length; at += POINT_BYTES) points[at] = 7;
    return storeSorted(join(folder, "a"), inPieces(points, 4096), 200_000);
  };
  await expect(list(131_073)).rejects.toThrow(expect.objectContaining({ code: "ERR_PSI_STREAM" }));
  expect(await readdir(folder)).toEqual([]);
  await using most = await list(131_072);
  expect(most.size).toBe(131_072);
});

test("a list that fails in its middle leaves nothing behind", async () => {
  async function* failing() {
    yield randomBytes(POINT_BYTES * 10);
    throw new Error("broken off");
  }
  await expect(storeSorted(join(folder, "a"), failing(), 10)).rejects.toThrow("broken off");
  expect(await readdir(folder)).toEqual([]);
});
