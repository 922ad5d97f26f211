import { afterEach, expect, test, vi } from "vitest";
import { systemEffects } from "./effects.ts";

afterEach(() => void vi.useRealTimers());

test("an alarm of the system does not ring early when the clock was set back meanwhile", () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"], now: 1_000_000 });
  const rung: number[] = [];
  systemEffects.alarm(1_010_000, () => rung.push(Date.now()));
  vi.setSystemTime(500_000);
  vi.advanceTimersByTime(500_000);
  expect(rung).toEqual([]);
  vi.advanceTimersByTime(20_000);
  expect(rung).toEqual([expect.toSatisfy((at: number) => at >= 1_010_000)]);
  vi.advanceTimersByTime(1_000_000);
  expect(rung).toHaveLength(1);
});
