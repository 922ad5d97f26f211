import { refuseAuthenticity } from "./closing.ts";
import { assertLayout, assertOpening } from "./constants.ts";
import { openingContext } from "./context.ts";
import {
  awaitClose,
  closeContributions,
  closeKeys,
  closeMasks,
  drawGraph,
  fail,
  recover,
  relayBoxes,
  shareKeyset,
  showViews,
  startPhases,
  startValues,
} from "./coordinator-rounds.ts";
import { earlierRounds, endOf, RESUME, type Repeat, wakes } from "./coordinator-sends.ts";
import type {
  AtStage,
  CoordinatorStage,
  CoordinatorState,
  Phase1Result,
  RunningCoordinator,
  SaltedDocument,
} from "./coordinator-state.ts";
import { type CoordinatorStep, only, takeChunk, takeMessage } from "./coordinator-take.ts";
import { SecaggError } from "./errors.ts";
import type { Layout } from "./layout.ts";
import { assertHomomorphicKey } from "./member-setup.ts";
import { factSlot } from "./member-state.ts";
import type { LedgerRecord, Opened, Parties } from "./opened.ts";
import type { CoordinatorDeps, CoordinatorInput } from "./step.ts";

export type { CoordinatorState } from "./coordinator-state.ts";

interface CoordinatorStart {
  readonly opened: Opened;
  readonly parties: Parties;
  readonly layout: Layout;
  readonly documents: {
    readonly query: SaltedDocument;
    readonly layout: SaltedDocument;
    readonly policy: SaltedDocument;
    readonly homomorphicKey?: string;
  };
}

/** Step with { kind: "resume" } next: it sends message 2. Throws ERR_SECAGG_OPENING. */
export function startCoordinator({ opened, parties, layout, documents }: CoordinatorStart): CoordinatorState {
  assertOpening(opened, parties);
  assertLayout(opened, layout);
  assertHomomorphicKey(opened, documents.homomorphicKey);
  return {
    stage: "keys",
    opened,
    parties,
    layout,
    context0: openingContext(opened),
    documents: { type: "documents", computation: opened.computation, ...documents },
    facts: {},
    keys: {},
    refusals: {},
    early: [],
  };
}

type Transition<S extends CoordinatorStage> = (state: AtStage<S>, deps: CoordinatorDeps) => CoordinatorStep | null;
const wait = (): null => null;

/** What each stage does with what it holds and the time; null where something is still missing. */
const TRANSITIONS: { readonly [S in CoordinatorStage]: Transition<S> } = {
  keys: closeKeys,
  keyset: shareKeyset,
  reveals: drawGraph,
  shares: relayBoxes,
  accepts: closeMasks,
  maskset: startPhases,
  contributions: closeContributions,
  closing: awaitClose,
  views: showViews,
  unmasking: recover,
  counts: startValues,
  delivered: wait,
  failing: wait,
  finished: wait,
};

export function stepCoordinator(
  previous: CoordinatorState,
  input: CoordinatorInput,
  deps: CoordinatorDeps,
): CoordinatorStep {
  if (previous.stage === "finished") return only(previous);
  return settle(take(previous, input, deps), deps);
}

function take(state: RunningCoordinator, input: CoordinatorInput, deps: CoordinatorDeps): CoordinatorStep {
  switch (input.kind) {
    case "message":
      return state.stage === "failing" ? only(state) : takeMessage(state, input.from, input.message, deps);
    case "chunk":
      return takeChunk(state, input, deps);
    case "ledger":
      return takeRecord(state, input.record);
    case "tick":
      return expired(state, deps.now) ? fail(state, "expired") : only(state);
    case "resume": {
      const { send, effects } = (RESUME[state.stage] as (state: CoordinatorState) => Repeat)(state);
      return { state, send: [...earlierRounds(state), ...send], effects: [...effects, ...wakes(state)] };
    }
  }
}

/** Its sender was answered when it came: a false one changes nothing, and is named now. */
function takeEarly(
  state: RunningCoordinator,
  { from, message }: RunningCoordinator["early"][number],
  deps: CoordinatorDeps,
): CoordinatorStep {
  try {
    return takeMessage(state, from, message, deps);
  } catch (cause) {
    if (!(cause instanceof SecaggError)) throw cause;
    if (cause.code === "ERR_SECAGG_STAGE") return only(state);
    const evidence = { problem: cause.message, message };
    return { ...only(state), effects: [{ kind: "blame", member: from, reason: `refused-${message.type}`, evidence }] };
  }
}

function takeRecord(state: RunningCoordinator, record: LedgerRecord): CoordinatorStep {
  const slot = factSlot(record);
  if (slot === undefined) return only(state);
  if (record.record === "release") return only(finished(state, "released"));
  if (record.record === "withhold") return only(finished(state, "withheld"));
  if (record.record === "fail") return only(finished(state, "failed", record.reason));
  if (state.facts[slot] !== undefined) return only(state);
  if (record.record === "maskset" && "masked" in state && record.members.join() !== state.masked.join()) {
    refuseAuthenticity("maskset: the ledger's is not the one submitted");
  }
  return only({ ...state, facts: { ...state.facts, [slot]: record } });
}

function finished(
  state: RunningCoordinator,
  outcome: "released" | "withheld" | "failed",
  reason?: string,
): CoordinatorState {
  const result1: Phase1Result | null = "result1" in state ? state.result1 : null;
  return {
    stage: "finished",
    computation: state.opened.computation,
    outcome,
    ...(reason === undefined ? {} : { reason }),
    ...(result1 === null ? {} : { result1: result1.message }),
    ...("result2" in state ? { result2: state.result2 } : {}),
  };
}

function expired(state: RunningCoordinator, now: number): boolean {
  if (state.stage === "failing" || state.stage === "delivered") return false;
  const unmasking = state.stage === "views" || state.stage === "unmasking";
  return now > (unmasking ? endOf(state)! : Date.parse(state.opened.deadlines.release));
}

/** Runs transitions until the stage has to wait; each new stage first takes the messages that came early. */
function settle(first: CoordinatorStep, given: CoordinatorDeps): CoordinatorStep {
  let { state, send, effects } = first;
  // The contribution that completes a set is in this very step, not kept by an earlier one.
  const deps: CoordinatorDeps = {
    ...given,
    kept: (phase, member, index) => keptIn(effects, { phase, member, index }) ?? given.kept(phase, member, index),
  };
  const add = (next: CoordinatorStep): void => {
    state = next.state;
    send = [...send, ...next.send];
    effects = [...effects, ...next.effects];
  };
  for (;;) {
    const before = state.stage;
    const next = (TRANSITIONS[before] as (state: CoordinatorState, deps: CoordinatorDeps) => CoordinatorStep | null)(
      state,
      deps,
    );
    if (next === null) return { state, send, effects };
    add({ ...next, effects: [...next.effects, ...wakes(next.state)] });
    if (state.stage === "finished" || state.stage === "failing") continue;
    const { early } = state;
    add(only({ ...state, early: [] }));
    for (const one of early) add(takeEarly(state as RunningCoordinator, one, deps));
  }
}

function keptIn(
  effects: CoordinatorStep["effects"],
  { phase, member, index }: { readonly phase: 1 | 2; readonly member: string; readonly index: number },
): Uint8Array | undefined {
  for (const effect of effects) {
    if (effect.kind !== "keep" || effect.phase !== phase || effect.member !== member) continue;
    if (effect.index === index) return effect.words;
  }
  return undefined;
}
