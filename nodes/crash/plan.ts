/** What is done to whom in which round: the role × step matrix first, in an order of the seed's, then at random. */
import { type Random, seededRandom } from "./random.ts";
import { type Moment, ROLES, type Role, STEPS, type Step } from "./steps.ts";

export type When =
  | {
      readonly kind: "step";
      readonly step: string;
      readonly by: Step["by"];
      readonly moment: Moment;
      /** Which of its occurrences, from 1. */
      readonly nth: number;
      readonly delayMs: number;
    }
  /** Around the nth write of the victim after the round has begun. */
  | { readonly kind: "write"; readonly moment: Moment; readonly nth: number }
  /** After the request was filed. */
  | { readonly kind: "time"; readonly ms: number };

export interface Strike {
  readonly role: Role;
  readonly when: When;
  /** How long it stays down. */
  readonly downMs: number;
}

export interface RoundPlan {
  readonly round: number;
  readonly mode: "registry" | "counted";
  readonly strikes: readonly Strike[];
}

interface Cell {
  readonly role: Role;
  readonly step: Step;
  readonly moment: Moment;
}

const MATRIX: readonly Cell[] = ROLES.flatMap((role) =>
  STEPS.flatMap((step) => step.moments.map((moment) => ({ role, step, moment }))),
);
export const MATRIX_CELLS = MATRIX.length;

/** Round `round` of the run with this seed. */
export function planRound(seed: number, round: number): RoundPlan {
  const random = seededRandom(Math.imul(seed, 0x9e3779b1) + Math.imul(round + 1, 0x85ebca6b));
  if (round < MATRIX.length) return ofCell(random, round, seededRandom(seed).shuffled(MATRIX)[round]!);
  const first = randomStrike(random);
  const strikes = random.next() < 0.2 ? [first, randomStrike(random)] : [first];
  const needsCounts = strikes.some(({ when }) => when.kind === "step" && isCounted(when.step));
  return { round, strikes, mode: needsCounts || random.next() < 0.5 ? "counted" : "registry" };
}

function ofCell(random: Random, round: number, { role, step, moment }: Cell): RoundPlan {
  const nth = step.name === "cosign" ? 1 + random.below(12) : 1;
  const when: When = { kind: "step", step: step.name, by: step.by, moment, nth, delayMs: 0 };
  const mode = step.counted || random.next() < 0.5 ? "counted" : "registry";
  return { round, mode, strikes: [{ role, when, downMs: downMs(random) }] };
}

function randomStrike(random: Random): Strike {
  return { role: random.pick(ROLES), when: randomWhen(random), downMs: downMs(random) };
}

function randomWhen(random: Random): When {
  const kind = random.next();
  if (kind < 0.35) return { kind: "time", ms: random.below(1_500) };
  if (kind < 0.7) return { kind: "write", moment: random.pick(["before", "after"]), nth: 1 + random.below(80) };
  const step = random.pick(STEPS);
  const moment = random.pick(step.moments);
  const nth = step.name === "cosign" ? 1 + random.below(20) : 1 + random.below(2);
  return { kind: "step", step: step.name, by: step.by, moment, nth, delayMs: random.below(30) };
}

/** Mostly back at once; sometimes away for longer than others wait for it. */
function downMs(random: Random): number {
  const kind = random.next();
  if (kind < 0.7) return 0;
  return kind < 0.96 ? random.below(800) : 3_000 + random.below(9_000);
}

const isCounted = (name: string): boolean => STEPS.find((step) => step.name === name)?.counted === true;
