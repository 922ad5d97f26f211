/** The coordinator's transitions, one per stage: null where something is still missing. */
import { toBase64url } from "../suites/encoding.ts";
import { contributionDeadline } from "./closing.ts";
import { keysetMinimum, mostShown, RIDING_WORDS, usesFingerprints } from "./constants.ts";
import { closingDigest, maskContext, suiteIn, valueContext } from "./context.ts";
import {
  ascending,
  everyone,
  fingerprintsCut,
  graphIn,
  holdersOf,
  RESUME,
  revealsCut,
  sharesCut,
  toAll,
} from "./coordinator-sends.ts";
import type { AtStage, Faulty, Round, RunningCoordinator } from "./coordinator-state.ts";
import { type CoordinatorStep, closeOf, only, survivors } from "./coordinator-take.ts";
import { type Cut, chunkBytes } from "./cut.ts";
import { SecaggError } from "./errors.ts";
import { type FoldedSum, foldContributions, foldedDigest, textOfFolded } from "./fingerprint.ts";
import { acceptances, type GraphProblem, graphSeed, survivorProblem } from "./graph.ts";
import { acceptedDealers } from "./keyset.ts";
import type { MessageOf } from "./messages.ts";
import { phasesIn, takersIn } from "./pair-seeds.ts";
import { cellBelowMinimum, countedCells, countsShape, registryCells, valuesShape } from "./phase-facts.ts";
import { recoverAll, wantedSecrets } from "./recovery.ts";
import type { CoordinatorDeps } from "./step.ts";
import { takeMasksOff, unmaskSum } from "./sum.ts";
import { wordsOfBytes } from "./words.ts";

export function fail(state: RunningCoordinator, reason: string, faulty: Faulty = {}): CoordinatorStep {
  const { opened, parties, layout, context0, documents, facts, keys, refusals, early } = state;
  const base = { opened, parties, layout, context0, documents, facts, keys, refusals, early };
  const failing = { ...base, ...faulty, stage: "failing" as const, reason };
  return { state: failing, ...RESUME.failing(failing) };
}

/** 4: U is everyone who sent keys in time and did not refuse. */
export function closeKeys(state: AtStage<"keys">, deps: CoordinatorDeps): CoordinatorStep | null {
  const { keys, refusals, opened } = state;
  const answered = everyone(state).every((member) => keys[member] !== undefined || refusals[member] !== undefined);
  if (!answered && deps.now < Date.parse(opened.deadlines.keys)) return null;
  const keyset = ascending(keys).filter(({ signer }) => refusals[signer] === undefined);
  if (keyset.length < keysetMinimum(opened)) return fail(state, "too-few-keys");
  const next = { ...state, stage: "keyset" as const, keyset };
  return { state: next, ...RESUME.keyset(next) };
}

export function shareKeyset(state: AtStage<"keyset">): CoordinatorStep | null {
  if (state.facts.keyset === undefined) return null;
  if (state.opened.graph === "neighbours") return only({ ...state, stage: "reveals", revealed: {} });
  const next = { ...state, stage: "shares" as const, reveals: [], graph: null, dealt: {} };
  return { state: next, ...RESUME.shares(next) };
}

/** 4: the graph needs every nonce. Were a missing one left out, who withholds it would choose between two graphs. */
export function drawGraph(state: AtStage<"reveals">, deps: CoordinatorDeps): CoordinatorStep | null {
  const { revealed, facts, context0 } = state;
  const absent = holdersOf(state).filter((member) => revealed[member] === undefined);
  if (absent.length > 0) {
    const [first] = absent as [string];
    return deps.now < revealsCut(state) ? null : fail(state, "reveal-missing", { blamed: first, absent });
  }
  const { members, root } = facts.keyset!;
  const reveals = ascending(revealed);
  const nonces = reveals.map((reveal) => reveal.statement.body.nonce);
  const { revealed: _taken, ...rest } = state;
  const graph = graphSeed(context0, { members, root }, nonces);
  const next = { ...rest, stage: "shares" as const, reveals, graph, dealt: {} };
  return { state: next, ...RESUME.shares(next) };
}

/** 6: one message per holder with its boxes of every dealer. */
export function relayBoxes(state: AtStage<"shares">, deps: CoordinatorDeps): CoordinatorStep | null {
  const complete = holdersOf(state).every((m) => state.dealt[m] !== undefined || state.refusals[m] !== undefined);
  if (!complete && deps.now < sharesCut(state)) return null;
  if (Object.keys(state.dealt).length < state.opened.constants.quorum) return fail(state, "too-few-shares");
  const next = { ...state, stage: "accepts" as const, accepts: {} };
  return { state: next, ...RESUME.accepts(next) };
}

