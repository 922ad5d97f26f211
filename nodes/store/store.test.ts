import { appendFile, chmod, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ACCESS_LOG_FOLDER, openAccessLog, verifyAccessLog } from "./access-log.ts";
import { type Database, openDatabase, STORE_FORMAT } from "./database.ts";
import { openInflight } from "./inflight.ts";
import { isDiskFull, openRecords } from "./records.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "store-test-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const now = () => "2026-01-01T00:00:00.000Z";
const event = (target: string) => ({ actor: "alpha", action: "GET /x", target, outcome: "200" });
const segment = () => join(dir, ACCESS_LOG_FOLDER, "access-000000000000.ndjson");

describe("records", () => {
  test("of one store are not seen in another, and come in order of their ids", async () => {
    const database = await openDatabase(dir);
    const first = openRecords<number>(database, "first");
    const second = openRecords<number>(database, "second");
    for (const id of ["b", "a", "c/1", "c/2", "d"]) await first.put(id, id.length);
    expect(await second.get("a")).toBeUndefined();
    const ids: string[] = [];
    for await (const [id] of first.entries()) ids.push(id);
    expect(ids).toEqual(["a", "b", "c/1", "c/2", "d"]);
    const prefixed: string[] = [];
    for await (const [id] of first.entries("c/")) prefixed.push(id);
    expect(prefixed).toEqual(["c/1", "c/2"]);
    await first.delete("a");
    expect(await first.get("a")).toBeUndefined();
    await database.close();
  });

  test("a full disk is recognised through the chain of causes", () => {
    const cause = Object.assign(new Error("IO error: No space left on device"), { code: "LEVEL_IO_ERROR" });
    expect(isDiskFull(new Error("write failed", { cause }))).toBe(true);
    expect(isDiskFull(Object.assign(new Error("x"), { code: "ENOSPC" }))).toBe(true);
    expect(isDiskFull(new Error("other"))).toBe(false);
  });
});

describe("database", () => {
  test("of a newer format is refused and left as it is", async () => {
    await (await openDatabase(dir, { format: STORE_FORMAT + 1 })).close();
    await expect(openDatabase(dir)).rejects.toMatchObject({ code: "ERR_STORE_FORMAT_NEWER" });
    await (await openDatabase(dir, { format: STORE_FORMAT + 1 })).close();
  });

  test("of a format that nothing leads from is refused and left as it is", async () => {
    await (await openDatabase(dir, { format: 1 })).close();
    await expect(openDatabase(dir)).rejects.toMatchObject({ code: "ERR_STORE_FORMAT_OLDER" });
    await (await openDatabase(dir, { format: 1 })).close();
  });

  test("of an older format is migrated step by step after a copy was made", async () => {
    const old = await openDatabase(dir, { format: 1 });
    await openRecords(old, "kept").put("a", 1);
    await old.close();
    const steps: number[] = [];
    const migrations = {
      1: async () => void steps.push(1),
      2: async () => void steps.push(2),
    };
    const migrated = await openDatabase(dir, { format: 3, migrations });
    expect(steps).toEqual([1, 2]);
    expect(await openRecords(migrated, "kept").get("a")).toBe(1);
    await migrated.close();
    expect(await readdir(dir)).toContain("store-backup-v1");
  });

  test("keeps the copy of the old format when a migration is cut off and taken up again", async () => {
    const old = await openDatabase(dir, { format: 1 });
    await openRecords(old, "kept").put("a", "old");
    await old.close();
    const half = async (database: Database) => {
      await openRecords(database, "kept").put("a", "half migrated");
      throw new Error("power failure");
    };
    await expect(openDatabase(dir, { format: 2, migrations: { 1: half } })).rejects.toThrow("power failure");
    await (await openDatabase(dir, { format: 2, migrations: { 1: async () => undefined } })).close();
    const copy = await mkdtemp(join(tmpdir(), "store-copy-"));
    await rename(join(dir, "store-backup-v1"), join(copy, "store"));
    const before = await openDatabase(copy, { format: 1 });
    expect(await openRecords(before, "kept").get("a")).toBe("old");
    await before.close();
    await rm(copy, { recursive: true });
  });

  test("lies in a folder that only the owner can open", async () => {
    await chmod(dir, 0o755);
    await (await openDatabase(dir)).close();
    expect((await stat(join(dir, "store"))).mode & 0o077).toBe(0);
  });

  test("is held by one opener at a time", async () => {
    const held = await openDatabase(dir);
    await expect(openDatabase(dir)).rejects.toMatchObject({ code: "ERR_STORE_LOCKED" });
    await held.close();
  });
});

