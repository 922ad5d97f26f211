/** A few rounds of the crash suite; `npm run test:crash -- --rounds 1000` is the long version. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCrashes } from "./runner.ts";

const ROUNDS = 10;
const NOISED = 4;
const QUERIED = 4;

test("nodes killed at any step lose nothing acknowledged, answer no share twice, and every request ends", async () => {
  const said: string[] = [];
  const { broken, passed, records, unmaskings } = await runCrashes({
    rounds: ROUNDS,
    networks: 1,
    // All six roles, a full disk, slow fsync, a restored backup, a vector of several chunks and a homomorphic sum among them.
    seed: 267_989,
    dir: await mkdtemp(join(tmpdir(), "sealane-crash-")),
    stepMs: 10_000,
    releaseMs: 15_000,
    limitMs: 300_000,
    note: (text) => said.push(text),
  });
  expect({ broken, passed, said: broken === undefined ? [] : said }).toEqual({
    broken: undefined,
    passed: ROUNDS,
    said: [],
  });
  expect(records).toBeGreaterThan(15 * ROUNDS);
  expect(unmaskings).toBeGreaterThan(0);
}, 600_000);

test("noise is drawn, charged and released once, whoever is killed at whichever step of a sum with it", async () => {
  const { broken, passed } = await runCrashes({
    rounds: NOISED,
    networks: 1,
    seed: 7,
    only: "noise",
    dir: await mkdtemp(join(tmpdir(), "sealane-crash-")),
    stepMs: 10_000,
    releaseMs: 15_000,
    limitMs: 300_000,
    note: () => undefined,
  });
  expect({ broken, passed }).toEqual({ broken: undefined, passed: NOISED });
}, 600_000);

test("encrypted queries are answered as often as was agreed, on record and once each, whichever side is killed", async () => {
  const { broken, passed } = await runCrashes({
    rounds: QUERIED,
    networks: 1,
    seed: 5,
    only: "queries",
    dir: await mkdtemp(join(tmpdir(), "sealane-crash-")),
    stepMs: 10_000,
    releaseMs: 15_000,
    limitMs: 300_000,
    note: () => undefined,
  });
  expect({ broken, passed }).toEqual({ broken: undefined, passed: QUERIED });
}, 600_000);