/** 8: V follows from accepts and later refusals. */
export function closeMasks(state: AtStage<"accepts">, deps: CoordinatorDeps): CoordinatorStep | null {
  const { accepts, refusals, opened } = state;
  const holders = holdersOf(state);
  const complete = holders.every((member) => accepts[member] !== undefined || refusals[member] !== undefined);
  if (!complete && deps.now < Date.parse(opened.deadlines.shares)) return null;
  const answers = {
    accepts: ascending(accepts),
    refusals: ascending(refusals).filter(({ signer }) => holders.includes(signer)),
  };
  const masked = acceptedDealers(opened, holders, graphIn(state), answers);
  if (masked.length < opened.constants.quorum) return fail(state, "too-few-masks");
  const next = { ...state, stage: "maskset" as const, answers, masked };
  return { state: next, ...RESUME.maskset(next) };
}

export function startPhases(state: AtStage<"maskset">): CoordinatorStep | null {
  const { facts, opened, parties, layout, masked } = state;
  if (facts.maskset === undefined || facts.keyset === undefined) return null;
  const context1 = maskContext(state.context0, facts.keyset, facts.maskset, state.graph);
  const masks: MessageOf<"maskset"> = { type: "maskset", computation: opened.computation, ...state.answers };
  const send = toAll(holdersOf(state), masks);
  if (opened.cells.mode === "counted") {
    const round = newRound(1, context1, masked, countsShape(layout));
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
  const round = newRound(2, context2, masked, valuesShape(opened, layout, cells));
  return { state: { ...state, stage: "contributions", round, context1, cells, result1: null }, send, effects: [] };
}

const newRound = (
  phase: 1 | 2,
  context: string,
  allowed: readonly string[],
  { words, chunkWords, set }: Cut,
): Round => ({
  phase,
  context,
  allowed,
  words,
  chunkWords,
  ...(set === undefined ? {} : { set }),
  begun: {},
  contributions: {},
  views: {},
  tags: {},
  answers: {},
  fingerprints: {},
});

/** 11, 19: at the deadline or as soon as everyone has contributed. */
export function closeContributions(state: AtStage<"contributions">, deps: CoordinatorDeps): CoordinatorStep | null {
  const { round, opened } = state;
  const headers = ascending(round.contributions).map(({ header }) => header);
  const complete = headers.length === round.allowed.length;
  if (!complete && deps.now < contributionDeadline(opened, round.phase)) return null;
  if (headers.length < opened.constants.quorum) return fail(state, "too-few-contributions");
  const folds = round.phase === 1 && usesFingerprints(opened);
  const sum = folds ? foldedDigest(foldedOf(state, Object.keys(round.contributions), deps)) : null;
  const next = { ...state, stage: "closing" as const, headers, sum };
  return { state: next, ...RESUME.closing(next) };
}

/** Sum of the kept contributions as integers, before any mask comes off. */
function foldedOf(state: { readonly round: Round }, members: readonly string[], deps: CoordinatorDeps): FoldedSum {
  const vectors = members.map((member) => keptWords(deps, member, state.round.words));
  return foldContributions(vectors, state.round.words);
}

const keptWords = (deps: CoordinatorDeps, member: string, words: number): BigUint64Array =>
  wordsOfBytes(deps.kept(1, member, 0), `contribution of ${member}`, words);

export function awaitClose(state: AtStage<"closing">): CoordinatorStep | null {
  const record = state.round.phase === 1 ? state.facts.close1 : state.facts.close2;
  if (record === undefined) return null;
  const { headers: _submitted, sum: _committed, ...rest } = state;
  const next = { ...rest, stage: "views" as const };
  const problem = graphProblem(next);
  if (problem !== undefined) return fail(state, problem);
  if (state.round.phase === 2 && state.cells !== null) {
    const facts = { ...state, cells: state.cells, survivors1: state.round.allowed, survivors2: survivors(next) };
    if (cellBelowMinimum(facts) !== undefined) return fail(state, "cell-below-minimum");
  }
  return only(next);
}

/** Members refuse to open such a set; saying so ends the computation at once. */
function graphProblem(state: AtStage<"views">): GraphProblem | undefined {
  if (state.opened.graph === "complete") return undefined;
  const bitmaps = Object.fromEntries(state.answers.accepts.map((one) => [one.signer, one.statement.body.accepted]));
  const accepted = acceptances(holdersOf(state), bitmaps);
  const { allowed } = state.round;
  const { threshold } = state.opened.constants;
  return survivorProblem(graphIn(state), { survivors: survivors(state), masked: allowed, threshold, accepted });
}

/** 13, 21: q views of the one closing set go to every holder. */
export function showViews(state: AtStage<"views">): CoordinatorStep | null {
  const shown = ascending(state.round.views).slice(0, state.opened.constants.quorum);
  if (shown.length < state.opened.constants.quorum) return null;
  const next = { ...state, stage: "unmasking" as const, shown };
  return { state: next, ...RESUME.unmasking(next) };
}

/** As it was relayed; undefined where the suite agrees on seeds instead, or there is none between the two. */
function seedBoxOf(state: AtStage<"unmasking">, phase: 1 | 2, giver: string, taker: string): string | undefined {
  const place = takersIn(graphIn(state), giver).indexOf(taker);
  return state.dealt[giver]?.seeds?.[place]?.[phasesIn(state.opened).indexOf(phase)];
}

/** 15, 22: as soon as threshold many answers open every wanted secret. */
export function recover(state: AtStage<"unmasking">, deps: CoordinatorDeps): CoordinatorStep | null {
  const { round, opened } = state;
  const recovery = recoverAll({
    suite: suiteIn(state.opened),
    context0: state.context0,
    cohort: opened.cohort,
    phase: round.phase,
    threshold: opened.constants.threshold,
    wanted: wantedSecrets(round.allowed, survivors(state)),
    seedBoxOf: (giver, taker) => seedBoxOf(state, round.phase, giver, taker),
    keys: state.keyset,
    answers: ascending(round.answers),
    holdersOf: graphIn(state).holdersOf,
    pointOf: (holder) => everyone(state).indexOf(holder) + 1,
  });
  if (recovery.kind === "waiting") return null;
  if (recovery.kind === "fault") {
    const { member, reason } = recovery.blame;
    const failed = fail(state, reason, { blamed: member });
    return { ...failed, effects: [{ kind: "blame", member, reason }, ...failed.effects] };
  }
  const { secrets } = recovery;
  if (round.phase === 2) return deliver(state, [...secrets], deps);
  const contributionsOf = (members: readonly string[]) =>
    members.map((member) => ({ member, words: toBase64url(deps.kept(1, member, 0)) }));
  const shape = countsShape(state.layout);
  const unmasking = {
    base: { suite: suiteIn(state.opened), context: round.context, phase: 1 as const },
    context0: state.context0,
    cohort: opened.cohort,
    arithmetic: shape.arithmetic,
    keys: state.keyset,
    graph: graphIn(state),
    masked: round.allowed,
    headers: closeOf(state).headers,
    secrets,
  };
  const silent = survivors(state).filter((member) => round.fingerprints[member] === undefined);
  const folds = usesFingerprints(opened);
  if (folds && silent.length > 0) {
    // Whoever signed none within this time is shown whole, as long as a message can carry that.
    if (deps.now < fingerprintsCut(state)) return null;
    if (silent.length > mostShown(shape.words)) {
      return deps.now < contributionDeadline(opened, 2) ? null : fail(state, "too-few-fingerprints");
    }
  }
  const contributions = contributionsOf(folds ? silent : survivors(state));
  const masked = folds ? foldedOf(state, survivors(state), deps) : undefined;
  const folded =
    masked === undefined ? {} : { folded: { ...textOfFolded(masked), fingerprints: ascending(round.fingerprints) } };
  const sum = masked?.words ?? unmaskSum({ ...unmasking, ...shape, contributions });
  if (masked !== undefined) takeMasksOff(sum, unmasking);
  try {
    const cells = countedCells(opened, state.layout, survivors(state), sum);
    if (cells.included.length === 0) return fail(state, "no-cell");
    const salt = toBase64url(deps.random(32));
    const message = {
      type: "result-1" as const,
      computation: opened.computation,
      contributions,
      ...folded,
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
export function startValues(state: AtStage<"counts">): CoordinatorStep | null {
  const { facts, cells, result1, context1, layout } = state;
  if (facts.counts === undefined) return null;
  const closing = closingDigest(state.opened.computation, facts.close1!);
  const context2 = valueContext(context1, closing, cells.bitmap);
  const round = newRound(2, context2, result1.survivors, valuesShape(state.opened, layout, cells));
  return only({ ...state, stage: "contributions", round });
}

/** First chunks ride along where they are small together; R fetches whatever does not. */
const ridesAlong = (cut: Cut, contributions: number): boolean => contributions * chunkBytes(cut, 0) <= RIDING_WORDS * 8;

function deliver(
  state: AtStage<"unmasking">,
  secrets: MessageOf<"result-2">["secrets"],
  deps: CoordinatorDeps,
): CoordinatorStep {
  const { cells, result1, round } = state;
  const members = survivors(state);
  const rides = ridesAlong(round, members.length);
  const contributions = members.map((member) => ({
    member,
    chunks: [...round.contributions[member]!.chunks],
    ...(rides ? { words: toBase64url(deps.kept(2, member, 0)) } : {}),
  }));
  const counts =
    cells?.counts === undefined || cells.units === undefined || result1 === null
      ? {}
      : { counts: { salt: result1.message.salt, counts: [...cells.counts], units: [...cells.units] } };
  const result2: MessageOf<"result-2"> = {
    type: "result-2",
    computation: state.opened.computation,
    keys: [...state.keyset],
    ...(state.graph === null ? {} : { reveals: [...state.reveals] }),
    contributions,
    secrets: [...secrets],
    views: state.shown as MessageOf<"result-2">["views"],
    ...counts,
  };
  const { shown: _shown, ...rest } = state;
  const next = { ...rest, stage: "delivered" as const, result2, secrets };
  return { state: next, ...RESUME.delivered(next) };
}
