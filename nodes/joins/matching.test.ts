/** The matcher between two sides of which either may lie. */
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MemoryState } from "../../chaincode/rules/_world.ts";
import { keys } from "../../chaincode/rules/keys.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import { type Signed, verifySigned } from "../../crypto/suites/signed.ts";
import { matchedGroups } from "../../ledger/audit/join-statements.ts";
import { bring, broughtBytes, coordinator, digestOf, type Matching, matchingOf, over, RUN } from "./_matching.ts";
import { bytesOf, MOST_MATCHED } from "./match-bytes.ts";
import { PIECE_BYTES } from "./messages.ts";

const ITEMS = 4;
const point = (at: number) => new Uint8Array(32).fill(at);
const points = Buffer.concat([1, 2, 3, 4].map(point));
let matching: Matching;
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealane-matching-"));
});
afterEach(async () => {
  await matching.stop();
  await rm(dir, { recursive: true, force: true });
});

async function opened(operation = "statistics", size = ITEMS) {
  await matching?.stop();
  matching = await matchingOf(dir, { operation, asker: size, holder: ITEMS });
}
const ASKER = broughtBytes({ points, groups: Uint16Array.of(0, 0, 1, 1) });
const HOLDER = broughtBytes({ points, groups: new Uint16Array(ITEMS), words: BigUint64Array.of(1n, 2n, 3n, 4n) });
const asking = (bytes: Uint8Array = ASKER, groups = 2) => ({ groups, digest: digestOf(bytes) });
const holding = (askerGroups = 2) => ({ groups: 1, digest: digestOf(HOLDER), minimum: 2, columns: 1, askerGroups });
async function both(asks = asking(), holds = holding(), bytes = ASKER) {
  await matching.announce("ministry", RUN, asks);
  await matching.announce("alpha", RUN, holds);
  await matching.take("ministry", RUN, 0, bytes);
  await matching.take("alpha", RUN, 0, HOLDER);
  return await over(matching);
}
const coded = (code: string) => expect.objectContaining({ code });

test("it signs the groups that both sides' bytes give, and what it had of each", async () => {
  await opened();
  const { matched } = await both();
  expect(matchedGroups(matched!)).toEqual([
    { group: 0, rows: Uint32Array.of(0, 1), sums: BigUint64Array.of(3n) },
    { group: 1, rows: Uint32Array.of(2, 3), sums: BigUint64Array.of(7n) },
  ]);
  const { statement } = matched!;
  expect([statement.asker, statement.holder, statement.minimum]).toEqual([digestOf(ASKER), digestOf(HOLDER), 2]);
  const publicKey = fromBase64url(coordinator.record.identity.publicKey, "key");
  expect(verifySigned(publicKey, "join", matched as Signed<unknown>)).toBe(true);
});

test("an asker with more groups than were agreed on, or other bytes than it announced, gets nothing", async () => {
  await opened();
  expect(await both(asking(), holding(1))).toEqual({ refused: "ERR_PSI_GROUP" });
  await opened();
  expect(await both({ ...asking(), digest: digestOf(HOLDER) })).toEqual({ refused: "ERR_PSI_MESSAGE" });
  await opened();
  const outside = broughtBytes({ points, groups: Uint16Array.of(0, 0, 1, 2) });
  expect(await both(asking(outside), holding(), outside)).toEqual({ refused: "ERR_PSI_MESSAGE" });
});

test("nobody else brings or sees anything, and each side says what is its own to say", async () => {
  await opened();
  await expect(matching.announce("beta", RUN, asking())).rejects.toThrow(coded("ERR_REQUEST_FORBIDDEN"));
  await expect(matching.announce("ministry", RUN, holding())).rejects.toThrow(coded("ERR_REQUEST_INVALID"));
  await expect(matching.announce("alpha", RUN, asking())).rejects.toThrow(coded("ERR_REQUEST_INVALID"));
  await both();
  expect(() => matching.view("beta", RUN)).toThrow(coded("ERR_REQUEST_UNKNOWN"));
  expect(() => matching.view("alpha", RUN)).toThrow(coded("ERR_REQUEST_FORBIDDEN"));
  await expect(matching.take("beta", RUN, 0, ASKER)).rejects.toThrow(coded("ERR_REQUEST_UNKNOWN"));
});

