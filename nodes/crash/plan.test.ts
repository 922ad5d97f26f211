import { expect, test } from "vitest";
import { MATRIX_CELLS, planRound, QUERY_ROUNDS } from "./plan.ts";
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

test("every role is killed around a write of its ledger, with slow fsync too, and has a full disk", () => {
  const told = plans(7, ROUNDS).flatMap(({ round, slow, strikes: [{ role, when, blow } = {} as never] }) => {
    if (round % 5 === 4 || when.kind !== "write" || when.store !== "ledger") return [];
    return blow.kind === "fill" ? [`${role} full`] : [`${role} ${when.moment}${slow?.role === role ? " slow" : ""}`];
  });
  const cells = ["before", "after", "before slow", "after slow", "full"];
  expect([...told].sort()).toEqual(ROLES.flatMap((role) => cells.map((cell) => `${role} ${cell}`)).sort());
});

test("a seed gives the same plans again, and another seed others", () => {
  expect(plans(7, 50)).toEqual(plans(7, 50));
  expect(plans(8, 50)).not.toEqual(plans(7, 50));
});

test("sums of ciphertexts are asked for only where there are any; a run of them has every step from R's key to the result", () => {
  const sums = plans(9, 2 * ROUNDS).filter(({ strikes }) =>
    strikes.some(({ when }) => when.kind === "step" && when.step === "get-sum"),
  );
  expect(sums.length).toBeGreaterThan(11);
  expect(sums.every(({ method }) => method === "bfv")).toBe(true);
  const sealed = Array.from({ length: 300 }, (_, round) => planRound(7, round, "bfv"));
  expect(sealed.every(({ method }) => method === "bfv")).toBe(true);
  const steps = sealed.flatMap(({ strikes }) =>
    strikes.flatMap(({ when }) => (when.kind === "step" ? [when.step] : [])),
  );
  const wanted = ["receiver-key", "heard:documents", "contribution-2", "put-chunk", "get-sum", "result.release"];
  for (const step of wanted) expect(steps).toContain(step);
});

test("steps of phase 1 and of several chunks are asked for only where there are any", () => {
  const named = (flag: "counted" | "long") => new Set(STEPS.filter((step) => step[flag]).map(({ name }) => name));
  const [counted, long] = [named("counted"), named("long")];
  for (const { mode, strikes } of plans(9, 2 * ROUNDS)) {
    const steps = strikes.flatMap(({ when }) => (when.kind === "step" ? [when.step] : []));
    if (steps.some((step) => long.has(step))) expect(mode).toBe("long");
    else if (steps.some((step) => counted.has(step))) expect(mode).toBe("counted");
    else expect(mode).not.toBe("long");
  }
});

test("a run of encrypted queries kills both sides at their calls, their ledger record and each of their writes, and no other run does", () => {
  const queried = Array.from({ length: QUERY_ROUNDS }, (_, round) => planRound(7, round, "queries"));
  expect(queried.every(({ mode, strikes }) => mode === "queried" && strikes[0]!.blow.kind === "kill")).toBe(true);
  const told = queried.map(({ strikes: [{ role, when } = {} as never] }) =>
    when.kind === "step"
      ? `${role} ${when.moment} ${when.step}`
      : when.kind === "write" && `${role} ${when.moment} write`,
  );
  expect(new Set(queried.map(({ strikes }) => JSON.stringify([strikes[0]!.role, strikes[0]!.when]))).size).toBe(
    QUERY_ROUNDS,
  );
  for (const role of ["provider", "requester"]) {
    for (const moment of ["before", "after"]) {
      for (const what of ["query", "query.answer", "write"]) expect(told).toContain(`${role} ${moment} ${what}`);
    }
  }
  expect(plans(9, 2 * ROUNDS).some(({ mode }) => mode === "queried")).toBe(false);
});
