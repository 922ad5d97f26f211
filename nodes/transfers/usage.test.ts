import { describe, expect, test } from "vitest";
import { memoryRecords } from "../peer/_memory-records.ts";
import type { RecordStore } from "../store/records.ts";
import { createUsage, type DeliveryRecord, MOST_STREAMS, type UseCounter } from "./usage.ts";

const delivery = { asset: "alpha:panel", agreement: "a", transfer: "t", at: "2026-11-22T09:00:00Z" };
const LIMIT = 10;

type Mortal = <V>(store: RecordStore<V>) => RecordStore<V>;
/** Stores of a process that is killed right before or after its nth write. */
function dyingAt(nth: number, when: "before" | "after"): Mortal {
  let writes = 0;
  return (store) => ({
    ...store,
    async put(id, value) {
      writes += 1;
      if (writes < nth || (writes === nth && when === "after")) await store.put(id, value);
      if (writes >= nth) throw new Error("killed");
    },
  });
}

function world() {
  const counters = memoryRecords<UseCounter>();
  const deliveries = memoryRecords<DeliveryRecord>();
  let time = 0;
  const now = () => new Date(time).toISOString();
  return {
    counters,
    deliveries,
    usage: createUsage({ counters, deliveries, now }),
    /** A later run over the same stores. */
    reopened: (mortal: Mortal = (store) => store) =>
      createUsage({ counters: mortal(counters), deliveries: mortal(deliveries), now }),
    pass: (ms: number) => {
      time += ms;
    },
  };
}
const outcomes = async (all: readonly Promise<void>[]) =>
  (await Promise.allSettled(all)).filter(({ status }) => status === "fulfilled").length;

describe("deliveries", () => {
  test("never exceed their limit, however many are asked for at once", async () => {
    const { usage } = world();
    const asked = Array.from({ length: 100 }, (_, i) => usage.reserve(`d-${i}`, delivery, LIMIT));
    expect(await outcomes(asked)).toBe(LIMIT);
    expect(await usage.used("alpha:panel")).toBe(LIMIT);
  });
  test("that a crash took between the reservation and the first byte are used, not given twice", async () => {
    const { usage, reopened } = world();
    for (let at = 0; at < 4; at++) {
      await expect(reopened(dyingAt(at === 0 ? 2 : 3, "after")).reserve(`lost-${at}`, delivery, LIMIT)).rejects.toThrow(
        "killed",
      );
    }
    const asked = Array.from({ length: 20 }, (_, i) => usage.reserve(`d-${i}`, delivery, LIMIT));
    expect(await outcomes(asked)).toBe(LIMIT - 4);
  });
  test.each(
    [1, 2, 3].flatMap((nth) =>
      (["before", "after"] as const).flatMap((when) => [false, true].map((isOther) => ({ nth, when, isOther }))),
    ),
  )(
    "are neither lost nor counted twice by a crash $when write $nth (another one in between: $isOther)",
    async ({ nth, when, isOther }) => {
      const { usage, reopened } = world();
      await usage.reserve("first", delivery, LIMIT);
      await expect(reopened(dyingAt(nth, when)).reserve("d", delivery, LIMIT)).rejects.toThrow("killed");
      if (isOther) await reopened().reserve("other", delivery, LIMIT);
      const limit = isOther ? 3 : 2;
      await usage.assertLeft("d", "alpha:panel", limit);
      for (let again = 0; again < 2; again++) await reopened().reserve("d", delivery, limit);
      expect(await usage.used("alpha:panel")).toBe(limit);
      expect(await usage.take("d", 10, 20)).toBe(10);
      await expect(usage.reserve("e", delivery, limit)).rejects.toMatchObject({ reason: "uses-exhausted" });
      expect(await usage.take("d", 20, 20)).toBe(10);
    },
  );
  test("that were written and not counted are had by nobody before they are", async () => {
    const { usage, reopened } = world();
    await expect(reopened(dyingAt(1, "after")).reserve("d", delivery, 1)).rejects.toThrow("killed");
    await usage.reserve("e", delivery, 1);
    await expect(usage.resume("d", delivery)).rejects.toMatchObject({ reason: "delivery-unknown" });
    await expect(usage.take("d", 10, 20)).rejects.toMatchObject({ reason: "delivery-unknown" });
    await expect(usage.assertLeft("d", "alpha:panel", 1)).rejects.toMatchObject({ reason: "uses-exhausted" });
    await expect(usage.reserve("d", delivery, 1)).rejects.toMatchObject({ reason: "uses-exhausted" });
  });
  test("that are repeated under their id are one", async () => {
    const { usage } = world();
    await usage.reserve("d", delivery, 1);
    await usage.reserve("d", delivery, 1);
    await expect(usage.reserve("e", delivery, 1)).rejects.toMatchObject({ reason: "uses-exhausted" });
  });
  test("are gone on with only by the transfer they were made for", async () => {
    const { usage } = world();
    await usage.reserve("d", delivery, undefined);
    await usage.resume("d", delivery);
    await expect(usage.resume("none", delivery)).rejects.toMatchObject({ reason: "delivery-unknown" });
  });
  test.each(["asset", "agreement", "transfer"])("are of one %s: none is had for another one", async (part) => {
    const { usage } = world();
    await usage.reserve("d", delivery, 1);
    const other = { ...delivery, [part]: "another" };
    await expect(usage.resume("d", other)).rejects.toMatchObject({ reason: "delivery-unknown" });
    await expect(usage.reserve("d", other, 1)).rejects.toMatchObject({ reason: "delivery-unknown" });
  });
});

