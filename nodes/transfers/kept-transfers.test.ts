/** What stays of transfers that are over, on a real disk. */

import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import { type Database, openDatabase } from "../store/database.ts";
import { openRecords } from "../store/records.ts";
import { createInbox } from "./inbox.ts";
import { createKeptTransfers, type KeptTransfersDeps } from "./kept-transfers.ts";
import { createUsage, deliveryKey } from "./usage.ts";
import { createWishes } from "./wishes.ts";

const AT = "2026-11-22T09:00:00Z";
const BYTES = 7;
let dir: string;
let database: Database;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealane-kept-"));
  database = await openDatabase(dir);
});
afterEach(async () => {
  await database.close();
  await rm(dir, { recursive: true, force: true });
});

const NAMES = ["wishes", "holds", "pushed", "pushing", "wanted", "received", "deliveries"] as const;
function world() {
  const store = <V>(name: (typeof NAMES)[number]) => openRecords<V>(database, name);
  const tokens = new Set<string>();
  const inbox = createInbox({
    folder: join(dir, "received"),
    records: store("received"),
    limit: async () => BYTES,
    assertWritable: () => undefined,
  });
  const usage = createUsage({
    counters: openRecords(database, "uses"),
    deliveries: store("deliveries"),
    now: () => AT,
  });
  const wishes = createWishes({ wishes: store("wishes"), holds: store("holds") });
  const deps: KeptTransfersDeps = {
    ...{ inbox, usage, wishes, pushed: store("pushed"), pushing: store("pushing") },
    wanted: store("wanted"),
    forgetToken: (pid) => tokens.delete(pid),
  };
  return {
    ...{ deps, inbox, usage, tokens },
    kept: createKeptTransfers(deps),
    /** Everything that a transfer can leave behind. */
    async filled(pid: string) {
      tokens.add(pid);
      await wishes.put(pid, { become: "SUSPENDED", cause: causeOf("maintenance") });
      await wishes.put(pid, { become: "COMPLETED" });
      await deps.pushed.put(pid, true);
      await deps.pushing.put(pid, { since: AT });
      await deps.wanted.put(pid, {} as never);
      await usage.reserve(deliveryKey(pid, "d"), { asset: "a:b", agreement: "c", transfer: pid, at: AT }, undefined);
      const digest = createHash("sha256").update("records").digest("base64url");
      await inbox.take(pid, { offset: 0, digest, bytes: BYTES, part: Buffer.from("records") });
    },
    async left() {
      const found: string[] = [...tokens].map((pid) => `token ${pid}`);
      for (const name of NAMES) for await (const [id] of store(name).entries()) found.push(`${name} ${id}`);
      for (const file of await readdir(join(dir, "received"))) found.push(file);
      return found;
    },
  };
}
const over = (pid: string, change: Partial<Transfer> = {}, role: "consumer" | "provider" = "consumer") => {
  const document = { state: "COMPLETED", format: "HttpData-PUSH", ...change } as Transfer;
  return {
    ...{ pid, peer: "alpha", address: "" },
    side: { role, document, sending: undefined, taken: undefined },
  } as const;
};

test("nothing that is known by the id of a forgotten transfer outlives it, and nothing of another one goes", async () => {
  const { kept, filled, left } = world();
  await filled("other");
  const before = await left();
  await filled("first");
  await kept.forget(over("first"));
  expect(await left()).toEqual(before);
  expect(before).toHaveLength(9);
  // A crash in between forgets again.
  await kept.forget(over("first"));
});

test("a transfer stays as long as this node holds what its provider has sent, and no other does", async () => {
  const { kept, filled, inbox } = world();
  await filled("first");
  expect(await kept.isNeeded(over("first"))).toBe(true);
  expect(await kept.isNeeded(over("first", {}, "provider"))).toBe(false);
  expect(await kept.isNeeded(over("first", { format: "HttpData-PULL" }))).toBe(false);
  expect(await kept.isNeeded(over("none"))).toBe(false);
  expect(await inbox.erase("first")).toBe(true);
  expect(await inbox.erase("first")).toBe(false);
  expect(await kept.isNeeded(over("first"))).toBe(false);
  await filled("first");
  await rm(join(dir, "received", "first.csv"));
  expect(await kept.isNeeded(over("first"))).toBe(false);
});

test("wishes, tries and tokens go when a transfer is over, and not before", async () => {
  const { kept, filled, left } = world();
  await filled("first");
  const all = await left();
  await kept.moved(over("first", { state: "SUSPENDED" }));
  expect(await left()).toEqual(all);
  await kept.moved(over("first"));
  const rest = await left();
  expect(all.filter((one) => !rest.includes(one))).toEqual([
    "token first",
    "wishes first",
    "holds first",
    "pushing first",
  ]);
});

test("what a transfer has used stays used when it is forgotten", async () => {
  const { kept, filled, usage } = world();
  await filled("first");
  await kept.forget(over("first"));
  expect(await usage.used("a:b")).toBe(1);
});
