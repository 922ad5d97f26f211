import { createHash } from "node:crypto";
import { fstatSync, statSync } from "node:fs";
import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { memoryRecords } from "../peer/_memory-records.ts";
import { disk } from "../store/atomic-file.ts";
import type { RecordStore } from "../store/records.ts";
import { createInbox, type Inbox, type InboxRecord } from "./inbox.ts";

let folder: string;
let inbox: Inbox;
let records: RecordStore<InboxRecord>;
const LIMIT = 100;
const digestOf = (text: string) => createHash("sha256").update(text).digest("base64url");
const part = (whole: string, from: number, to: number) => ({
  offset: from,
  digest: digestOf(whole),
  bytes: whole.length,
  part: Buffer.from(whole.slice(from, to)),
});

async function read(pid: string): Promise<string | undefined> {
  const whole = await inbox.open(pid);
  if (whole === undefined) return undefined;
  try {
    return await whole.file.readFile("utf8");
  } finally {
    await whole.file.close();
  }
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sealane-inbox-"));
  records = memoryRecords();
  inbox = createInbox({
    folder: join(folder, "received"),
    records,
    limit: async (pid) => (pid === "t" ? LIMIT : undefined),
    assertWritable: () => undefined,
  });
});
afterEach(() => rm(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

async function fileMethods(): Promise<FileHandle> {
  const file = await open(join(folder, "any"), "w");
  await file.close();
  return Object.getPrototypeOf(file) as FileHandle;
}
/** What is asked to be on disk from here on, in order. */
async function synced(): Promise<readonly string[]> {
  const received = join(folder, "received");
  const names = () => [folder, received].map((path) => [statSync(path).ino, path.slice(folder.length)] as const);
  const told: string[] = [];
  vi.spyOn(disk, "synced").mockImplementation(async (fd) => {
    told.push(new Map(names()).get(fstatSync(fd).ino) ?? "?");
  });
  vi.spyOn(await fileMethods(), "datasync").mockImplementation(async () => void told.push("data"));
  return told;
}

test("parts are put together in order, and are complete under their digest", async () => {
  expect(await inbox.take("t", part("one two", 0, 3))).toBe(3);
  await expect(inbox.take("t", part("one two", 4, 7))).rejects.toMatchObject({ reason: "offset-wrong" });
  expect(await inbox.state("t")).toMatchObject({ held: 3, isComplete: false });
  expect(await read("t")).toBeUndefined();
  expect(await inbox.take("t", part("one two", 3, 7))).toBe(7);
  expect(await inbox.state("t")).toMatchObject({ isComplete: true });
  expect(await read("t")).toBe("one two");
});

test("parts of another version begin anew", async () => {
  await inbox.take("t", part("one two", 0, 3));
  await expect(inbox.take("t", part("ONE TWO", 3, 7))).rejects.toMatchObject({ reason: "offset-wrong" });
  await inbox.take("t", part("ONE TWO", 0, 7));
  expect(await read("t")).toBe("ONE TWO");
});

test("what has arrived whole is replaced by nothing, and may be said again", async () => {
  await inbox.take("t", part("one two", 0, 7));
  await expect(inbox.take("t", part("ONE TWO", 0, 7))).rejects.toMatchObject({ reason: "already-complete" });
  expect(await inbox.take("t", part("one two", 0, 7))).toBe(7);
  expect(await read("t")).toBe("one two");
});

test("bytes that are not those announced are kept by nobody", async () => {
  const lie = { ...part("one two", 0, 7), part: Buffer.from("one twO") };
  await expect(inbox.take("t", lie)).rejects.toMatchObject({ reason: "digest-wrong" });
  expect(await inbox.state("t")).toEqual({ held: 0, isComplete: false });
});

test("more than the policy lets leave, or for no transfer that runs, is not taken", async () => {
  await expect(inbox.take("t", part("x".repeat(LIMIT + 1), 0, 10))).rejects.toMatchObject({ reason: "too-many-bytes" });
  await expect(inbox.take("t", { ...part("one", 0, 3), bytes: 2 })).rejects.toMatchObject({ reason: "offset-wrong" });
  await expect(inbox.take("other", part("one", 0, 3))).rejects.toMatchObject({ reason: "transfer-not-started" });
});

test("a node killed between the last part and its check says that all is held only after the check", async () => {
  await inbox.take("t", part("one two", 0, 7));
  const record = (await records.get("t"))!;
  await records.put("t", { ...record, isComplete: false });
  expect(await inbox.state("t")).toMatchObject({ held: 7, isComplete: true });
  expect(await read("t")).toBe("one two");

  await records.put("t", { ...record, digest: digestOf("ONE TWO"), isComplete: false });
  expect(await inbox.state("t")).toEqual({ held: 0, isComplete: false });
  await inbox.take("t", part("ONE TWO", 0, 7));
  expect(await read("t")).toBe("ONE TWO");
});

test("a part is told of when its bytes, the name of its file and that of the folder are on disk", async () => {
  const told = await synced();
  await inbox.take("t", part("one two", 0, 3));
  expect(told).toEqual(["data", "/received", ""]);
  await inbox.take("t", part("one two", 3, 5));
  expect(told.slice(3)).toEqual(["data"]);
});

test("what an earlier life has written is put on disk before it counts as whole", async () => {
  await inbox.take("t", part("one two", 0, 7));
  await records.put("t", { ...(await records.get("t"))!, isComplete: false });
  const told = await synced();
  expect(await inbox.state("t")).toMatchObject({ isComplete: true });
  expect(told).toEqual(["data", "/received", ""]);
});

test("a disk that takes a part of what it is given is given the rest", async () => {
  const files = await fileMethods();
  const write = files.write as (this: FileHandle, bytes: Uint8Array) => ReturnType<FileHandle["write"]>;
  vi.spyOn(files, "write").mockImplementation(function (this: FileHandle, bytes: unknown) {
    return write.call(this, (bytes as Uint8Array).subarray(0, 1));
  } as FileHandle["write"]);
  expect(await inbox.take("t", part("one two", 0, 3))).toBe(3);
  expect(await inbox.state("t")).toMatchObject({ held: 3 });
});

test("a file that is gone without having been erased is told from one that was, and taken again", async () => {
  await inbox.take("t", part("one two", 0, 7));
  await rm(join(folder, "received", "t.csv"));
  expect(await inbox.state("t")).toMatchObject({ held: 0, digest: digestOf("one two"), isComplete: false });
  expect(await inbox.take("t", part("one two", 0, 7))).toBe(7);
  expect(await read("t")).toBe("one two");
  await inbox.erase("t");
  expect(await inbox.state("t")).toEqual({ held: 0, isComplete: false });
});