describe("in-flight secrets", () => {
  test("lie in one private file each and are gone when erased", async () => {
    const inflight = openInflight(dir);
    expect(await inflight.names()).toEqual([]);
    await inflight.put("a-1", { seed: "secret" });
    await inflight.put("a-1", { seed: "newer" });
    expect(await inflight.get("a-1")).toEqual({ seed: "newer" });
    expect((await stat(join(dir, "inflight", "a-1.json"))).mode & 0o777).toBe(0o600);
    await inflight.erase("a-1");
    await inflight.erase("a-1");
    expect(await inflight.get("a-1")).toBeUndefined();
    expect(await readdir(join(dir, "inflight"))).toEqual([]);
  });

  test("leave nothing behind when a write was cut off by a crash", async () => {
    const inflight = openInflight(dir);
    await inflight.put("a-1", { seed: "secret" });
    await inflight.put("a-1-receiver", { seed: "another" });
    await writeFile(join(dir, "inflight", "a-1.json.0123456789ab.tmp"), '{"seed":"secret"}');
    await writeFile(join(dir, "inflight", "b-1.json.0123456789ab.tmp"), '{"seed":"secret"}');
    expect([...(await inflight.names())].sort()).toEqual(["a-1", "a-1-receiver", "b-1"]);
    expect(await inflight.get("b-1")).toBeUndefined();
    await inflight.erase("a-1");
    await inflight.erase("b-1");
    expect(await readdir(join(dir, "inflight"))).toEqual(["a-1-receiver.json"]);
  });

  test("keep the last state whose line is whole, whatever a crash has left behind it", async () => {
    const inflight = openInflight(dir);
    const file = join(dir, "inflight", "a-1.json");
    for (let round = 1; round <= 3; round++) await inflight.put("a-1", { round });
    const whole = await readFile(file, "utf8");
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), fc.boolean(), async (cut, isTorn) => {
        const lines = whole.slice(0, cut).split("\n").length - 1;
        // A file is begun as a whole, so its first line is always there.
        if (lines === 0) return;
        await writeFile(file, isTorn ? `${whole.slice(0, cut)}\0\0\n` : whole.slice(0, cut));
        const reopened = openInflight(dir);
        expect(await reopened.get("a-1")).toEqual({ round: lines });
        await reopened.put("a-1", { round: 9 });
        expect(await openInflight(dir).get("a-1")).toEqual({ round: 9 });
      }),
      { numRuns: 50 },
    );
  });

  test("are whole again from what changed, and no further than a crash has left them", async () => {
    const inflight = openInflight(dir);
    const file = join(dir, "inflight", "a-1.json");
    const large = { words: "x".repeat(10_000) };
    const values: object[] = [
      { stage: "keys", large, keys: {} },
      { stage: "keys", large, keys: { a: 1 }, note: undefined },
      { stage: "masks", large, masks: ["a"] },
      { stage: "masks", masks: ["a"], large: { words: "y" } },
      { stage: "over" },
    ];
    for (const value of values) await inflight.change("a-1", value);
    const whole = await readFile(file, "utf8");
    expect(whole.length).toBeLessThan(11_000);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), fc.boolean(), async (cut, isTorn) => {
        const lines = whole.slice(0, cut).split("\n").length - 1;
        if (lines === 0) return;
        await writeFile(file, isTorn ? `${whole.slice(0, cut)}\0\0\n` : whole.slice(0, cut));
        const reopened = openInflight(dir);
        expect(await reopened.get("a-1")).toEqual(JSON.parse(JSON.stringify(values[lines - 1])));
        await reopened.change("a-1", { stage: "anew", large });
        await reopened.change("a-1", { stage: "and on", large });
        expect(await openInflight(dir).get("a-1")).toEqual({ stage: "and on", large });
      }),
      { numRuns: 50 },
    );
  });

  test("a change behind a line that does not hold is not taken for one", async () => {
    const inflight = openInflight(dir);
    const file = join(dir, "inflight", "a-1.json");
    for (let round = 1; round <= 4; round++) await inflight.change("a-1", { round, rest: "same" });
    const lines = (await readFile(file, "utf8")).split("\n");
    await writeFile(file, lines.toSpliced(1, 1).join("\n"));
    await expect(openInflight(dir).get("a-1")).rejects.toMatchObject({ code: "ERR_STORE_CORRUPT" });
    await writeFile(file, [...lines.slice(0, 3), lines[3]!.replace('"round":4', '"round":5'), ""].join("\n"));
    expect(await openInflight(dir).get("a-1")).toEqual({ round: 3, rest: "same" });
  });

  test("do not grow without end", async () => {
    const inflight = openInflight(dir);
    const state = { words: "x".repeat(400_000) };
    for (let round = 0; round < 12; round++) await inflight.put("a-1", { ...state, round });
    expect((await stat(join(dir, "inflight", "a-1.json"))).size).toBeLessThan(2_000_000);
    expect(await inflight.get("a-1")).toEqual({ ...state, round: 11 });
    for (let round = 0; round < 12; round++)
      await inflight.change("a-1", { ...state, words: `${state.words}${round}` });
    expect((await stat(join(dir, "inflight", "a-1.json"))).size).toBeLessThan(2_000_000);
    expect(await inflight.get("a-1")).toEqual({ ...state, words: `${state.words}11` });
  });

  test("that are large are not written whole at each change", async () => {
    const inflight = openInflight(dir);
    const file = join(dir, "inflight", "a-1.json");
    const large = "x".repeat(3_000_000);
    let written = 0;
    let length = 0;
    for (let round = 0; round < 40; round++) {
      await inflight.change("a-1", { large, round, part: "y".repeat(200_000) + round });
      const { size } = await stat(file);
      written += size > length ? size - length : size;
      length = size;
      expect(size).toBeLessThan(6_500_000);
    }
    // Begun twice anew, each time after changes as long as the whole.
    expect(written).toBeLessThan(18_000_000);
    expect(await openInflight(dir).get("a-1")).toMatchObject({ large, round: 39 });
  });

  test("stay erased: a put that comes later begins a new file", async () => {
    const inflight = openInflight(dir);
    await inflight.put("a-1", { round: 1 });
    await Promise.all([inflight.erase("a-1"), inflight.put("a-1", { round: 2 })]);
    expect(await inflight.get("a-1")).toEqual({ round: 2 });
    await inflight.erase("a-1");
    expect(await readdir(join(dir, "inflight"))).toEqual([]);
  });

  test("say so when nothing of a file is sound", async () => {
    const inflight = openInflight(dir);
    await inflight.put("a-1", { round: 1 });
    await writeFile(join(dir, "inflight", "a-1.json"), '{"round":1}\n');
    await expect(inflight.get("a-1")).rejects.toMatchObject({ code: "ERR_STORE_CORRUPT" });
  });

  test.each(["../x", "A", "", "a/b"])("refuse the name %j", (name) => {
    expect(() => openInflight(dir).put(name, 1)).toThrow(TypeError);
  });
});

