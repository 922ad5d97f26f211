/**
 * The coordinator's side (C): relays rounds, closes sets on the ledger, recovers secrets. See step.ts for how to run
 * it. C learns no value: phase-2 sums stay under the envelopes.
 *
 *   keys → keyset → shares → accepts → maskset → contributions → closing → views → unmasking → [counts →
 *   contributions → closing → views → unmasking →] delivered → finished
 */
import { toBase64url } from "../suites/encoding.ts";
import { contributionDeadline, refuseAuthenticity } from "./closing.ts";
import { leafPaths } from "./commitments.ts";
import { assertLayout, assertOpening, UNMASKING_OPEN_MS } from "./constants.ts";
import { closingDigest, maskContext, openingContext, valueContext } from "./context.ts";
import type {
  AtStage,
  CoordinatorStage,
  CoordinatorState,
  KeysetData,
  Phase1Result,
  Round,
  RunningCoordinator,
  SaltedDocument,
} from "./coordinator-state.ts";
import { type CoordinatorStep, closeOf, only, survivors, takeMessage } from "./coordinator-take.ts";
import { SecaggError } from "./errors.ts";
import { acceptedDealers, masksetRoot } from "./keyset.ts";
import type { Layout } from "./layout.ts";
import { factSlot } from "./member-state.ts";
import { statementsRoot } from "./merkle.ts";
import type { MessageOf, View } from "./messages.ts";
import type { LedgerRecord, Opened, Parties } from "./opened.ts";
import {
  cellBelowMinimum,
  countedCells,
  countsDigest,
  countsShape,
  registryCells,
  valuesShape,
} from "./phase-facts.ts";
import { recoverAll, wantedSecrets } from "./recovery.ts";
import type { CoordinatorDeps, CoordinatorEffect, CoordinatorInput, Send } from "./step.ts";
import { unmaskSum } from "./sum.ts";

export type { CoordinatorState, SaltedDocument } from "./coordinator-state.ts";

export interface CoordinatorStart {
  readonly opened: Opened;
  readonly parties: Parties;
  readonly layout: Layout;
  readonly documents: {
    readonly query: SaltedDocument;
    readonly layout: SaltedDocument;
    readonly policy: SaltedDocument;
  };
}

