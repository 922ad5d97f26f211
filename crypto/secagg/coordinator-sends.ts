/** What the coordinator sends and submits at each stage, and when a stage ends by itself. */

import { contributionDeadline } from "./closing.ts";
import { UNMASKING_OPEN_MS, usesFingerprints } from "./constants.ts";
import type {
  AtStage,
  CoordinatorStage,
  CoordinatorState,
  KeysetData,
  RunningCoordinator,
} from "./coordinator-state.ts";
import { type CoordinatorStep, closeOf } from "./coordinator-take.ts";
import { type Graph, graphOf } from "./graph.ts";
import { masksetRoot } from "./keyset.ts";
import { leafPaths, statementsRoot } from "./merkle.ts";
import type { MessageOf, View } from "./messages.ts";
import { takersIn } from "./pair-seeds.ts";
import { countsDigest } from "./phase-facts.ts";
import type { CoordinatorEffect, Send } from "./step.ts";

export const everyone = (state: RunningCoordinator): string[] => state.opened.cohort.map((entry) => entry.member);
export const holdersOf = (state: { readonly keyset: readonly { readonly signer: string }[] }) =>
  state.keyset.map((keys) => keys.signer);
export const toAll = (members: readonly string[], message: Send["message"]): Send[] =>
  members.map((to) => ({ to, message }));
export const ascending = <T>(by: Readonly<Record<string, T>>): T[] =>
  Object.keys(by)
    .toSorted()
    .map((member) => by[member]!);
/** The graph of U, as every member draws it. */
export const graphIn = (state: KeysetData): Graph => graphOf(holdersOf(state), state.graph);
export const revealsCut = ({ opened }: RunningCoordinator): number =>
  Date.parse(opened.deadlines.keys) + (Date.parse(opened.deadlines.shares) - Date.parse(opened.deadlines.keys)) / 4;
export const sharesCut = ({ opened }: RunningCoordinator): number =>
  (Date.parse(opened.deadlines.keys) + Date.parse(opened.deadlines.shares)) / 2;

function submit(
  type: Extract<CoordinatorEffect, { kind: "submit" }>["type"],
  state: RunningCoordinator,
  body: object,
): CoordinatorEffect {
  return { kind: "submit", type, body: { computation: state.opened.computation, ...body } };
}

export type Repeat = Pick<CoordinatorStep, "send" | "effects">;

/** When a stage ends by itself. */
export function endOf(state: CoordinatorState): number | undefined {
  switch (state.stage) {
    case "keys":
      return Date.parse(state.opened.deadlines.keys);
    case "reveals":
      return revealsCut(state);
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

export function wakes(state: CoordinatorState): CoordinatorEffect[] {
  const at = endOf(state);
  const folds = state.stage === "unmasking" && state.round.phase === 1 && usesFingerprints(state.opened);
  const times = folds ? [fingerprintsCut(state), contributionDeadline(state.opened, 2)] : [];
  return [...times, ...(at === undefined ? [] : [at])].map((time) => ({ kind: "wake", at: time }));
}

/** From then on C no longer waits for fingerprints: a quarter of the time that is left for the second phase. */
export function fingerprintsCut(state: AtStage<"unmasking">): number {
  const closed = Date.parse(closeOf(state).time);
  return closed + Math.max(0, contributionDeadline(state.opened, 2) - closed) / 4;
}

/** What each stage sends and submits; repeated after a crash. */
export const RESUME: { readonly [S in CoordinatorStage]: (state: AtStage<S>) => Repeat } = {
  keys: (state) => ({ send: toAll(everyone(state), state.documents), effects: [] }),
  keyset: (state) => ({
    send: [],
    effects: [submit("computation.keyset", state, { members: holdersOf(state), root: statementsRoot(state.keyset) })],
  }),
  reveals: () => ({ send: [], effects: [] }),
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
        ...(state.sum === null ? {} : { sum: state.sum }),
      }),
    ],
  }),
  views: () => ({ send: [], effects: [] }),
  unmasking: (state) => ({
    send: taggedViews(state),
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
        ...(state.absent === undefined ? {} : { absent: state.absent }),
      }),
    ],
  }),
  finished: () => ({ send: [], effects: [] }),
};

const keysetFor = (state: RunningCoordinator & KeysetData): Send[] =>
  toAll(holdersOf(state), {
    type: "keyset",
    computation: state.opened.computation,
    keys: [...state.keyset],
    ...(state.graph === null ? {} : { reveals: [...state.reveals] }),
  });

/** 13, 21: the same views for everyone, each holder with the tags that are for it. */
function taggedViews(state: AtStage<"unmasking">): Send[] {
  const { round, shown } = state;
  const graph = graphIn(state);
  const holders = holdersOf(state);
  const tagsOf = new Map(holders.map((holder) => [holder, shown.map(() => "")]));
  shown.forEach(({ signer }, i) => {
    graph.holdersOf(signer).forEach((holder, k) => {
      tagsOf.get(holder)![i] = round.tags[signer]?.[k] ?? "";
    });
  });
  const message = viewsOf(round.phase, state, shown);
  return holders.map((to) => ({ to, message: { ...message, tags: tagsOf.get(to)! } as Send["message"] }));
}

const viewsOf = (phase: 1 | 2, state: RunningCoordinator, views: readonly View[]): Send["message"] =>
  ({ type: `views-${phase}`, computation: state.opened.computation, views: [...views] }) as Send["message"];

/** After a restart the mailboxes may be empty: holders that are behind get every round again, in order. */
export function earlierRounds(state: RunningCoordinator): Send[] {
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

function boxesFor(state: RunningCoordinator & KeysetData): Send[] {
  const { computation } = state.opened;
  const graph = graphIn(state);
  type Box = MessageOf<"boxes">["boxes"][number];
  const boxesOf = new Map(holdersOf(state).map((holder): [string, Box[]] => [holder, []]));
  for (const { shares, leaves, boxes, seeds } of ascending(state.dealt)) {
    const paths = leafPaths(leaves);
    const takers = takersIn(graph, shares.signer);
    graph.holdersOf(shares.signer).forEach((holder, i) => {
      const seed = seeds?.[takers.indexOf(holder)];
      const forHolder = seed === undefined ? {} : { seeds: seed };
      boxesOf.get(holder)!.push({ shares, leaf: leaves[i]!, path: paths[i]!, box: boxes[i]!, ...forHolder });
    });
  }
  return holdersOf(state).map((to) => ({ to, message: { type: "boxes", computation, boxes: boxesOf.get(to)! } }));
}
