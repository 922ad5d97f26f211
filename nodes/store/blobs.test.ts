import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openBlobs } from "./blobs.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "blobs-"));
});
afterEach(() => rm(dir, { recursive: true }));
const bytes = (...values: number[]) => new Uint8Array(values);

test("bytes are read as they were put, by the same and by the next process, and by the node's user alone", async () => {
  const blobs = openBlobs(dir, "words");
  expect(blobs.get("a/2/x-1/0")).toBeUndefined();
  await blobs.put("a/2/x-1/0", bytes(1));
  await blobs.put("a/2/x-1/0", bytes(2, 3));
  expect([...openBlobs(dir, "words").get("a/2/x-1/0")!]).toEqual([2, 3]);
  const [file] = await readdir(join(dir, "words", "a"));
  expect((await stat(join(dir, "words", "a", file!))).mode & 0o777).toBe(0o600);
});

test("what a put replaces is gone with it; a folder goes as a whole; what a crash cut off is not there", async () => {
  const blobs = openBlobs(dir, "words");
  expect(await blobs.ids("a")).toEqual([]);
  for (const id of ["a/1/x/0", "a/1/x/1", "b/1/x/0"]) await blobs.put(id, bytes(1));
  await writeFile(join(dir, "words", "a", "1.x.2.blob.0123456789ab.tmp"), "cut off");
  await blobs.put("a/1/x/0", bytes(2), ["a/1/x/1", "a/1/x/7"]);
  expect(await blobs.ids("a")).toEqual(["a/1/x/0"]);
  expect(await blobs.folders()).toEqual(["a", "b"]);
  await blobs.erase("a");
  await blobs.erase("c");
  expect(await blobs.folders()).toEqual(["b"]);
  expect(await readdir(join(dir, "words"))).toEqual(["b"]);
});

test.each(["a", "a/../b", "../a/b", "a//b", "a/b.c", "A/b"])("no id leads out of its folder: %s", async (id) => {
  const blobs = openBlobs(dir, "words");
  expect(() => blobs.get(id)).toThrow(TypeError);
  await expect(blobs.put(id, bytes(1))).rejects.toThrow(TypeError);
});
