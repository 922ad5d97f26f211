import { randomUUID } from "node:crypto";
import { copyFile, type FileHandle, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import type { KeptAgreement } from "./agreements.ts";
import { createDeliveries } from "./deliveries.ts";
import { createUsage, MOST_STREAMS } from "./usage.ts";

const BYTES = 200_000;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sealane-deliveries-"));
  await writeFile(join(folder, "records"), "x".repeat(BYTES));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function world({ uses, callsPerMinute = 100 }: { uses?: number; callsPerMinute?: number } = {}) {
  const now = () => "2026-11-22T09:00:00Z";
  const held = { is: false };
  const sent: number[] = [];
  const files: FileHandle[] = [];
  const closed: string[] = [];
  const reading: { done?: () => void } = {};
  const path = join(folder, randomUUID());
  let made = 0;
  const release = { elements: [], formats: [], uses, rows: 10, bytes: BYTES, callsPerMinute };
  const usage = createUsage({ counters: memoryRecords(), deliveries: memoryRecords(), now });
  const deliver = createDeliveries({
    agreement: async (id) => ({ peer: "beta", agreement: { "@id": id } }) as unknown as KeptAgreement,
    // One agreement for each transfer, all on the same asset.
    transfer: async (pid) => {
      const document = { state: "STARTED", format: "HttpData-PULL", agreementId: `urn:uuid:${pid}` } as Transfer;
      return { peer: "beta", document };
    },
    isHeld: async () => held.is,
    permission: async () => ({ ok: true, asset: { id: "alpha:panel" }, fields: [], release }) as never,
    snapshots: {
      of: async () => {
        await copyFile(join(folder, "records"), path);
        const file = await open(path, "r");
        files.push(file);
        reading.done?.();
        return { file, digest: "A".repeat(43), bytes: BYTES, rows: 1 };
      },
    },
    usage,
    onClosed: (agreement) => void closed.push(agreement),
    newId: () => `00000000-0000-4000-8000-${String(made++).padStart(12, "0")}`,
    now,
    onSent: async ({ from, to }) => void sent.push(to - from),
  });
  const ask = { transfer: "t", holder: "beta", range: undefined, ifRange: undefined, ifMatch: undefined };
  return { held, deliver, ask, sent, path, files, usage, closed, reading };
}

test("what its provider holds gives nothing, although the other side has not heard of it", async () => {
  const { held, deliver, ask } = world();
  const { pieces } = await deliver(ask);
  const stream = pieces();
  expect((await stream.next()).done).toBe(false);
  held.is = true;
  await expect(stream.next()).rejects.toMatchObject({ reason: "transfer-not-started" });
  await expect(deliver(ask)).rejects.toMatchObject({ reason: "transfer-not-started" });
});

test("a file that is erased once its use is counted still leaves whole, and none stays open", async () => {
  const { deliver, ask, path, files } = world({ uses: 1 });
  const delivery = await deliver(ask);
  await rm(path);
  expect(await all(delivery)).toBe(BYTES);
  const range = { range: `bytes=${BYTES}-`, ifRange: delivery.entityTag };
  await expect(deliver({ ...ask, ...range })).rejects.toMatchObject({ reason: "range-unsatisfiable" });
  expect(files.map(({ fd }) => fd)).toEqual([-1, -1]);
});

test("what ends while its table is read costs no use, and leaves no file open", async () => {
  const { held, deliver, ask, files, usage, reading } = world({ uses: 1 });
  reading.done = () => {
    held.is = true;
  };
  await expect(deliver(ask)).rejects.toMatchObject({ reason: "transfer-not-started" });
  expect([await usage.used("alpha:panel"), files.map(({ fd }) => fd)]).toEqual([0, [-1]]);
});

test("a delivery that is over says so, however it ended", async () => {
  const { deliver, ask, closed } = world();
  await all(await deliver(ask));
  await (await deliver(ask)).close();
  expect(closed).toEqual(["t", "t"]);
});

test("a token's holder gets nothing of another participant's transfer", async () => {
  const { deliver, ask } = world();
  await expect(deliver({ ...ask, holder: "mallory" })).rejects.toMatchObject({ code: "ERR_TRANSFER_UNKNOWN" });
});

async function all(delivery: Awaited<ReturnType<ReturnType<typeof createDeliveries>>>): Promise<number> {
  let bytes = 0;
  for await (const piece of delivery.pieces()) bytes += piece.length;
  return bytes;
}

test("a delivery that is gone on with sends its bytes once and as many again, and then no more", async () => {
  const { deliver, ask, sent } = world();
  const first = await deliver(ask);
  expect(await all(first)).toBe(BYTES);
  const again = { ...ask, range: "bytes=1-", ifRange: first.entityTag };
  expect(await all(await deliver(again))).toBe(BYTES - 1);
  const last = (await deliver(again)).pieces();
  expect((await last.next()).value).toHaveLength(1);
  await expect(last.next()).rejects.toMatchObject({ reason: "repeated-too-much" });
  await expect(deliver(again)).rejects.toMatchObject({ code: "ERR_TRANSFER_USES", reason: "repeated-too-much" });
  expect(sent.reduce((a, b) => a + b, 0)).toBe(2 * BYTES);
});

test("only what has left counts: a connection that breaks early may be gone on with often", async () => {
  const { deliver, ask } = world();
  const { entityTag, pieces } = await deliver(ask);
  for await (const _ of pieces()) break;
  for (let broken = 0; broken < 5; broken++) {
    const { close } = await deliver({ ...ask, range: "bytes=65536-", ifRange: entityTag });
    await close();
  }
  expect(await all(await deliver({ ...ask, range: "bytes=65536-", ifRange: entityTag }))).toBe(BYTES - 65_536);
});

test("calls that are never read leave no stream open", async () => {
  const { deliver, ask } = world();
  for (let call = 0; call < 3 * MOST_STREAMS; call++) await (await deliver(ask)).close();
  const open = await Promise.all(Array.from({ length: MOST_STREAMS }, () => deliver(ask)));
  await expect(deliver(ask)).rejects.toMatchObject({ reason: "streams-exceeded" });
  expect(await all(open[0]!)).toBe(BYTES);
  expect(await all(await deliver(ask))).toBe(BYTES);
});

test("streams and calls of one consumer are counted for an asset, however many agreements it has on it", async () => {
  const { deliver, ask } = world({ callsPerMinute: MOST_STREAMS + 2 });
  for (let at = 0; at < MOST_STREAMS; at++) await deliver({ ...ask, transfer: `t-${at}` });
  await expect(deliver({ ...ask, transfer: "more" })).rejects.toMatchObject({ reason: "streams-exceeded" });
  await expect(deliver({ ...ask, transfer: "more" })).rejects.toMatchObject({ reason: "streams-exceeded" });
  await expect(deliver({ ...ask, transfer: "another" })).rejects.toMatchObject({ reason: "calls-exceeded" });
});

test("nothing is written for a call that no use is left for, and what was begun goes on", async () => {
  const { deliver, ask, files } = world({ uses: 1 });
  const first = await deliver(ask);
  expect(files).toHaveLength(1);
  const tag = first.entityTag.replace(/[0-9a-f](?=\.)/, "e");
  for (const one of [
    ask,
    { ...ask, range: "bytes=0-", ifRange: first.entityTag },
    { ...ask, range: "bytes=9-", ifRange: tag },
  ]) {
    await expect(deliver(one)).rejects.toMatchObject({ reason: "uses-exhausted" });
  }
  expect(files).toHaveLength(1);
  await first.close();
  expect(await all(await deliver({ ...ask, range: "bytes=9-", ifRange: first.entityTag }))).toBe(BYTES - 9);
});
