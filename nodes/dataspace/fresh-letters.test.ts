import { expect, test } from "vitest";
import { MAX_CLOCK_SKEW_MS } from "../peer/request-signature.ts";
import { createFreshLetters, LETTER_LIFE_MS } from "./fresh-letters.ts";

const START = Date.parse("2026-11-22T09:00:00Z");
function world(most?: Parameters<typeof createFreshLetters>[1]) {
  let time = START;
  const isFresh = createFreshLetters(() => time, most);
  return {
    pass: (ms: number) => {
      time += ms;
    },
    asked: (signature: string, at = START, signer = "alpha") =>
      isFresh({ signer, signature, statement: { at: new Date(at).toISOString() } }),
  };
}

test("a letter counts once", () => {
  const { asked } = world();
  expect([asked("a"), asked("a"), asked("b"), asked("b")]).toEqual([true, false, true, false]);
});

test("a letter counts for as long as it may wait, and no longer", () => {
  const { asked, pass } = world();
  pass(LETTER_LIFE_MS);
  expect(asked("last")).toBe(true);
  pass(1);
  expect(asked("late")).toBe(false);
});

test("a letter from beyond what clocks may differ does not count", () => {
  const { asked } = world();
  expect(asked("ahead", START + MAX_CLOCK_SKEW_MS)).toBe(true);
  expect(asked("beyond", START + MAX_CLOCK_SKEW_MS + 1)).toBe(false);
});

test("a letter counts once for all of its life, wherever in it it comes", () => {
  for (let step = 1; step < 40; step++) {
    const { asked, pass } = world();
    // The longest life: dated ahead, and shown again until it is stale.
    const at = START + MAX_CLOCK_SKEW_MS;
    expect(asked("kept", at)).toBe(true);
    const stepMs = Math.ceil((LETTER_LIFE_MS + MAX_CLOCK_SKEW_MS) / step);
    for (let i = 0; i <= step; i++) {
      pass(stepMs);
      asked(`other-${i}`, START + (i + 1) * stepMs);
      expect(asked("kept", at)).toBe(false);
    }
  }
});

test("whoever writes too many is not heard, and nobody else's are forgotten for it", () => {
  const { asked } = world({ ofOne: 2, inAll: 10, always: 1 });
  expect([asked("a"), asked("b"), asked("c"), asked("a")]).toEqual([true, true, false, false]);
  expect(asked("d", START, "beta")).toBe(true);
});

test("what everybody writes together is bounded, and silences nobody", () => {
  const { asked, pass } = world({ ofOne: 4, inAll: 6, always: 1 });
  const written = (signer: string) => [1, 2, 3, 4].filter((at) => asked(`${signer}-${at}`, START, signer)).length;
  expect(["alpha", "beta", "gamma", "delta"].map(written)).toEqual([4, 2, 1, 1]);
  pass(2 * (LETTER_LIFE_MS + MAX_CLOCK_SKEW_MS));
  const now = START + 2 * (LETTER_LIFE_MS + MAX_CLOCK_SKEW_MS);
  expect([asked("new-1", now, "gamma"), asked("new-2", now, "gamma")]).toEqual([true, true]);
});
