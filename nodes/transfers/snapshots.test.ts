/** What is written of a table before it leaves, on a real disk. */
import { type FileHandle, mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { RowBatch } from "../../exchange/statistics/source.ts";
import type { Mask } from "../../policies/model/mask.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import { SourceError } from "../sources/errors.ts";
import type { Permitted } from "./gate.ts";
import { createSnapshots, type Snapshots } from "./snapshots.ts";
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

const of = (snapshots: Snapshots, allowed: Permitted, permission = async () => allowed) =>
  snapshots.of("a", allowed, permission);

async function readOf(file: FileHandle): Promise<string> {
  const text = await file.readFile("utf8");
  await file.close();
  return text;
}

const atPath = (code: "path-missing" | "path-changed" | "path-symbolic-link") =>
  new SourceError("ERR_SOURCE_PATH", "/secret/place", { fault: { at: "/secret/place", code } });

test("a table is written once, whole", async () => {
  const snapshots = created(batches(3));
  const { file, bytes, rows } = await of(snapshots, permitted());
  expect([await readOf(file), rows]).toEqual(["output\r\n0.5\r\n1.5\r\n2.5\r\n", 3]);
  expect(bytes).toBe(23);
});

test("what is erased after it was opened is read to its end, and written again for the next one", async () => {
  const snapshots = created(batches(3));
  const { file } = await of(snapshots, permitted());
  await snapshots.erase("a");
  expect(await readdir(folder)).toEqual([]);
  const text = await readOf(file);
  expect(text).toBe("output\r\n0.5\r\n1.5\r\n2.5\r\n");
  expect(await readOf((await of(snapshots, permitted())).file)).toBe(text);
});

test("what is erased while it is written leaves whole, and is not written again where nobody may have it", async () => {
  let reads = 0;
  let erasing: Promise<void> | undefined;
  const whileWritten = async () => {
    reads += 1;
    erasing ??= snapshots.erase("a");
    // Without a lock it would be over long before.
    await Promise.race([erasing, sleep(100)]);
  };
  const snapshots = created(batches(3), { whileWritten });
  const ended = new Error("the transfer is over");
  const mayOnce = async () => {
    if (erasing !== undefined) throw ended;
    return permitted();
  };
  const [first, second] = await Promise.allSettled([
    of(snapshots, permitted(), mayOnce),
    of(snapshots, permitted(), mayOnce),
  ]);
  await erasing;
  expect(first.status === "fulfilled" && (await readOf(first.value.file))).toHaveLength(23);
  expect(second).toEqual({ status: "rejected", reason: ended });
  expect([await readdir(folder), reads]).toEqual([[], 1]);
});

test("one that is refused while it waits for the table keeps it from nobody else", async () => {
  const snapshots = created(batches(3));
  const ended = new Error("the transfer is over");
  const refused = of(snapshots, permitted(), async () => Promise.reject(ended));
  const taken = of(snapshots, permitted());
  await expect(refused).rejects.toBe(ended);
  expect(await readOf((await taken).file)).toHaveLength(23);
});

test("a disk that takes a part of what it is given is given the rest", async () => {
  const probe = await open(join(folder, "probe"), "w");
  const files = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  await rm(join(folder, "probe"));
  const write = files.write as (this: FileHandle, part: Uint8Array) => ReturnType<FileHandle["write"]>;
  const short = vi.spyOn(files, "write").mockImplementation(function (this: FileHandle, part: unknown) {
    return write.call(this, (part as Uint8Array).subarray(0, 1));
  } as FileHandle["write"]);
  const snapshots = created(batches(3));
  const { file } = await of(snapshots, permitted()).finally(() => short.mockRestore());
  expect(await readOf(file)).toHaveLength(23);
});

test("a disk that fills while a table is written ends the writing, and nothing of it stays", async () => {
  let looks = 0;
  const full = new Error("full");
  const writable = () => {
    if (++looks === 4) throw full;
  };
  await expect(of(created(batches(10), { writable }), permitted())).rejects.toBe(full);
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
  await expect(of(made, allowed)).rejects.toMatchObject({ reason });
  expect(await readdir(folder)).toEqual([]);
});

test("what is wrong with a path stays here: the other side hears no more than that it is away", async () => {
  const error = await of(created(batches(1), { failure: atPath("path-missing") }), permitted()).catch(
    (thrown: TransferError) => thrown,
  );
  expect(error).toMatchObject({ code: "ERR_TRANSFER_LATER", message: "alpha:panel: its table cannot be read now" });
});

test("a mistake of this program says nothing about the table", async () => {
  const failure = new TypeError("undefined is not a function");
  await expect(of(created(batches(1), { failure }), permitted())).rejects.toBe(failure);
});
