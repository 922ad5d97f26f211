/** What becomes due, and when it is looked at: the platform's alarms under a clock that the test turns. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import type { LedgerEntry } from "../../ledger/port.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import type { KeptAgreement } from "./agreements.ts";
import { createOpenReleases } from "./open-releases.ts";
import { createReleaseClock, PROVIDER_ENDS_MS } from "./release-clock.ts";

const DAY_MS = 24 * 60 * 60_000;
const START = Date.parse("2026-11-22T09:00:00Z");
const at = (ms: number) => new Date(START + ms).toISOString();

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"], now: START }));
afterEach(() => vi.useRealTimers());

async function world() {
  const agreements = memoryRecords<KeptAgreement>();
  const ending = { short: DAY_MS, long: 60 * DAY_MS };
  for (const [id, ms] of Object.entries(ending)) {
    const agreement = { target: "alpha:one", "sealane:validUntil": at(ms) };
    await agreements.put(id, { agreement } as unknown as KeptAgreement);
  }
  const poked: string[] = [];
  const files = new Set(["short", "long", "left-by-a-crash"]);
  const wanted = new Map<string, { at: string; isOpen?: true }>();
  const looks: number[] = [];
  const entries: LedgerEntry[] = [];
  const asked: { changed?: (asset: string) => void; isBroken: boolean; isStuck: boolean } = {
    isBroken: false,
    isStuck: false,
  };
  const clock = createReleaseClock({
    member: "alpha",
    now: () => new Date().toISOString(),
    log: { warn: () => undefined, error: () => undefined } as never,
    ledger: {
      status: async () => ({ height: 0 }),
      async *follow(from: number, signal: AbortSignal) {
        for (let next = from; !signal.aborted; next++) {
          if (asked.isBroken) throw new Error("broken");
          if (entries[next] === undefined) {
            await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
          }
          yield entries[next]!;
        }
      },
    } as never,
    assets: {
      watch(changed) {
        asked.changed = changed;
        return () => undefined;
      },
    },
    releases: createOpenReleases({ member: "alpha", agreements }),
    snapshots: {
      ids: async () => [...files],
      async erase(id) {
        if (asked.isStuck) throw new Error("stuck");
        files.delete(id);
      },
    },
    poke: (pid) => poked.push(pid),
    wakeApprovals: () => undefined,
    wanted: {
      async *list() {
        yield* [...wanted];
      },
      async forgetEnded(keptMs) {
        looks.push(Date.now() - START);
        for (const [id, one] of wanted) {
          if (Date.parse(one.at) <= Date.now() - keptMs && one.isOpen === undefined) wanted.delete(id);
        }
      },
    },
    keptMs: () => DAY_MS,
  });
  const moved = (pid: string, agreement: string, state: Transfer["state"] = "STARTED", role = "provider") =>
    clock.moved({
      ...{ pid, peer: "beta", address: "" },
      side: { role, document: { state, agreementId: `urn:uuid:${agreement}` } as Transfer },
    } as never);
  const turned = (ms: number) => vi.advanceTimersByTimeAsync(ms);
  return { ...{ clock, poked, files, wanted, looks, entries, asked }, moved, turned };
}

test("a transfer is woken right after the last instant of its agreement, however far away that is", async () => {
  const { clock, moved, poked, turned } = await world();
  await moved("t1", "short");
  await moved("t2", "long");
  await moved("t3", "short");
  await moved("t3", "short", "COMPLETED");
  await turned(DAY_MS);
  expect(poked).toEqual([]);
  await turned(1);
  expect(poked).toEqual(["t1"]);
  await turned(59 * DAY_MS - 1);
  expect(poked).toEqual(["t1"]);
  await turned(1);
  expect(poked).toEqual(["t1", "t2"]);
  await clock.stop();
});

test("a consumer's transfer is woken when its provider has had the time to end it, and keeps no file", async () => {
  const { clock, moved, poked, turned, files } = await world();
  await moved("ours", "short", "SUSPENDED", "consumer");
  await clock.start();
  await turned(0);
  expect(files).not.toContain("short");
  expect(poked.splice(0)).toEqual(["ours"]);
  await turned(DAY_MS + PROVIDER_ENDS_MS);
  expect(poked).toEqual([]);
  await turned(1);
  expect(poked).toEqual(["ours"]);
  await clock.stop();
});

test("a file goes with the last transfer under its agreement, and one of an earlier life at the start", async () => {
  const { clock, moved, files, turned, asked } = await world();
  for (const [pid, agreement] of Object.entries({ t1: "short", t2: "short", t3: "long" })) await moved(pid, agreement);
  await clock.start();
  await turned(0);
  expect([...files]).toEqual(["short", "long"]);
  await moved("t1", "short", "COMPLETED");
  await turned(0);
  expect(files).toContain("short");
  asked.isStuck = true;
  await moved("t2", "short", "TERMINATED");
  await turned(0);
  expect(files).toContain("short");
  asked.isStuck = false;
  await turned(1_000);
  expect([...files]).toEqual(["long"]);
  await clock.stop();
});

test("what a delivery has left under an agreement that nothing is open under goes when it is over", async () => {
  const { clock, moved, files, turned } = await world();
  await moved("t1", "long");
  clock.delivered("short");
  await turned(0);
  expect(files).toContain("short");
  await clock.start();
  await turned(0);
  for (const agreement of ["short", "long"]) {
    files.add(agreement);
    clock.delivered(agreement);
  }
  await turned(0);
  expect([...files]).toEqual(["long"]);
  await clock.stop();
});

test("what was wanted is looked at when its time is over, and never before", async () => {
  const { clock, wanted, looks, turned } = await world();
  wanted.set("old", { at: at(-DAY_MS - 5) });
  wanted.set("open", { at: at(-2 * DAY_MS - 7), isOpen: true });
  wanted.set("new", { at: at(-10) });
  await clock.start();
  expect([...wanted.keys()]).toEqual(["open", "new"]);
  await turned(DAY_MS);
  expect([...wanted.keys()]).toEqual(["open"]);
  delete wanted.get("open")!.isOpen;
  await turned(DAY_MS);
  expect(wanted.size).toBe(0);
  expect(looks).toEqual([0, DAY_MS - 10, DAY_MS - 7, 2 * DAY_MS - 7]);
  await turned(30 * DAY_MS);
  expect(looks).toHaveLength(4);
  wanted.set("again", { at: at(32 * DAY_MS) });
  clock.begun();
  await turned(DAY_MS);
  expect(wanted.size).toBe(0);
  await clock.stop();
});

test("a record wakes those it is about, also one that came while the ledger could not be followed", async () => {
  vi.useRealTimers();
  const { clock, moved, poked, entries, asked } = await world();
  await moved("t1", "short");
  await moved("t2", "long");
  asked.isBroken = true;
  await clock.start();
  await expect.poll(clock.isBehind).toBe(true);
  expect(poked.splice(0)).toEqual(["t1", "t2"]);
  const transaction = { statement: { type: "agreement.revoke", body: { agreement: "long" } } };
  entries.push({ position: 0, transaction } as unknown as LedgerEntry);
  asked.isBroken = false;
  await expect.poll(() => poked.splice(0)).toEqual(["t2"]);
  expect(clock.isBehind()).toBe(false);
  asked.changed?.("alpha:one");
  expect(poked).toEqual(["t1", "t2"]);
  await clock.stop();
});
