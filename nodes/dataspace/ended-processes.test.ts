import { describe, expect, test } from "vitest";
import { negotiationTermination } from "../../exchange/negotiation/compose.ts";
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import { BEGIN, createWorld, type Next, OFFER, type Record, SOON } from "./_world.ts";
import { createEndedProcesses, type EndedMark, type Retention } from "./ended-processes.ts";

const PLENTY = { count: 100, bytes: 1 << 20 };
const DAY_MS = 24 * 60 * 60_000;
const refusing: Next = async ({ side: { document } }) =>
  document?.state === "REQUESTED" ? negotiationTermination(document, causeOf("purpose-not-allowed")) : undefined;

/** A provider that refuses whatever it is asked, under a clock that the test turns. */
async function created(retention: Partial<Retention> = {}, isNeeded?: (record: Record) => Promise<boolean>) {
  let clock = Date.parse("2026-11-22T12:00:00Z");
  const kept = memoryRecords<EndedMark>();
  const puts: string[] = [];
  const marks: typeof kept = {
    ...kept,
    async put(pid, mark) {
      puts.push(pid);
      await kept.put(pid, mark);
    },
  };
  const forgotten: string[] = [];
  const failures: (readonly [string, number])[] = [];
  const unforgettable = new Set<string>();
  const world = createWorld({ alpha: async () => undefined, beta: refusing }, [], {
    now: () => new Date(clock).toISOString(),
    post: async () => ({ kind: "taken", answer: {} }),
    ended: {
      marks,
      gone: memoryRecords<true>(),
      retention: { keptMs: DAY_MS, ...PLENTY, all: PLENTY, ...retention },
      ...(isNeeded === undefined ? {} : { isNeeded }),
      async onForget({ side }) {
        const { consumerPid } = side.document!;
        if (unforgettable.has(consumerPid)) throw new Error(consumerPid);
        forgotten.push(consumerPid);
      },
      onError: (pid, _error, count) => failures.push([pid, count]),
    },
  });
  await world.boot();
  const ids = async (store: { entries(): AsyncIterable<readonly [string, unknown]> }) => {
    const found: string[] = [];
    for await (const [id] of store.entries()) found.push(id);
    return found.sort();
  };
  return {
    ...world,
    forgotten,
    /** What `onError` was told: the first one's pid, and of how many. */
    failures,
    /** Ids of the other side whose processes cannot be forgotten. */
    unforgettable,
    /** Pids of the marks that were written, in order. */
    puts,
    bytes: async (pid: string) => (await marks.get(pid))!.bytes,
    marks: () => ids(marks),
    marked: (pid: string) => marks.put(pid, { at: new Date(clock).toISOString(), peer: "alpha", bytes: 1 }),
    records: () => ids(world.stores.beta.records),
    turn(ms: number) {
      clock += ms;
    },
    /** Asks, and waits until it is refused. */
    async asked(name: string, peer = "alpha") {
      const message = { ...BEGIN.message, consumerPid: name };
      const { providerPid } = await world.engine("beta").takeFirst(peer, message, "ContractRequestMessage");
      const state = async () => (await world.engine("beta").find(providerPid))?.side.document?.state ?? "gone";
      await expect.poll(state, SOON).not.toBe("REQUESTED");
      return providerPid;
    },
  };
}

