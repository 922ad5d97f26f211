import { expect, test } from "vitest";
import { canMove, isEnded, type JoinRun, type JoinState, JoinStateError, moved } from "./run.ts";

const RUN: JoinRun<string> = {
  run: "A".repeat(22),
  request: "r",
  agreement: "a",
  number: 1,
  operation: "cardinality",
  asker: "ministry",
  holder: "alpha",
  openedAt: "2026-11-23T09:00:00.000Z",
  state: { name: "opened" },
};
const RELEASED: JoinState<string> = { name: "released", release: "signed" };
const FAILED: JoinState<string> = { name: "failed", reason: "restarted" };
const NAMES = ["opened", "committed", "received", "released", "withheld", "failed"] as const;

test("a run is released only after both commitments and the whole list, step by step", () => {
  const released = [{ name: "committed" }, { name: "received" }, RELEASED].reduce(
    (run, state) => moved(run, state as JoinState<string>),
    RUN,
  );
  expect(released.state).toEqual(RELEASED);
  for (const state of [RELEASED, { name: "received" } as const]) {
    expect(() => moved(RUN, state)).toThrow(JoinStateError);
  }
  expect(() => moved(moved(RUN, { name: "committed" }), RELEASED)).toThrow(JoinStateError);
});

test("what has ended stays as it ended, and whatever has not may fail", () => {
  for (const from of NAMES) {
    const ends = isEnded({ ...RUN, state: { name: from } as JoinState<string> });
    expect(canMove(from, "failed")).toBe(!ends);
    if (ends) for (const to of NAMES) expect(canMove(from, to)).toBe(false);
  }
  expect(() => moved(moved(RUN, FAILED), RELEASED)).toThrow(JoinStateError);
});