test("pieces come in order and in their sizes; the last one may come again, and what was announced stays", async () => {
  const large = PIECE_BYTES;
  await opened("statistics", large);
  const bytes = new Uint8Array(32 * ITEMS + 2 * large);
  await matching.announce("ministry", RUN, asking(bytes));
  await expect(matching.announce("ministry", RUN, asking(HOLDER))).rejects.toThrow(coded("ERR_REQUEST_TRANSITION"));
  const piece = bytes.subarray(0, PIECE_BYTES);
  const take = (index: number, part: Uint8Array) => matching.take("ministry", RUN, index, part);
  await expect(take(1, piece)).rejects.toThrow(coded("ERR_REQUEST_TRANSITION"));
  await expect(take(0, piece.subarray(1))).rejects.toThrow(coded("ERR_REQUEST_INVALID"));
  expect(await Promise.all([take(0, piece), take(0, piece)])).toEqual([1, 1]);
  await expect(take(0, piece.with(5, 1))).rejects.toThrow(coded("ERR_REQUEST_TRANSITION"));
  await expect(take(9, piece)).rejects.toThrow(coded("ERR_REQUEST_INVALID"));
});

test("a run that is no join of sums, too large, or not on the ledger is not matched", async () => {
  await opened("cardinality");
  await expect(matching.announce("ministry", RUN, asking())).rejects.toThrow(coded("ERR_REQUEST_FORBIDDEN"));
  await opened("statistics", MOST_MATCHED + 1);
  await expect(matching.announce("ministry", RUN, asking())).rejects.toThrow(coded("ERR_REQUEST_FORBIDDEN"));
  await expect(matching.announce("ministry", "B".repeat(22), asking())).rejects.toThrow(
    coded("ERR_REQUEST_UNREACHABLE"),
  );
});

test("what was brought is on disk, readable by this account alone, and gone when the match is over or is stopped", async () => {
  await opened();
  const folder = join(dir, "joins");
  await matching.announce("ministry", RUN, asking());
  await matching.take("ministry", RUN, 0, ASKER);
  const [match] = await readdir(folder);
  expect(await readdir(join(folder, match!))).toEqual(["asker"]);
  expect(
    ((await stat(join(folder, match!, "asker"))).mode & 0o77) + ((await stat(join(folder, match!))).mode & 0o77),
  ).toBe(0);
  await matching.announce("alpha", RUN, holding());
  await matching.take("alpha", RUN, 0, HOLDER);
  expect((await over(matching)).matched).toBeDefined();
  for (let i = 0; i < 400 && (await readdir(folder)).length > 0; i++) await sleep(5);
  expect(await readdir(folder)).toEqual([]);
  await opened();
  await matching.announce("ministry", RUN, asking());
  expect(await readdir(folder)).toHaveLength(1);
  await matching.stop();
  expect(await readdir(folder)).toEqual([]);
});

test("a match that is stopped in its middle says nothing, and leaves nothing", async () => {
  const items = 60_000;
  await opened("statistics", items);
  const many = randomBytes(32 * ITEMS);
  const asker = Buffer.concat([many, bytesOf(new Uint16Array(items))]);
  const holder = Buffer.concat([
    randomBytes(32 * items),
    bytesOf(new Uint16Array(ITEMS)),
    bytesOf(new BigUint64Array(ITEMS)),
  ]);
  await matching.announce("ministry", RUN, asking(asker, 1));
  await matching.announce("alpha", RUN, { ...holding(), digest: digestOf(holder) });
  await bring(matching, "ministry", asker);
  await bring(matching, "alpha", holder);
  await matching.stop();
  expect(() => matching.view("ministry", RUN)).toThrow(coded("ERR_REQUEST_UNKNOWN"));
  expect(await readdir(join(dir, "joins"))).toEqual([]);
});

test("three matches of one asker are under way at once; one that is over or has failed on the ledger gives its place to the next", async () => {
  const runs = [..."ABCDEF"].map((letter) => `${letter.repeat(21)}A`);
  const ledger = new MemoryState();
  matching = await matchingOf(dir, { asker: ITEMS, holder: ITEMS, runs }, ledger);
  const announce = (at: number) => matching.announce("ministry", runs[at]!, asking());
  for (const at of [0, 1, 2]) await announce(at);
  await expect(announce(4)).rejects.toThrow(coded("ERR_REQUEST_UNREACHABLE"));
  await announce(2);
  await bring(matching, "ministry", ASKER, runs[0]);
  await matching.announce("alpha", runs[0]!, holding());
  await bring(matching, "alpha", HOLDER, runs[0]);
  expect((await over(matching, runs[0])).matched).toBeDefined();
  await announce(4);
  await expect(announce(5)).rejects.toThrow(coded("ERR_REQUEST_UNREACHABLE"));
  const time = "2026-11-23T09:00:00.000Z";
  await ledger.put(keys.joinEnded(runs[1]!), { time, body: { run: runs[1]!, outcome: "failed", reason: "restarted" } });
  await announce(5);
  expect(() => matching.view("ministry", runs[1]!)).toThrow(coded("ERR_REQUEST_UNKNOWN"));
  expect(matching.view("ministry", runs[0]!).matched).toBeDefined();
});