describe("a process that is over", () => {
  test("stays for its time, is found by a repetition until then, and leaves nothing behind after it", async () => {
    const world = await created();
    const pid = await world.asked("first");
    world.turn(DAY_MS - 1);
    await world.die("beta");
    expect(await world.asked("first")).toBe(pid);
    expect(await world.engine("beta").show("alpha", pid)).toMatchObject({ state: "TERMINATED" });
    world.turn(1);
    await world.die("beta");
    await expect.poll(world.records, SOON).toEqual([]);
    await expect.poll(world.marks, SOON).toEqual([]);
    expect(world.forgotten).toEqual(["first"]);
    await expect(world.engine("beta").show("alpha", pid)).rejects.toMatchObject({ code: "ERR_DATASPACE_UNKNOWN" });
    await world.stop();
  });

  test("leaves its id taken: no other first message gets it, nor the same one again", async () => {
    const world = await created();
    const pid = await world.asked("first");
    world.turn(DAY_MS);
    await world.die("beta");
    await expect.poll(world.records, SOON).toEqual([]);
    const other = { ...BEGIN.message, consumerPid: "first", offer: { ...OFFER, target: "beta:other" } };
    for (const message of [other, { ...BEGIN.message, consumerPid: "first" }]) {
      const asked = world.engine("beta").takeFirst("alpha", message, "ContractRequestMessage");
      await expect(asked).rejects.toMatchObject({ code: "ERR_DATASPACE_REFUSED", said: { code: "pid-taken" } });
    }
    expect(await world.records()).toEqual([]);
    expect(await world.asked("first", "gamma")).not.toBe(pid);
    await world.stop();
  });

  test("goes by itself, without a start and without being asked for", async () => {
    const world = await created({ keptMs: 1 });
    await world.asked("first");
    world.turn(1);
    await expect.poll(world.records, SOON).toEqual([]);
    await world.stop();
  });

  test("stays as long again while it is needed", async () => {
    let isNeeded = true;
    const world = await created({}, async () => isNeeded);
    const pid = await world.asked("first");
    world.turn(DAY_MS);
    await world.die("beta");
    await expect.poll(() => world.puts, SOON).toEqual([pid, pid]);
    world.turn(DAY_MS - 1);
    isNeeded = false;
    await world.die("beta");
    expect(await world.records()).toEqual([pid]);
    world.turn(1);
    await world.die("beta");
    await expect.poll(world.records, SOON).toEqual([]);
    await world.stop();
  });

  test.each([
    ["many", { count: 3 }],
    ["long", { bytes: 4_000 }],
  ])("gives way where one participant has too %s of them, and no other participant's does", async (_name, most) => {
    const world = await created(most);
    const theirs = await world.asked("gamma's", "gamma");
    const pids: string[] = [];
    for (let asked = 0; asked < 12; asked++) pids.push(await world.asked(`pid-${asked}`));
    const kept = async () => (await world.records()).length;
    await expect.poll(kept, SOON).toBeLessThanOrEqual(5);
    const records = await world.records();
    expect(records).toContain(theirs);
    expect(records).toContain(pids.at(-1));
    expect(records).not.toContain(pids[0]);
    await world.stop();
  });
});

describe("one that cannot be forgotten", () => {
  test("holds up no other whose time is over, is said, and goes when it can", async () => {
    const world = await created();
    for (const name of ["bad", "worse"]) world.unforgettable.add(name);
    const pid = await world.asked("bad");
    for (const name of ["first", "worse", "second"]) await world.asked(name);
    world.turn(DAY_MS);
    await world.die("beta");
    await expect.poll(() => world.failures, SOON).toEqual([[pid, 2]]);
    expect(world.forgotten).toEqual(["first", "second"]);
    expect(await world.records()).toHaveLength(2);
    world.unforgettable.clear();
    await world.die("beta");
    await expect.poll(world.marks, SOON).toEqual([]);
    expect(await world.records()).toEqual([]);
    await world.stop();
  });

  test("is tried again by itself, after longer and longer pauses, and not before", async () => {
    let clock = Date.parse("2026-11-22T12:00:00Z");
    let alarm: { readonly due: string; readonly ring: () => void } | undefined;
    const marks = memoryRecords<EndedMark>();
    await marks.put("bad", { at: new Date(clock).toISOString(), peer: "alpha", bytes: 1 });
    const tries: string[] = [];
    let isBad = true;
    const processes = createEndedProcesses({
      marks,
      retention: { keptMs: DAY_MS, ...PLENTY, all: PLENTY },
      now: () => new Date(clock).toISOString(),
      timers: {
        isAhead: (due) => Date.parse(due) > clock,
        at: (_key, due, ring) => {
          alarm = { due, ring };
        },
        clear: () => undefined,
        stop: () => undefined,
      },
      async forget(pid) {
        tries.push(pid);
        if (isBad) throw new Error("no");
        return true;
      },
      onError: () => undefined,
    });
    const rung = async () => {
      await expect.poll(() => alarm, SOON).toBeDefined();
      const { due, ring } = alarm!;
      alarm = undefined;
      const waited = Date.parse(due) - clock;
      clock += waited;
      ring();
      return waited;
    };
    await processes.start();
    expect(await rung()).toBe(DAY_MS);
    const pauses: number[] = [];
    for (let at = 0; at < 8; at++) pauses.push((await rung()) / 60_000);
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    isBad = false;
    await rung();
    await expect.poll(() => marks.get("bad"), SOON).toBeUndefined();
    expect(tries).toHaveLength(10);
    await processes.stop();
  });

  test("makes no room, and lets others make it", async () => {
    const world = await created({ count: 2 });
    world.unforgettable.add("bad");
    const bad = await world.asked("bad");
    const others: string[] = [];
    for (let at = 0; at < 5; at++) others.push(await world.asked(`pid-${at}`));
    await expect.poll(world.records, SOON).toEqual([bad, ...others.slice(-2)].sort());
    expect(world.failures[0]).toEqual([bad, 1]);
    await world.stop();
  });
});

