import { expect, test } from "vitest";
import { MATRIX_CELLS, planRound } from "./plan.ts";
import { ROLES, STEPS } from "./steps.ts";

const ROUNDS = Math.ceil((MATRIX_CELLS * 5) / 4);
const plans = (seed: number, rounds: number) => Array.from({ length: rounds }, (_, round) => planRound(seed, round));

test("every role is killed at every step, each once, before the runs become random", () => {
  const cells = plans(7, ROUNDS).flatMap(({ round, strikes: [{ role, when, blow } = {} as never] }) =>
    round % 5 !== 4 && when.kind === "step" && blow.kind === "kill" ? [`${role} ${when.moment} ${when.step}`] : [],
  );
  const wanted = ROLES.flatMap((role) =>
    STEPS.flatMap(({ name, moments }) => moments.map((moment) => `${role} ${moment} ${name}`)),
  );
  expect([...cells].sort()).toEqual([...wanted].sort());
});

test("a seed gives the same plans again, and another seed others", () => {
  expect(plans(7, 50)).toEqual(plans(7, 50));
  expect(plans(8, 50)).not.toEqual(plans(7, 50));
});

test("steps of phase 1 are asked for only where there is a phase 1", () => {
  const counted = new Set(STEPS.filter((step) => step.counted).map(({ name }) => name));
  for (const { mode, strikes } of plans(9, 2 * ROUNDS)) {
    for (const { when } of strikes) if (when.kind === "step" && counted.has(when.step)) expect(mode).toBe("counted");
  }
});
