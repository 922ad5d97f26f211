import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import type { KeptAgreement } from "./agreements.ts";
import { createDeliveries } from "./deliveries.ts";
import { createUsage } from "./usage.ts";

const BYTES = 200_000;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sealane-deliveries-"));
  await writeFile(join(folder, "records"), "x".repeat(BYTES));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function world() {
  const now = () => "2026-11-22T09:00:00Z";
  const held = { is: false };
  const release = { elements: [], formats: [], uses: undefined, rows: 10, bytes: BYTES, callsPerMinute: 100 };
  const deliver = createDeliveries({
    agreement: async () => ({ peer: "beta", agreement: { "@id": "urn:uuid:a" } }) as unknown as KeptAgreement,
    transfer: async () => ({ peer: "beta", document: { state: "STARTED", format: "HttpData-PULL" } as Transfer }),
    isHeld: async () => held.is,
    permission: async () => ({ ok: true, asset: { id: "alpha:panel" }, fields: [], release }) as never,
    snapshots: {
      of: async () => ({ path: join(folder, "records"), digest: "A".repeat(43), bytes: BYTES, rows: 1 }),
    },
    usage: createUsage({ counters: memoryRecords(), deliveries: memoryRecords(), now }),
    newId: () => "00000000-0000-4000-8000-000000000000",
    now,
    onSent: async () => undefined,
  });
  const ask = { transfer: "t", holder: "beta", range: undefined, ifRange: undefined, ifMatch: undefined };
  return { held, deliver, ask };
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

test("a token's holder gets nothing of another participant's transfer", async () => {
  const { deliver, ask } = world();
  await expect(deliver({ ...ask, holder: "mallory" })).rejects.toMatchObject({ code: "ERR_TRANSFER_UNKNOWN" });
});
