import { expect, test } from "vitest";
import { deadlinesOf, nextChange } from "./deadlines.ts";
import type { RequestLife } from "./life.ts";

const calendar = { holidays: new Set(["2026-11-27"]), workdays: new Set<string>() };
const times = { check: 2, answer: 5, escalate: 3 };
const asset = (outcome: "pending" | "wait" | "permit" | "refuse") => ({ outcome, reasons: [] });
const life = {
  name: "submitted",
  id: "r",
  requester: "ministry",
  receiver: "bureau",
  digest: "d",
  // A Monday.
  submittedAt: "2026-11-23T02:00:00Z",
  assets: { "a:x": asset("pending"), "b:x": asset("wait"), "c:x": asset("permit"), "d:x": asset("refuse") },
  failures: [],
} satisfies RequestLife;
const at = (now: string) =>
  deadlinesOf(life, times, calendar, now).map(({ asset, standing }) => `${asset} ${standing}`);

test("what nobody has looked at is due after the check, what waits for a person after the answer too", () => {
  expect(deadlinesOf(life, times, calendar, life.submittedAt)).toMatchObject([
    {
      asset: "a:x",
      remindAt: "2026-11-24T15:59:59.999Z",
      due: "2026-11-25T15:59:59.999Z",
      escalateAt: "2026-12-01T15:59:59.999Z",
    },
    {
      asset: "b:x",
      remindAt: "2026-12-02T15:59:59.999Z",
      due: "2026-12-03T15:59:59.999Z",
      escalateAt: "2026-12-08T15:59:59.999Z",
    },
  ]);
});

test("each is reminded of the day before, overdue after its day, and escalated later, at the very instant", () => {
  expect(at("2026-11-24T15:59:59.999Z")).toEqual(["a:x open", "b:x open"]);
  expect(at("2026-11-24T16:00:00.000Z")).toEqual(["a:x reminded", "b:x open"]);
  expect(at("2026-11-25T16:00:00.000Z")).toEqual(["a:x overdue", "b:x open"]);
  expect(at("2026-12-03T16:00:00.000Z")).toEqual(["a:x escalated", "b:x overdue"]);
  expect(at("2026-12-08T16:00:00.000Z")).toEqual(["a:x escalated", "b:x escalated"]);
});

test("the next change is the next instant at which the list reads otherwise, and the last one has none", () => {
  let now = life.submittedAt as string;
  const seen = [at(now).join()];
  for (;;) {
    const next = nextChange(deadlinesOf(life, times, calendar, now), now);
    if (next === undefined) break;
    expect(at(new Date(next - 1).toISOString()).join()).toBe(seen.at(-1));
    now = new Date(next).toISOString();
    expect(at(now).join()).not.toBe(seen.at(-1));
    seen.push(at(now).join());
  }
  expect(seen.at(-1)).toBe("a:x escalated,b:x escalated");
});

test("a request that is over owes nothing", () => {
  const cancelled: RequestLife = { ...life, name: "cancelled", reason: "x", endedAt: "2026-11-24T00:00:00Z" };
  expect(deadlinesOf(cancelled, times, calendar, "2027-01-01T00:00:00Z")).toEqual([]);
});
