import { describe, expect, test } from "vitest";
import { memoryRecords } from "../peer/_memory-records.ts";
import type { RecordStore } from "../store/records.ts";
import { createUsage, type DeliveryRecord, MOST_STREAMS } from "./usage.ts";

const delivery = { asset: "alpha:panel", agreement: "a", transfer: "t", at: "2026-11-22T09:00:00Z" };
const LIMIT = 10;

function world() {
  const counters = memoryRecords<{ readonly used: number }>();
  const deliveries = memoryRecords<DeliveryRecord>();
  let time = 0;
  const now = () => new Date(time).toISOString();
  return {
    counters,
    deliveries,
    usage: createUsage({ counters, deliveries, now }),
    reopened: (dying: Partial<RecordStore<never>> = {}) =>
      createUsage({ counters, deliveries: { ...deliveries, ...dying } as RecordStore<DeliveryRecord>, now }),
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
    const dying = reopened({ put: () => Promise.reject(new Error("killed")) });
    for (let at = 0; at < 4; at++) await expect(dying.reserve(`lost-${at}`, delivery, LIMIT)).rejects.toThrow("killed");
    const asked = Array.from({ length: 20 }, (_, i) => usage.reserve(`d-${i}`, delivery, LIMIT));
    expect(await outcomes(asked)).toBe(LIMIT - 4);
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