describe("bytes of a delivery", () => {
  const FILE = 1_000;
  const MOST = 2 * FILE;
  test("are its own once, and so many again in all, to the byte", async () => {
    const { usage } = world();
    await usage.reserve("d", delivery, undefined);
    expect(await usage.take("d", FILE, MOST)).toBe(FILE);
    expect(await usage.take("d", FILE - 1, MOST)).toBe(FILE - 1);
    expect(await usage.take("d", FILE, MOST)).toBe(1);
    await expect(usage.take("d", 1, MOST)).rejects.toMatchObject({
      code: "ERR_TRANSFER_USES",
      reason: "repeated-too-much",
    });
  });
  test("that were taken and have not left are given back", async () => {
    const { usage } = world();
    await usage.reserve("d", delivery, undefined);
    await usage.take("d", FILE, MOST);
    await usage.giveBack("d", FILE);
    expect(await usage.take("d", MOST, MOST)).toBe(MOST);
  });
  test("never exceed their bound, however many calls go on with it at once", async () => {
    const { usage } = world();
    await usage.reserve("d", delivery, undefined);
    const taken = await Promise.allSettled(Array.from({ length: 100 }, () => usage.take("d", FILE / 4, MOST)));
    const bytes = taken.map((one) => (one.status === "fulfilled" ? one.value : 0));
    expect(bytes.reduce((a, b) => a + b, 0)).toBe(MOST);
  });
  test("that a crash took count as sent", async () => {
    const { usage, reopened } = world();
    await usage.reserve("d", delivery, undefined);
    await usage.take("d", FILE, MOST);
    expect(await reopened().take("d", MOST, MOST)).toBe(MOST - FILE);
  });
});

test("only so many streams of one consumer and asset run at once, and one that ends makes room", () => {
  const { usage } = world();
  const open = Array.from({ length: MOST_STREAMS }, () => usage.openStream("a"));
  expect(() => usage.openStream("a")).toThrow(expect.objectContaining({ reason: "streams-exceeded" }));
  usage.openStream("b");
  open[0]?.();
  open[0]?.();
  usage.openStream("a");
  expect(() => usage.openStream("a")).toThrow(expect.objectContaining({ code: "ERR_TRANSFER_RATE" }));
});

test("calls beyond the rate are refused until a minute has passed", () => {
  const { usage, pass } = world();
  usage.countCall("a", 2);
  usage.countCall("a", 2);
  expect(() => usage.countCall("a", 2)).toThrow(expect.objectContaining({ code: "ERR_TRANSFER_RATE" }));
  usage.countCall("b", 2);
  pass(60_001);
  usage.countCall("a", 2);
});
