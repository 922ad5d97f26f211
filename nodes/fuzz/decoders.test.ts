import { expect, test } from "vitest";
import { fuzzDecoders } from "./_decoders.ts";
import type { Figures } from "./_run.ts";
import { fuzzSteps } from "./_steps.ts";

const failuresOf = (figures: readonly Figures[]) => figures.flatMap(({ failures }) => failures);

test("every decoder refuses what others spoil by its own error class, or by its answer", async () => {
  expect(failuresOf(await fuzzDecoders({ cases: 3_000, seed: 1 }))).toEqual([]);
});

test("a hostile party's signed nonsense is refused by every step, and stops nobody else", async () => {
  expect(failuresOf(await fuzzSteps({ cases: 40, seed: 1 }))).toEqual([]);
});
