/** What is done to whom in which round: first the matrix of roles × steps and disks in an order of the seed's, then at random. */
import { type Random, seededRandom } from "./random.ts";
import { type Moment, QUERY_STEPS, ROLES, type Role, STEPS, type Step } from "./steps.ts";

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
  /** Around the nth write of the victim after the round has begun; `ledger`: its nth into the ledger's store. */
  | { readonly kind: "write"; readonly store: "any" | "ledger"; readonly moment: Moment; readonly nth: number }
  /** After the request was filed. */
  | { readonly kind: "time"; readonly ms: number };

export type Blow =
  /** SIGKILL; `downMs`: how long it stays down. */
  | { readonly kind: "kill"; readonly downMs: number }
  /** SIGKILL, backup of what is left, an empty folder, restore, start. */
  | { readonly kind: "restore" }
  /** SIGSTOP: a disk or a machine that hangs. Then it goes on, or dies where it stands. */
  | { readonly kind: "stall"; readonly ms: number; readonly thenKill: boolean }
  /** Its disk is full but for `leaveBytes`, for so long. */
  | { readonly kind: "fill"; readonly leaveBytes: number; readonly ms: number };

export interface Strike {
  readonly role: Role;
  readonly when: When;
  readonly blow: Blow;
}

export interface RoundPlan {
  readonly round: number;
  /**
   * `long`: the vector has several chunks; `noised`: members add noise, and a budget is charged; `queried`: a provider
   * answers encrypted queries.
   */
  readonly mode: "registry" | "counted" | "long" | "noised" | "queried";
  readonly method: "mask" | "bfv";
  readonly strikes: readonly Strike[];
  /** Every synced write of that role takes so much longer. */
  readonly slow?: { readonly role: Role; readonly ms: number };
}

type Cell = { readonly role: Role } & (
  | { readonly kind: "step"; readonly step: Step; readonly moment: Moment }
  /** Killed around a write of the ledger, without more or with slow fsync; or the disk is full from that write on. */
  | { readonly kind: "commit" | "slow"; readonly moment: Moment }
  | { readonly kind: "fill" }
);

const MOMENTS = ["before", "after"] as const;
const MATRIX: readonly Cell[] = ROLES.flatMap((role) => [
  ...STEPS.flatMap((step) => step.moments.map((moment) => ({ role, kind: "step" as const, step, moment }))),
  ...MOMENTS.flatMap((moment) => [
    { role, kind: "commit" as const, moment },
    { role, kind: "slow" as const, moment },
  ]),
  { role, kind: "fill" },
]);
export const MATRIX_CELLS = MATRIX.length;
const isOfChunks = (cell: Cell): boolean => cell.kind === "step" && cell.step.long === true;
/** From R's key to the result; what is before and phase 1 are those of masks. */
const SEALED =
  /^(receiver-key|(heard:)?documents|dossier|computation\.open|(contribution|view|unmask|close|heard:\w+)-2|transcript|.*-chunk|get-sum|result\.release)$/;
const isSealed = (cell: Cell): boolean => cell.kind === "step" && SEALED.test(cell.step.name);
/** Sums with noise have no phase 1, one chunk, and masks alone. */
const isNoised = (cell: Cell): boolean =>
  cell.kind !== "step" || [cell.step.counted, cell.step.long, cell.step.sealed].every((one) => one !== true);
/** Writes of either side from the query to its answer, and a few of the next one. */
const QUERY_WRITES = 12;
/** Whose death an encrypted query meets at which step, and both sides' around each of their writes. */
const QUERY_STRIKES: readonly Pick<Strike, "role" | "when">[] = [
  ...(["requester", "provider", "sequencer", "cosigner"] as const).flatMap((role) =>
    QUERY_STEPS.flatMap(({ name, by, moments }) =>
      moments.map((moment) => ({ role, when: { kind: "step" as const, step: name, by, moment, nth: 1, delayMs: 0 } })),
    ),
  ),
  ...(["requester", "provider"] as const).flatMap((role) =>
    MOMENTS.flatMap((moment) =>
      Array.from({ length: QUERY_WRITES }, (_, at) => ({
        role,
        when: { kind: "write" as const, store: "any" as const, moment, nth: at + 1 },
      })),
    ),
  ),
];
export const QUERY_ROUNDS = QUERY_STRIKES.length;

/** A ledger writes some twenty times in a round. */
const COMMITS = 12;
const KILL_NOW: Blow = { kind: "kill", downMs: 0 };

const BLOWS = ["kill", "restore", "stall", "fill"] as const satisfies readonly Blow["kind"][];
/**
 * What a run may be confined to: rounds at random that deal one blow, steps of vectors of several chunks, or steps that
 * the homomorphic envelope changes; `noise`: steps of sums with noise; `queries`: encrypted queries.
 */
export const ONLY = [...BLOWS, "chunks", "bfv", "noise", "queries"] as const;
export type Only = (typeof ONLY)[number];

