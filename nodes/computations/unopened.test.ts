import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../store/database.ts";
import { openRecords } from "../store/records.ts";
import { createUnopened, UNOPENED, type Waiting } from "./unopened.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
let dir: string;
let database: Database;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealane-unopened-"));
  database = await openDatabase(dir);
});
afterEach(async () => {
  await database.close();
  await rm(dir, { recursive: true, force: true });
});

function world(bounds: Partial<Record<keyof typeof UNOPENED, number>> = {}) {
  const documents = openRecords<object>(database, "computation-documents");
  const dossiers = openRecords<object>(database, "dossiers");
  const waiting = openRecords<Waiting>(database, "unopened-documents");
  const opened = new Map<string, string>();
  const time = { now: 0 };
  const unopened = createUnopened({
    waiting,
    stores: { documents, dossier: dossiers },
    openedBy: async (computation) => opened.get(computation),
    clock: () => ++time.now,
    bounds: { ...UNOPENED, ...bounds },
  });
  const names = async () => {
    const found: string[] = [];
    for (const store of [documents, dossiers]) for await (const [key] of store.entries()) found.push(key);
    return found;
  };
  return { unopened, opened, names, time, waiting };
}

test("an author that sends more than its count loses its own oldest, and nobody else's", async () => {
  const { unopened, names } = world({ count: 2 });
  await unopened.keep("documents", "alpha", "c1", {});
  await unopened.keep("dossier", "beta", "c2", {});
  await Promise.all(["c3", "c4", "c5"].map((id) => unopened.keep("documents", "alpha", id, {})));
  expect(await names()).toEqual(["c4/alpha", "c5/alpha", "c2/beta"]);
});

test("an author that sends more bytes than allowed loses its oldest; one that is too large alone is refused", async () => {
  const { unopened, names } = world({ bytes: 100 });
  const value = { text: "x".repeat(38) };
  await unopened.keep("documents", "alpha", "c1", value);
  await unopened.keep("documents", "alpha", "c2", value);
  await expect(unopened.keep("dossier", "alpha", "c9", { text: "x".repeat(100) })).rejects.toThrow("at most 100");
  expect(await names()).toEqual(["c1/alpha", "c2/alpha"]);
  await unopened.keep("dossier", "alpha", "c3", value);
  expect(await names()).toEqual(["c2/alpha", "c3/alpha"]);
});

test("what was opened by its author takes no room any more and is never erased", async () => {
  const { unopened, opened, names } = world({ count: 1, keptMs: DAY_MS });
  await unopened.keep("documents", "alpha", "c1", {});
  opened.set("c1", "alpha");
  await unopened.keep("documents", "alpha", "c1", { handed: "over again" });
  await unopened.keep("documents", "alpha", "c2", {});
  expect(await names()).toEqual(["c1/alpha", "c2/alpha"]);
});

test("what nobody opens within a day is erased, and what another author sent for a computation when that is opened", async () => {
  const { unopened, opened, names, time, waiting } = world();
  await unopened.keep("documents", "alpha", "c1", {});
  await unopened.keep("dossier", "alpha", "c1", {});
  await unopened.keep("documents", "beta", "c2", {});
  await unopened.keep("documents", "gamma", "c2", {});
  opened.set("c2", "beta");
  await unopened.sweep();
  expect(await names()).toEqual(["c1/alpha", "c2/beta", "c1/alpha"]);
  time.now += DAY_MS;
  await unopened.sweep();
  expect(await names()).toEqual(["c2/beta"]);
  const left: string[] = [];
  for await (const [key] of waiting.entries()) left.push(key);
  expect(left).toEqual([]);
});
