import { describe, expect, test } from "vitest";
import { afterTry, mayBeOver, type Untaken } from "./after-try.ts";

const patience = { firstPauseMs: 100, longestPauseMs: 1_000, giveUpMs: 10_000, doubtfulTries: 3 };
const START = Date.parse("2026-01-01T00:00:00.000Z");
const at = (ms: number): string => new Date(START + ms).toISOString();

const busy: Untaken = { kind: "passing", code: "503", doubtful: false };
const doubtful: Untaken = { kind: "passing", code: "404", doubtful: true };
const refused: Untaken = { kind: "refused", code: "not-now", reasons: ["why"] };

const tried = (outcome: Untaken, change: { tries?: number; afterMs?: number; isStanding?: boolean } = {}) => {
  const { tries = 0, afterMs = 0, isStanding = false } = change;
  const about = { delivery: { since: at(0), tries, due: at(0) }, outcome, patience, now: at(afterMs) };
  return { isOver: mayBeOver(about), word: afterTry({ ...about, type: "Offer", isStanding, waitMs: 50_000 }) };
};

describe("a message that the other side did not take", () => {
  test.each([
    [0, 100],
    [1, 200],
    [3, 800],
    [4, 1_000],
    [60, 1_000],
  ])("is tried again after %i tries, %i ms later", (tries, pause) => {
    expect(tried(busy, { tries })).toEqual({
      isOver: false,
      word: { kind: "again", delivery: { since: at(0), tries: tries + 1, due: at(pause) } },
    });
  });

  test("is tried up to the last moment, and not after it", () => {
    expect(tried(busy, { afterMs: 10_000 }).word.kind).toBe("again");
    expect(tried(busy, { afterMs: 10_001 })).toMatchObject({
      isOver: true,
      word: { kind: "over", cause: { code: "peer-unreachable" }, refusal: { code: "503", isFinal: false } },
    });
  });

  test("is withdrawn after so many answers that may be the last", () => {
    expect(tried(doubtful, { tries: 1 }).word.kind).toBe("again");
    expect(tried(doubtful, { tries: 2 }).word).toMatchObject({ kind: "withdrawn", refusal: { isFinal: false } });
  });

  test("is withdrawn where it is refused, and the process is over where it is over there", () => {
    const refusal = { type: "Offer", code: "not-now", reasons: ["why"], at: at(0), isFinal: true };
    expect(tried(refused)).toEqual({ isOver: false, word: { kind: "withdrawn", refusal } });
    const word = { kind: "over", cause: expect.objectContaining({ code: "peer-refused" }), refusal };
    expect(tried({ ...refused, isOver: true })).toEqual({ isOver: true, word });
  });

  test("is told every hour for as long as others may wait for it, where it stands", () => {
    expect(tried(busy, { afterMs: 10_001, isStanding: true }).word).toMatchObject({
      kind: "again",
      delivery: { due: at(10_001 + 3_600_000) },
    });
    expect(tried(busy, { afterMs: 50_001, isStanding: true }).word.kind).toBe("over");
  });
});
