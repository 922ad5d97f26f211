/** What is written of a table before it leaves, on a real disk. */
import { type FileHandle, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RowBatch } from "../../exchange/statistics/source.ts";
import type { Mask } from "../../policies/model/mask.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import { SourceError } from "../sources/errors.ts";
import type { Permitted } from "./gate.ts";
import { createSnapshots } from "./snapshots.ts";
import type { TransferError } from "./transfer-error.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sealane-released-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const batches = (count: number): readonly RowBatch[] =>
  Array.from({ length: count }, (_, i) => ({ columns: ["output"], rows: [[`${i}.5`]] }));
function created(
  rows: readonly RowBatch[],
  {
    writable = () => undefined,
    whileWritten = async () => undefined,
    failure,
  }: { writable?: () => void; whileWritten?: () => Promise<void>; failure?: Error } = {},
) {
  return createSnapshots({
    folder,
    tables: {
      async read(_id, _query, take) {
        for (const batch of rows) await take(batch);
        await whileWritten();
        if (failure !== undefined) throw failure;
        return true;
      },
    },
    records: memoryRecords(),
    pseudonymKey: async () => new Uint8Array(32),
    assertWritable: writable,
  });
}
const permitted = (mask?: Mask, limits: object = {}): Permitted => ({
  ok: true,
  asset: { id: "alpha:panel", version: 1 } as never,
  fields: [{ name: "output", element: "e", type: "decimal" }] as never,
  release: { rows: 100, bytes: 10_000, masks: mask === undefined ? {} : { e: mask }, ...limits } as never,
});

async function readOf(file: FileHandle): Promise<string> {
  const text = await file.readFile("utf8");
  await file.close();
  return text;
}

const atPath = (code: "path-missing" | "path-changed" | "path-symbolic-link") =>
  new SourceError("ERR_SOURCE_PATH", "/secret/place", { fault: { at: "/secret/place", code } });

test("a table is written once, whole", async () => {
  const snapshots = created(batches(3));
  const { file, bytes, rows } = await snapshots.of("a", permitted());
  expect([await readOf(file), rows]).toEqual(["output\r\n0.5\r\n1.5\r\n2.5\r\n", 3]);
  expect(bytes).toBe(23);
});

test("what is erased after it was opened is read to its end, and written again for the next one", async () => {
  const snapshots = created(batches(3));
  const { file } = await snapshots.of("a", permitted());
  await snapshots.erase("a");
  expect(await readdir(folder)).toEqual([]);
  const text = await readOf(file);
  expect(text).toBe("output\r\n0.5\r\n1.5\r\n2.5\r\n");
  expect(await readOf((await snapshots.of("a", permitted())).file)).toBe(text);
});

test("what is erased while it is written is there for whoever waits for it", async () => {
  let erasing: Promise<void> | undefined;
  const whileWritten = async () => {
    erasing ??= snapshots.erase("a");
    // Without a lock it would be over long before.
    await Promise.race([erasing, sleep(100)]);
  };
  const snapshots = created(batches(3), { whileWritten });
  expect(await readOf((await snapshots.of("a", permitted())).file)).toHaveLength(23);
  await erasing;
});

test("a disk that fills while a table is written ends the writing, and nothing of it stays", async () => {
  let looks = 0;
  const full = new Error("full");
  const writable = () => {
    if (++looks === 4) throw full;
  };
  await expect(created(batches(10), { writable }).of("a", permitted())).rejects.toBe(full);
  expect(looks).toBe(4);
  expect(await readdir(folder)).toEqual([]);
});

test.each([
  ["what a mask cannot read", permitted({ element: "e", mask: "month" }), undefined, "records-not-readable"],
  ["a table that has changed", permitted(), new SourceError("ERR_SOURCE_CHANGED", "no"), "records-not-readable"],
  ["a file that is none", permitted(), new SourceError("ERR_SOURCE_FORMAT", "none"), "records-not-readable"],
  ["a path that leads elsewhere", permitted(), atPath("path-symbolic-link"), "records-not-readable"],
  ["a volume that is away", permitted(), atPath("path-missing"), "records-not-readable-now"],
  ["a file that is being replaced", permitted(), atPath("path-changed"), "records-not-readable-now"],
  ["too little memory", permitted(), new SourceError("ERR_SOURCE_LIMIT", "memory"), "records-not-readable-now"],
  ["an engine that dies", permitted(), new SourceError("ERR_SOURCE_CRASHED", "killed"), "records-not-readable-now"],
  ["more rows than allowed", permitted(undefined, { rows: 2 }), undefined, "too-many-rows"],
  ["more bytes than allowed", permitted(undefined, { bytes: 22 }), undefined, "too-many-bytes"],
])("%s: nothing leaves, with its reason", async (_name, allowed, failure, reason) => {
  const made = created(batches(3), failure === undefined ? {} : { failure });
  await expect(made.of("a", allowed)).rejects.toMatchObject({ reason });
  expect(await readdir(folder)).toEqual([]);
});

test("what is wrong with a path stays here: the other side hears no more than that it is away", async () => {
  const error = await created(batches(1), { failure: atPath("path-missing") })
    .of("a", permitted())
    .catch((thrown: TransferError) => thrown);
  expect(error).toMatchObject({ code: "ERR_TRANSFER_LATER", message: "alpha:panel: its table cannot be read now" });
});

test("a mistake of this program says nothing about the table", async () => {
  const failure = new TypeError("undefined is not a function");
  await expect(created(batches(1), { failure }).of("a", permitted())).rejects.toBe(failure);
});