/** Step with { kind: "resume" } next: it sends message 2. Throws ERR_SECAGG_OPENING. */
export function startCoordinator({ opened, parties, layout, documents }: CoordinatorStart): CoordinatorState {
  assertOpening(opened, parties);
  assertLayout(opened, layout);
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

const everyone = (state: RunningCoordinator): string[] => state.opened.cohort.map((entry) => entry.member);
const holdersOf = (state: { readonly keyset: readonly { readonly signer: string }[] }) =>
  state.keyset.map((keys) => keys.signer);
const toAll = (members: readonly string[], message: Send["message"]): Send[] => members.map((to) => ({ to, message }));
const ascending = <T>(by: Readonly<Record<string, T>>): T[] =>
  Object.keys(by)
    .toSorted()
    .map((member) => by[member]!);
const sharesCut = ({ opened }: RunningCoordinator): number =>
  (Date.parse(opened.deadlines.keys) + Date.parse(opened.deadlines.shares)) / 2;

function submit(
  type: Extract<CoordinatorEffect, { kind: "submit" }>["type"],
  state: RunningCoordinator,
  body: object,
): CoordinatorEffect {
  return { kind: "submit", type, body: { computation: state.opened.computation, ...body } };
}

function fail(state: RunningCoordinator, reason: string, blamed?: string): CoordinatorStep {
  const { opened, parties, layout, context0, documents, facts, keys, refusals, early } = state;
  const base = { opened, parties, layout, context0, documents, facts, keys, refusals, early };
  const failing = { ...base, stage: "failing" as const, reason, ...(blamed === undefined ? {} : { blamed }) };
  return { state: failing, ...RESUME.failing(failing) };
}

/** 4: U is everyone who sent keys in time and did not refuse. */
function closeKeys(state: AtStage<"keys">, deps: CoordinatorDeps): CoordinatorStep | null {
  const { keys, refusals, opened } = state;
  const answered = everyone(state).every((member) => keys[member] !== undefined || refusals[member] !== undefined);
  if (!answered && deps.now < Date.parse(opened.deadlines.keys)) return null;
  const keyset = ascending(keys).filter(({ signer }) => refusals[signer] === undefined);
  if (keyset.length < opened.constants.quorum) return fail(state, "too-few-keys");
  const next = { ...state, stage: "keyset" as const, keyset };
  return { state: next, ...RESUME.keyset(next) };
}

function shareKeyset(state: AtStage<"keyset">): CoordinatorStep | null {
  if (state.facts.keyset === undefined) return null;
  const next = { ...state, stage: "shares" as const, dealt: {} };
  return { state: next, ...RESUME.shares(next) };
}

/** 6: one message per holder with its boxes of every dealer. */
function relayBoxes(state: AtStage<"shares">, deps: CoordinatorDeps): CoordinatorStep | null {
  const complete = holdersOf(state).every((m) => state.dealt[m] !== undefined || state.refusals[m] !== undefined);
  if (!complete && deps.now < sharesCut(state)) return null;
  if (Object.keys(state.dealt).length < state.opened.constants.quorum) return fail(state, "too-few-shares");
  const next = { ...state, stage: "accepts" as const, accepts: {} };
  return { state: next, ...RESUME.accepts(next) };
}

function boxesFor(state: RunningCoordinator & KeysetData): Send[] {
  const { computation } = state.opened;
  const dealt = ascending(state.dealt).map((message) => ({ ...message, paths: leafPaths(message.leaves) }));
  return holdersOf(state).map((to, i) => {
    const boxes = dealt.map(({ shares, leaves, boxes, paths }) => ({
      shares,
      leaf: leaves[i]!,
      path: paths[i]!,
      box: boxes[i]!,
    }));
    return { to, message: { type: "boxes", computation, boxes } };
  });
}

/** 8: V follows from accepts and later refusals. */
function closeMasks(state: AtStage<"accepts">, deps: CoordinatorDeps): CoordinatorStep | null {
  const { accepts, refusals, opened } = state;
  const holders = holdersOf(state);
  const complete = holders.every((member) => accepts[member] !== undefined || refusals[member] !== undefined);
  if (!complete && deps.now < Date.parse(opened.deadlines.shares)) return null;
  const answers = {
    accepts: ascending(accepts),
    refusals: ascending(refusals).filter(({ signer }) => holders.includes(signer)),
  };
  const masked = acceptedDealers(opened, holders, answers);
  if (masked.length < opened.constants.quorum) return fail(state, "too-few-masks");
  const next = { ...state, stage: "maskset" as const, answers, masked };
  return { state: next, ...RESUME.maskset(next) };
}

function startPhases(state: AtStage<"maskset">): CoordinatorStep | null {
  const { facts, opened, parties, layout, masked } = state;
  if (facts.maskset === undefined || facts.keyset === undefined) return null;
  const context1 = maskContext(state.context0, facts.keyset, facts.maskset);
  const masks: MessageOf<"maskset"> = { type: "maskset", computation: opened.computation, ...state.answers };
  const send = toAll(holdersOf(state), masks);
  if (opened.cells.mode === "counted") {
    const round = newRound(1, context1, masked, countsShape(layout).words);
    return {
      state: { ...state, stage: "contributions", round, context1, cells: null, result1: null },
      send,
      effects: [],
    };
  }
  if (facts.maskset.bitmap === undefined) return fail(state, "bitmap-missing");
  const cells = registryCells(opened, parties, layout, masked, facts.maskset.bitmap);
  if (cells.included.length === 0) return fail(state, "no-cell");
  const context2 = valueContext(context1, null, cells.bitmap);
  const round = newRound(2, context2, masked, valuesShape(layout, cells).words);
  return { state: { ...state, stage: "contributions", round, context1, cells, result1: null }, send, effects: [] };
}

const newRound = (phase: 1 | 2, context: string, allowed: readonly string[], words: number): Round => ({
  phase,
  context,
  allowed,
  words,
  contributions: {},
  views: {},
  answers: {},
});

/** 11, 19: at the deadline or as soon as everyone has contributed. */
function closeContributions(state: AtStage<"contributions">, deps: CoordinatorDeps): CoordinatorStep | null {
  const { round, opened } = state;
  const headers = ascending(round.contributions).map(({ header }) => header);
  const complete = headers.length === round.allowed.length;
  if (!complete && deps.now < contributionDeadline(opened, round.phase)) return null;
  if (headers.length < opened.constants.quorum) return fail(state, "too-few-contributions");
  const next = { ...state, stage: "closing" as const, headers };
  return { state: next, ...RESUME.closing(next) };
}

function awaitClose(state: AtStage<"closing">): CoordinatorStep | null {
  const record = state.round.phase === 1 ? state.facts.close1 : state.facts.close2;
  if (record === undefined) return null;
  const { headers: _submitted, ...rest } = state;
  const next = { ...rest, stage: "views" as const };
  if (state.round.phase === 2 && state.cells !== null) {
    const facts = { ...state, cells: state.cells, survivors1: state.round.allowed, survivors2: survivors(next) };
    if (cellBelowMinimum(facts) !== undefined) return fail(state, "cell-below-minimum");
  }
  return only(next);
}

/** 13, 21: q views of the one closing set go to every holder. */
function showViews(state: AtStage<"views">): CoordinatorStep | null {
  const shown = ascending(state.round.views).slice(0, state.opened.constants.quorum);
  if (shown.length < state.opened.constants.quorum) return null;
  const next = { ...state, stage: "unmasking" as const, shown };
  return { state: next, ...RESUME.unmasking(next) };
}

/** 15, 22: as soon as threshold many answers open every wanted secret. */
function recover(state: AtStage<"unmasking">, deps: CoordinatorDeps): CoordinatorStep | null {
  const { round, opened } = state;
  const recovery = recoverAll({
    context0: state.context0,
    phase: round.phase,
    threshold: opened.constants.threshold,
    wanted: wantedSecrets(round.allowed, survivors(state)),
    keys: state.keyset,
    answers: ascending(round.answers),
    pointOf: (holder) => everyone(state).indexOf(holder) + 1,
  });
  if (recovery.kind === "waiting") return null;
  if (recovery.kind === "fault") {
    const { member, reason } = recovery.blame;
    const failed = fail(state, reason, member);
    return { ...failed, effects: [{ kind: "blame", member, reason }, ...failed.effects] };
  }
  const { secrets } = recovery;
  const contributions = survivors(state).map((member) => ({
    member,
    words: toBase64url(deps.kept(round.phase, member)),
  }));
  if (round.phase === 2) return deliver(state, contributions, [...secrets]);
  const sum = unmaskSum({
    base: { context: round.context, phase: 1 },
    context0: state.context0,
    ...countsShape(state.layout),
    keys: state.keyset,
    masked: round.allowed,
    headers: closeOf(state).headers,
    contributions,
    secrets,
  });
  try {
    const cells = countedCells(opened, state.layout, survivors(state), sum);
    if (cells.included.length === 0) return fail(state, "no-cell");
    const salt = toBase64url(deps.random(32));
    const message = {
      type: "result-1" as const,
      computation: opened.computation,
      contributions,
      secrets: [...secrets],
      salt,
    };
    const { shown: views, ...rest } = state;
    const result1 = { message, survivors: survivors(state), views };
    const next = { ...rest, stage: "counts" as const, cells, result1 };
    return { state: next, ...RESUME.counts(next) };
  } catch (cause) {
    if (cause instanceof SecaggError) return fail(state, "counts-impossible");
    throw cause;
  }
}

/** 16 → 17: the counts are on the ledger. */
function startValues(state: AtStage<"counts">): CoordinatorStep | null {
  const { facts, cells, result1, context1, layout } = state;
  if (facts.counts === undefined) return null;
  const closing = closingDigest(state.opened.computation, facts.close1!);
  const context2 = valueContext(context1, closing, cells.bitmap);
  const round = newRound(2, context2, result1.survivors, valuesShape(layout, cells).words);
  return only({ ...state, stage: "contributions", round });
}

function deliver(
  state: AtStage<"unmasking">,
  contributions: MessageOf<"result-2">["contributions"],
  secrets: MessageOf<"result-2">["secrets"],
): CoordinatorStep {
  const { cells, result1 } = state;
  const counts =
    cells?.counts === undefined || cells.units === undefined || result1 === null
      ? {}
      : { counts: { salt: result1.message.salt, counts: [...cells.counts], units: [...cells.units] } };
  const result2: MessageOf<"result-2"> = {
    type: "result-2",
    computation: state.opened.computation,
    keys: [...state.keyset],
    contributions: [...contributions],
    secrets: [...secrets],
    views: state.shown as MessageOf<"result-2">["views"],
    ...counts,
  };
  const { shown: _shown, ...rest } = state;
  const next = { ...rest, stage: "delivered" as const, result2, secrets };
  return { state: next, ...RESUME.delivered(next) };
}

type Repeat = Pick<CoordinatorStep, "send" | "effects">;

/** When a stage ends by itself. */
function endOf(state: CoordinatorState): number | undefined {
  switch (state.stage) {
    case "keys":
      return Date.parse(state.opened.deadlines.keys);
    case "shares":
      return sharesCut(state);
    case "accepts":
      return Date.parse(state.opened.deadlines.shares);
    case "contributions":
      return contributionDeadline(state.opened, state.round.phase);
    case "views":
    case "unmasking":
      return Date.parse(closeOf(state).time) + UNMASKING_OPEN_MS;
    case "keyset":
    case "maskset":
    case "closing":
    case "counts":
      return Date.parse(state.opened.deadlines.release);
    default:
      return undefined;
  }
}

function wakes(state: CoordinatorState): CoordinatorEffect[] {
  const at = endOf(state);
  return at === undefined ? [] : [{ kind: "wake", at }];
}

/** What each stage sends and submits; repeated after a crash. */
const RESUME: { readonly [S in CoordinatorStage]: (state: AtStage<S>) => Repeat } = {
  keys: (state) => ({ send: toAll(everyone(state), state.documents), effects: [] }),
  keyset: (state) => ({
    send: [],
    effects: [submit("computation.keyset", state, { members: holdersOf(state), root: statementsRoot(state.keyset) })],
  }),
  shares: (state) => ({ send: keysetFor(state), effects: [] }),
  accepts: (state) => ({ send: boxesFor(state), effects: [] }),
  maskset: (state) => ({
    send: [],
    effects: [submit("computation.maskset", state, { members: state.masked, root: masksetRoot(state.answers) })],
  }),
  contributions: () => ({ send: [], effects: [] }),
  closing: (state) => ({
    send: [],
    effects: [
      submit("computation.close", state, {
        phase: state.round.phase,
        headers: state.headers,
        root: statementsRoot(state.headers),
      }),
    ],
  }),
  views: () => ({ send: [], effects: [] }),
  unmasking: (state) => ({
    send: toAll(holdersOf(state), viewsOf(state.round.phase, state, state.shown)),
    effects: [],
  }),
  counts: (state) => ({
    send: toAll(holdersOf(state), state.result1.message),
    effects: [
      submit("computation.counts", state, {
        digest: countsDigest(state.result1.message.salt, state.result1.survivors, state.cells),
      }),
    ],
  }),
  delivered: (state) => ({ send: [{ to: state.opened.receiver, message: state.result2 }], effects: [] }),
  failing: (state) => ({
    send: [],
    effects: [
      submit("computation.fail", state, {
        reason: state.reason,
        ...(state.blamed === undefined ? {} : { blamed: state.blamed }),
      }),
    ],
  }),
  finished: () => ({ send: [], effects: [] }),
};

const keysetFor = (state: RunningCoordinator & KeysetData): Send[] =>
  toAll(holdersOf(state), { type: "keyset", computation: state.opened.computation, keys: [...state.keyset] });

const viewsOf = (phase: 1 | 2, state: RunningCoordinator, views: readonly View[]): Send["message"] =>
  ({ type: `views-${phase}`, computation: state.opened.computation, views: [...views] }) as Send["message"];

/** After a restart the mailboxes may be empty: holders that are behind get every round again, in order. */
function earlierRounds(state: RunningCoordinator): Send[] {
  if (!("dealt" in state) || state.stage === "shares") return [];
  const all = holdersOf(state);
  const send = keysetFor(state);
  if (state.stage === "accepts") return send;
  send.push(...boxesFor(state));
  if (!("round" in state)) return send;
  send.push(...toAll(all, { type: "maskset", computation: state.opened.computation, ...state.answers }));
  if (state.result1 !== null) {
    send.push(...toAll(all, viewsOf(1, state, state.result1.views)), ...toAll(all, state.result1.message));
  }
  return send;
}

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
      return state.stage === "failing" ? only(state) : blaming(state, input, deps);
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

/** A false or second message changes nothing; its sender (authenticated by the transport) is named. */
function blaming(
  state: RunningCoordinator,
  { from, message }: Extract<CoordinatorInput, { kind: "message" }>,
  deps: CoordinatorDeps,
): CoordinatorStep {
  try {
    return takeMessage(state, from, message, deps);
  } catch (cause) {
    if (!(cause instanceof SecaggError) || cause.code === "ERR_SECAGG_STAGE") throw cause;
    const evidence = { problem: cause.message, message };
    return { ...only(state), effects: [{ kind: "blame", member: from, reason: `invalid-${message.type}`, evidence }] };
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
function settle(first: CoordinatorStep, deps: CoordinatorDeps): CoordinatorStep {
  let { state, send, effects } = first;
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
    for (const { from, message } of early) {
      try {
        add(blaming(state as RunningCoordinator, { kind: "message", from, message }, deps));
      } catch (cause) {
        if (!(cause instanceof SecaggError)) throw cause;
      }
    }
  }
}
