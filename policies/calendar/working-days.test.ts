import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { endOfWorkingDay, type WorkCalendar } from "./working-days.ts";

const cn = JSON.parse(readFileSync(new URL("../../nodes/config/calendar-cn.json", import.meta.url), "utf8")) as {
  readonly holidays: readonly string[];
  readonly workdays: readonly string[];
};
const china: WorkCalendar = { holidays: new Set(cn.holidays), workdays: new Set(cn.workdays) };
const bare: WorkCalendar = { holidays: new Set(), workdays: new Set() };

test.each([
  // Monday: Tuesday, Wednesday; the day ends at midnight in China.
  ["2026-11-23T02:00:00Z", 2, "2026-11-25T15:59:59.999Z"],
  // Late on Monday in UTC it is Tuesday in China.
  ["2026-11-23T16:00:00Z", 2, "2026-11-26T15:59:59.999Z"],
  // Before the Spring Festival: Saturday 14 February is worked, 15 to 23 are off.
  ["2026-02-12T08:00:00+08:00", 2, "2026-02-14T15:59:59.999Z"],
  ["2026-02-12T08:00:00+08:00", 5, "2026-02-26T15:59:59.999Z"],
  // National Day 2026: off until Wednesday 7 October, Saturday 10 October worked.
  ["2026-09-30T08:00:00+08:00", 3, "2026-10-10T15:59:59.999Z"],
  ["2026-11-23T02:00:00Z", 0, "2026-11-23T15:59:59.999Z"],
])("from %s, %i working days end at %s", (since, days, end) => {
  expect(endOfWorkingDay(since, days, china)).toBe(end);
});

test("without a calendar weekends alone are off", () => {
  expect(endOfWorkingDay("2026-02-12T08:00:00+08:00", 2, bare)).toBe("2026-02-16T15:59:59.999Z");
});

test("more days never end earlier, and one more is one working day more", () => {
  const instants = fc.date({ min: new Date("2025-01-01"), max: new Date("2027-12-31"), noInvalidDate: true });
  fc.assert(
    fc.property(instants, fc.integer({ min: 0, max: 40 }), (since, days) => {
      const end = endOfWorkingDay(since.toISOString(), days, china);
      expect(endOfWorkingDay(since.toISOString(), days + 1, china)).toBe(endOfWorkingDay(end, 1, china));
      expect(Date.parse(end)).toBeGreaterThanOrEqual(since.getTime());
    }),
  );
});

test("an instant that does not exist is refused, and a calendar of days off alone ends", () => {
  expect(() => endOfWorkingDay("soon", 1, bare)).toThrow(RangeError);
  const none: WorkCalendar = {
    ...bare,
    holidays: new Set(
      Array.from({ length: 400 }, (_, day) => new Date(Date.UTC(2026, 0, day)).toISOString().slice(0, 10)),
    ),
  };
  expect(endOfWorkingDay("2026-02-12T08:00:00Z", 2, none) > "2026-02-12").toBe(true);
});