/** Round `round` of the run with this seed. */
export function planRound(seed: number, round: number, only?: Only): RoundPlan {
  const random = seededRandom(Math.imul(seed, 0x9e3779b1) + Math.imul(round + 1, 0x85ebca6b));
  if (only === "chunks" || only === "bfv") {
    const cells = only === "bfv" ? MATRIX.filter(isSealed) : MATRIX.filter(isOfChunks);
    const plan = ofCell(random, round, seededRandom(seed).shuffled(cells)[round % cells.length]!);
    return only === "bfv" ? { ...plan, method: "bfv" } : plan;
  }
  if (only === "noise") {
    const cells = MATRIX.filter(isNoised);
    const plan = ofCell(random, round, seededRandom(seed).shuffled(cells)[round % cells.length]!);
    return { ...plan, mode: "noised", method: "mask" };
  }
  if (only === "queries") {
    const one = seededRandom(seed).shuffled(QUERY_STRIKES)[round % QUERY_STRIKES.length]!;
    const blow: Blow = { kind: "kill", downMs: downMs(random) };
    return { round, mode: "queried", method: "mask", strikes: [{ ...one, blow }] };
  }
  // Every fifth round is random from the start, so that short runs have some of everything.
  const cell =
    round % 5 === 4 || only !== undefined
      ? undefined
      : seededRandom(seed).shuffled(MATRIX)[round - Math.floor(round / 5)];
  if (cell !== undefined) return ofCell(random, round, cell);
  const strikes = [randomStrike(random, only)];
  if (random.next() < 0.2) strikes.push({ ...randomStrike(random), blow: KILL_NOW });
  const steps = strikes.flatMap(({ when }) =>
    when.kind === "step" ? STEPS.filter(({ name }) => name === when.step) : [],
  );
  const slow = random.next() < 0.15 ? slowed(random, random.pick(ROLES)) : undefined;
  const mode = modeFor(random, steps);
  return { round, strikes, mode, method: methodFor(random, steps), ...(slow === undefined ? {} : { slow }) };
}

function ofCell(random: Random, round: number, cell: Cell): RoundPlan {
  const { role } = cell;
  const kill: Blow = { kind: "kill", downMs: downMs(random) };
  if (cell.kind === "step") {
    const { step, moment } = cell;
    const nth = step.name === "cosign" ? 1 + random.below(12) : 1;
    const when: When = { kind: "step", step: step.name, by: step.by, moment, nth, delayMs: 0 };
    const strikes = [{ role, when, blow: kill }];
    return { round, mode: modeFor(random, [step]), method: methodFor(random, [step]), strikes };
  }
  const moment = cell.kind === "fill" ? "before" : cell.moment;
  const when: When = { kind: "write", store: "ledger", moment, nth: 1 + random.below(COMMITS) };
  const blow = cell.kind === "fill" ? randomBlow(random, "fill") : kill;
  const plan = { round, mode: modeFor(random, []), method: methodFor(random, []), strikes: [{ role, when, blow }] };
  return cell.kind === "slow" ? { ...plan, slow: slowed(random, role) } : plan;
}

const slowed = (random: Random, role: Role) => ({ role, ms: 5 + random.below(120) });

function modeFor(random: Random, steps: readonly Step[]): RoundPlan["mode"] {
  if (steps.some(({ long }) => long)) return "long";
  return steps.some(({ counted }) => counted) || random.next() < 0.5 ? "counted" : "registry";
}

const methodFor = (random: Random, steps: readonly Step[]): RoundPlan["method"] =>
  steps.some(({ sealed }) => sealed) || random.next() < 0.1 ? "bfv" : "mask";

const randomStrike = (random: Random, only?: Blow["kind"]): Strike => ({
  role: random.pick(ROLES),
  when: randomWhen(random),
  blow: randomBlow(random, only),
});

function randomWhen(random: Random): When {
  const kind = random.next();
  if (kind < 0.35) return { kind: "time", ms: random.below(1_500) };
  if (kind < 0.55) return { kind: "write", store: "any", moment: random.pick(MOMENTS), nth: 1 + random.below(80) };
  if (kind < 0.7) {
    return { kind: "write", store: "ledger", moment: random.pick(MOMENTS), nth: 1 + random.below(COMMITS) };
  }
  const step = random.pick(STEPS);
  const moment = random.pick(step.moments);
  const nth = step.name === "cosign" ? 1 + random.below(20) : 1 + random.below(2);
  return { kind: "step", step: step.name, by: step.by, moment, nth, delayMs: random.below(30) };
}

function randomBlow(random: Random, only: Blow["kind"] | undefined): Blow {
  const share = random.next();
  const kind = only ?? (share < 0.1 ? "stall" : share < 0.15 ? "restore" : share < 0.25 ? "fill" : "kill");
  switch (kind) {
    case "stall":
      return { kind, ms: 200 + random.below(3_000), thenKill: random.next() < 0.5 };
    case "restore":
      return { kind };
    case "fill":
      return { kind, leaveBytes: random.below(40_000), ms: 500 + random.below(2_500) };
    case "kill":
      return { kind, downMs: downMs(random) };
  }
}

/** Mostly back at once; sometimes away for longer than others wait for it. */
function downMs(random: Random): number {
  const kind = random.next();
  if (kind < 0.7) return 0;
  return kind < 0.96 ? random.below(800) : 3_000 + random.below(9_000);
}