describe("access log", () => {
  test("keeps every acknowledged entry in order, also under concurrent appends and after reopening", async () => {
    const log = await openAccessLog(dir, now);
    const entries = await Promise.all(Array.from({ length: 50 }, (_, index) => log.append(event(String(index)))));
    expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, index) => index));
    await log.close();
    const again = await openAccessLog(dir, now);
    await again.append(event("50"));
    expect((await again.read(48, 100)).map(({ event: { target } }) => target)).toEqual(["48", "49", "50"]);
    await again.close();
  });

  test("any changed byte is found", async () => {
    const log = await openAccessLog(dir, now);
    for (const target of ["a", "b", "c"]) await log.append(event(target));
    await log.close();
    const sound = await readFile(segment());
    await fc.assert(
      fc.asyncProperty(fc.nat(sound.length - 2), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const tampered = Buffer.from(sound);
        tampered[at] = tampered[at]! ^ change;
        await writeFile(segment(), tampered);
        const { fault, head } = await verifyAccessLog(dir);
        expect(fault !== undefined || head.entries < 3).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test("a removed line is found and stops the start", async () => {
    const log = await openAccessLog(dir, now);
    for (const target of ["a", "b", "c"]) await log.append(event(target));
    await log.close();
    const lines = (await readFile(segment(), "utf8")).split("\n");
    await writeFile(segment(), [lines[0], ...lines.slice(2)].join("\n"));
    expect(await verifyAccessLog(dir)).toMatchObject({ fault: { line: 2, reason: "sequence" } });
    await expect(openAccessLog(dir, now)).rejects.toMatchObject({ code: "ERR_STORE_ACCESS_LOG_TAMPERED" });
  });

  test("a line cut off by a crash was never acknowledged and is dropped", async () => {
    const log = await openAccessLog(dir, now);
    await log.append(event("a"));
    await log.close();
    await appendFile(segment(), '{"sequence":1,"ti');
    const again = await openAccessLog(dir, now);
    expect(again.size()).toBe(1);
    await again.append(event("b"));
    await again.close();
    expect(await verifyAccessLog(dir)).toMatchObject({ head: { entries: 2 }, tornBytes: 0 });
  });

  test("a writer that cannot write stays stopped", async () => {
    const log = await openAccessLog(dir, now);
    await rm(join(dir, ACCESS_LOG_FOLDER), { recursive: true });
    await expect(log.append(event("a"))).rejects.toMatchObject({ code: "ERR_STORE_ACCESS_LOG_STOPPED" });
    expect(log.stopped()).toBe(true);
    await expect(log.append(event("b"))).rejects.toMatchObject({ code: "ERR_STORE_ACCESS_LOG_STOPPED" });
  });
});