describe("of all participants together", () => {
  test.each([
    ["many", { count: 4, bytes: 1 << 20 }, 4],
    ["long", { count: 100, bytes: 4_000 }, 5],
  ])("the oldest go where there is too %s, of the one first that has the most", async (_name, all, most) => {
    const world = await created({ all });
    const small = await world.asked("gamma's", "gamma");
    const pids: string[] = [];
    for (let asked = 0; asked < 8; asked++) pids.push(await world.asked(`pid-${asked}`));
    await expect.poll(async () => (await world.records()).length, SOON).toBeLessThanOrEqual(most);
    const records = await world.records();
    expect(records).toContain(small);
    expect(records).toContain(pids.at(-1));
    expect(records).not.toContain(pids[0]);
    await world.stop();
  });
});

test("what is needed makes no room, is asked about once, and is not written anew", async () => {
  const asked: string[] = [];
  const world = await created({ count: 2 }, async ({ pid }) => {
    asked.push(pid);
    return pid === first;
  });
  const first = await world.asked("first");
  const others: string[] = [];
  for (let at = 0; at < 6; at++) others.push(await world.asked(`pid-${at}`));
  await expect.poll(async () => (await world.records()).length, SOON).toBe(3);
  expect(await world.records()).toEqual([first, ...others.slice(-2)].sort());
  expect(asked.filter((pid) => pid === first)).toHaveLength(1);
  expect(world.puts.filter((pid) => pid === first)).toHaveLength(1);
  world.turn(DAY_MS);
  await world.die("beta");
  await expect.poll(world.records, SOON).toEqual([first]);
  await world.stop();
});

test("bytes are those of UTF-8", async () => {
  const world = await created();
  const pid = await world.asked("界".repeat(100));
  const record = JSON.stringify(await world.stores.beta.records.get(pid));
  expect(record).toContain("界");
  expect(await world.bytes(pid)).toBe(Buffer.byteLength(record));
  await world.stop();
});

test("a mark is dropped, and nothing else, where a crash came before its process was over", async () => {
  const world = await created();
  const pid = "goes-on";
  await world.stores.beta.records.put(pid, {
    pid,
    peer: "alpha",
    address: "https://alpha.example",
    side: { role: "provider", document: undefined, sending: BEGIN.message, taken: undefined },
  });
  await world.marked(pid);
  world.turn(DAY_MS);
  await world.die("beta");
  await expect.poll(world.marks, SOON).toEqual([]);
  expect(await world.records()).toEqual([pid]);
  expect(world.forgotten).toEqual([]);
  await world.stop();
});
