import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type BlobStore, openBlobs } from "../store/blobs.ts";
import { chunkId, openKeptChunks } from "./kept-chunks.ts";

const COMPUTATION = "00000000-0000-8000-8000-000000000001";
const OTHER = "00000000-0000-8000-8000-000000000002";
const at = (index: number, member = "alpha") => ({ phase: 2 as const, member, index });
const bytes = (...values: number[]) => new Uint8Array(values);

let dir: string;
let store: BlobStore;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "chunks-"));
  store = openBlobs(dir, "chunks");
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

test("a chunk that is missing ends what is held, also after a restart", async () => {
  for (const index of [0, 1, 3]) await store.put(chunkId(COMPUTATION, at(index)), bytes(index));
  await store.put(chunkId(COMPUTATION, at(1, "beta")), bytes(1));
  const kept = await openKeptChunks(store, COMPUTATION);
  expect(kept.held(2, "alpha")).toBe(2);
  expect(kept.held(2, "beta")).toBe(0);
  kept.note(at(2), bytes(2));
  expect(kept.held(2, "alpha")).toBe(4);
});

test("what was kept under a header that a crash lost does not count for the next one, nor after another restart", async () => {
  const first = await openKeptChunks(store, COMPUTATION);
  for (const index of [0, 1, 2]) {
    first.note(at(index), bytes(1, index));
    await first.settle(at(index));
  }
  const second = await openKeptChunks(store, COMPUTATION);
  second.note(at(0), bytes(2, 0));
  expect(second.held(2, "alpha")).toBe(1);
  // The next one may be there before the first one is on disk.
  second.note(at(1), bytes(2, 1));
  await second.settle(at(1));
  await second.settle(at(0));
  expect(second.held(2, "alpha")).toBe(2);
  const third = await openKeptChunks(store, COMPUTATION);
  expect(third.held(2, "alpha")).toBe(2);
  expect([third.read(at(0)), third.read(at(1))].map((words) => [...words])).toEqual([
    [2, 0],
    [2, 1],
  ]);
});

test("words can be read from the moment they are noted; once they are on disk nothing else holds them", async () => {
  const kept = await openKeptChunks(store, COMPUTATION);
  kept.note(at(0), bytes(1));
  expect([...kept.read(at(0))]).toEqual([1]);
  await kept.settle(at(0));
  await store.put(chunkId(COMPUTATION, at(0)), bytes(2));
  expect([...kept.read(at(0))]).toEqual([2]);
});

test("a chunk that the disk did not take counts as never taken", async () => {
  const kept = await openKeptChunks({ ...store, put: () => Promise.reject(new Error("full")) }, COMPUTATION);
  kept.note(at(0), bytes(1));
  expect(kept.held(2, "alpha")).toBe(1);
  await expect(kept.settle(at(0))).rejects.toThrow("full");
  expect(kept.held(2, "alpha")).toBe(0);
  expect(() => kept.read(at(0))).toThrow(/not kept/);
});

test("erased, nothing is left and nothing comes back; other computations keep theirs", async () => {
  const [kept, other] = [await openKeptChunks(store, COMPUTATION), await openKeptChunks(store, OTHER)];
  for (const one of [kept, other]) {
    one.note(at(0), bytes(1));
    await one.settle(at(0));
  }
  kept.note(at(1), bytes(2));
  kept.note(at(2), bytes(3));
  const onItsWay = kept.settle(at(1));
  await kept.erase();
  await Promise.all([onItsWay, kept.settle(at(2))]);
  kept.note(at(0), bytes(4));
  expect(() => kept.read(at(0))).toThrow(/not kept/);
  await kept.settle(at(0));
  expect(await store.folders()).toEqual([OTHER]);
  expect(await store.ids(OTHER)).toEqual([chunkId(OTHER, at(0))]);
});
