/** Messages as the coordinator takes them in: authenticated first, then kept once; a repetition gets the same answer. */
import { canonicalJson } from "../suites/digest.ts";
import { assertChunk, assertChunks } from "./chunks.ts";
import { assertHeader, assertSigned, contributionDeadline, headerDigest, refuseAuthenticity } from "./closing.ts";
import { usesFingerprints } from "./constants.ts";
import { closingDigest, suiteIn } from "./context.ts";
import type { AtStage, Begun, CoordinatorState, RunningCoordinator } from "./coordinator-state.ts";
import { vectorBytes } from "./cut.ts";
import { SecaggError } from "./errors.ts";
import { fingerprinter, fingerprintOfWords, fingerprintPoint, viewsDigest } from "./fingerprint.ts";
import { graphOf } from "./graph.ts";
import { assertDistinct, assertKeys, assertReveal, assertSetupStatement } from "./keyset.ts";
import { leavesRoot } from "./merkle.ts";
import type { Message, MessageOf, Receipt } from "./messages.ts";
import { encapsulates, takersIn } from "./pair-seeds.ts";
import { fingerprintValue } from "./phase1-sum.ts";
import { unmaskFault, wantedSecrets } from "./recovery.ts";
import type { CoordinatorDeps, CoordinatorEffect, CoordinatorInput, Step } from "./step.ts";
import { bytesOfText, wordsOfBytes } from "./words.ts";

export type CoordinatorStep = Step<CoordinatorState, CoordinatorEffect>;
export const only = (state: CoordinatorState): CoordinatorStep => ({ state, send: [], effects: [] });

const membersOf = (state: RunningCoordinator): string[] => state.opened.cohort.map((entry) => entry.member);

/** The same statement again is fine; another one by the same signer for the same step is a conflict. */
function isRepeated(known: unknown, given: unknown, label: string): boolean {
  if (known === undefined) return false;
  if (canonicalJson(known) === canonicalJson(given)) return true;
  throw new SecaggError("ERR_SECAGG_CONFLICT", `${label}: a second, different one`);
}

const late = (label: string): never => {
  throw new SecaggError("ERR_SECAGG_STAGE", `${label}: too late, the set is closed`);
};

/** Keeps a reveal or view until our own replica has reached the record it follows. The first per sender and type. */
function keepEarly(state: RunningCoordinator, from: string, message: Message): CoordinatorStep {
  const known = state.early.find((entry) => entry.from === from && entry.message.type === message.type);
  if (isRepeated(known?.message, message, message.type)) return only(state);
  return only({ ...state, early: [...state.early, { from, message }] });
}

export function takeMessage(
  state: RunningCoordinator,
  from: string,
  message: Message,
  deps: CoordinatorDeps,
): CoordinatorStep {
  if (message.computation !== state.opened.computation || !membersOf(state).includes(from)) {
    refuseAuthenticity(`${message.type}: not from the cohort of this computation`);
  }
  switch (message.type) {
    case "keys":
      return takeKeys(state, from, message);
    case "refusal":
      return takeRefusal(state, from, message);
    case "reveal":
      return takeReveal(state, from, message);
    case "shares":
      return takeShares(state, from, message);
    case "accept":
      return takeAccept(state, from, message);
    case "contribution-1":
    case "contribution-2":
      return takeContribution(state, from, message, deps);
    case "view-1":
    case "view-2":
      return takeView(state, from, message);
    case "unmask-1":
    case "unmask-2":
      return takeUnmask(state, from, message, deps);
    default:
      throw new SecaggError("ERR_SECAGG_MESSAGE", `type: ${message.type} is not for the coordinator`);
  }
}

const assertSender = (from: string, signer: string): void => {
  if (from !== signer) refuseAuthenticity(`message of ${signer}: brought by ${from}`);
};

function takeKeys(state: RunningCoordinator, from: string, { keys }: MessageOf<"keys">): CoordinatorStep {
  assertSender(from, keys.signer);
  if (isRepeated(state.keys[from], keys, "keys")) return only(state);
  if (state.stage !== "keys") return late("keys");
  assertKeys(state.opened, state.parties, state.context0, keys);
  // Who repeats another's key comes after the one it copied.
  assertDistinct(state.opened, [...Object.values(state.keys), keys]);
  return only({ ...state, keys: { ...state.keys, [from]: keys } });
}

function takeRefusal(state: RunningCoordinator, from: string, { refusal }: MessageOf<"refusal">): CoordinatorStep {
  assertSender(from, refusal.signer);
  if (isRepeated(state.refusals[from], refusal, "refusal")) return only(state);
  assertSetupStatement(state.opened, state.parties, state.context0, refusal, membersOf(state));
  return only({ ...state, refusals: { ...state.refusals, [from]: refusal } });
}

function takeReveal(state: RunningCoordinator, from: string, message: MessageOf<"reveal">): CoordinatorStep {
  const { reveal } = message;
  assertSender(from, reveal.signer);
  if (state.stage === "keyset" && state.opened.graph === "neighbours") return keepEarly(state, from, message);
  const known = "reveals" in state ? state.reveals.find(({ signer }) => signer === from) : undefined;
  if (isRepeated(state.stage === "reveals" ? state.revealed[from] : known, reveal, "reveal")) return only(state);
  if (state.stage !== "reveals") return late("reveal");
  const keys = state.keyset.find(({ signer }) => signer === from);
  if (keys === undefined) return refuseAuthenticity(`reveal: ${from} is not in the key set`);
  assertReveal(state.opened, state.parties, state.context0, state.facts.keyset!, keys, reveal);
  return only({ ...state, revealed: { ...state.revealed, [from]: reveal } });
}

function takeShares(state: RunningCoordinator, from: string, message: MessageOf<"shares">): CoordinatorStep {
  assertSender(from, message.shares.signer);
  if ("dealt" in state && isRepeated(state.dealt[from], message, "shares")) return only(state);
  if (state.stage !== "shares") return late("shares");
  const holders = state.keyset.map((keys) => keys.signer);
  assertSetupStatement(state.opened, state.parties, state.context0, message.shares, holders);
  const { leaves, boxes } = message;
  const graph = graphOf(holders, state.graph);
  const wanted = graph.holdersOf(from).length;
  if (leaves.length !== wanted || boxes.length !== wanted) {
    refuseAuthenticity(`shares of ${from}: one leaf and one box per holder are needed`);
  }
  const seeds = encapsulates(suiteIn(state.opened)) ? takersIn(graph, from).length : undefined;
  if (message.seeds?.length !== seeds) {
    refuseAuthenticity(`shares of ${from}: seeds for every neighbour with a greater id, where the suite has any`);
  }
  if (leavesRoot(leaves) !== message.shares.statement.body.root) {
    refuseAuthenticity(`shares of ${from}: leaves do not give the signed root`);
  }
  return only({ ...state, dealt: { ...state.dealt, [from]: message } });
}

function takeAccept(state: RunningCoordinator, from: string, { accept }: MessageOf<"accept">): CoordinatorStep {
  assertSender(from, accept.signer);
  if ("accepts" in state && isRepeated(state.accepts[from], accept, "accept")) return only(state);
  if (state.stage !== "accepts") return late("accept");
  const holders = state.keyset.map((keys) => keys.signer);
  assertSetupStatement(state.opened, state.parties, state.context0, accept, holders);
  return only({ ...state, accepts: { ...state.accepts, [from]: accept } });
}

/** 9, 10, 17, 18: the words are stored before the receipt leaves. */
function takeContribution(
  state: RunningCoordinator,
  from: string,
  message: MessageOf<"contribution-1"> | MessageOf<"contribution-2">,
  deps: CoordinatorDeps,
): CoordinatorStep {
  const { header } = message;
  assertSender(from, header.signer);
  const phase = message.type === "contribution-1" ? 1 : 2;
  if (state.stage === "maskset" || (phase === 2 && "round" in state && state.round.phase === 1)) {
    // Not kept: with its words it would be written with the state at every step. Its sender has it on disk.
    throw new SecaggError("ERR_SECAGG_ORDER", `${message.type}: before the record it follows is here`);
  }
  if (!("round" in state) || state.round.phase !== phase) return late(message.type);
  const { round, opened } = state;
  const begun = round.begun[from];
  const known = round.contributions[from];
  if (isRepeated((known ?? begun)?.header, header, message.type)) {
    if (known !== undefined) return { ...only(state), send: [receiptFor(state, known.receipt)] };
    return state.stage === "contributions" ? takeBegun(state, from, message, deps) : only(state);
  }
  if (state.stage !== "contributions" || deps.now > contributionDeadline(opened, phase)) return late(message.type);
  if (!round.allowed.includes(from)) refuseAuthenticity(`${message.type}: ${from} may not contribute`);
  assertHeader(state.parties, header, {
    computation: opened.computation,
    phase,
    context: round.context,
    bytes: vectorBytes(round),
    member: from,
  });
  const { chunks } = message;
  assertChunks(header, chunks, round);
  const words = bytesOfText(message.words, `${message.type} of ${from}`);
  assertChunk(from, chunks, round, 0, words);
  const keep: CoordinatorEffect = { kind: "keep", phase, member: from, index: 0, words };
  if (chunks.length === 1) return receipted(state, from, { header, chunks }, [keep], deps);
  const next = { ...round, begun: { ...round.begun, [from]: { header, chunks } } };
  return { state: { ...state, round: next }, send: [], effects: [keep] };
}

/**
 * The message again, where this role died before the receipt: the last chunk may be on disk already. A receipt is proof
 * against C, so it is made only for words that were read again; where they are not what is signed, the member begins anew.
 */
function takeBegun(
  state: AtStage<"contributions">,
  from: string,
  message: MessageOf<"contribution-1"> | MessageOf<"contribution-2">,
  deps: CoordinatorDeps,
): CoordinatorStep {
  const { round } = state;
  const { phase } = round;
  const begun = round.begun[from]!;
  const { chunks } = begun;
  const held = deps.held(phase, from);
  if (held > 0 && held < chunks.length) return only(state);
  const isKept = (index: number): boolean => {
    try {
      assertChunk(from, chunks, round, index, deps.kept(phase, from, index));
      return true;
    } catch (cause) {
      if (cause instanceof SecaggError) return false;
      throw cause;
    }
  };
  if (held === chunks.length && chunks.every((_, index) => isKept(index))) {
    return receipted(state, from, begun, [], deps);
  }
  const words = bytesOfText(message.words, `${message.type} of ${from}`);
  assertChunk(from, chunks, round, 0, words);
  return { ...only(state), effects: [{ kind: "keep", phase, member: from, index: 0, words }] };
}

/** 9, 17: the chunks after the first one, in order; each is stored before it is answered. */
export function takeChunk(
  state: RunningCoordinator,
  { from, phase, index, words }: Extract<CoordinatorInput, { kind: "chunk" }>,
  deps: CoordinatorDeps,
): CoordinatorStep {
  const label = `chunk ${index} of ${from}`;
  if (!membersOf(state).includes(from)) refuseAuthenticity(`${label}: not from the cohort of this computation`);
  const early = (message: string): never => {
    throw new SecaggError("ERR_SECAGG_ORDER", `${label}: ${message}`);
  };
  if (!("round" in state) || state.round.phase < phase) return early("its contribution has not come");
  const { round } = state;
  if (round.phase !== phase) return late(label);
  const known = round.contributions[from] ?? round.begun[from];
  if (known === undefined)
    return state.stage === "contributions" ? early("its contribution has not come") : late(label);
  assertChunk(from, known.chunks, round, index, words);
  const held = deps.held(phase, from);
  if (index < held) return only(state);
  if (state.stage !== "contributions" || deps.now > contributionDeadline(state.opened, phase)) return late(label);
  if (index > held) return early(`comes before chunk ${held}`);
  const keep: CoordinatorEffect = { kind: "keep", phase, member: from, index, words };
  if (index + 1 < known.chunks.length) return { ...only(state), effects: [keep] };
  return receipted(state, from, known, [keep], deps);
}

/** 10, 18: made once, when every chunk is there. */
function receipted(
  state: AtStage<"contributions">,
  from: string,
  { header, chunks }: Begun,
  effects: CoordinatorEffect[],
  deps: CoordinatorDeps,
): CoordinatorStep {
  const { round, opened } = state;
  const receipt = deps.sign("receipt", {
    computation: opened.computation,
    phase: round.phase,
    member: from,
    header: headerDigest(header),
    time: new Date(deps.now).toISOString(),
  }) as Receipt;
  const { [from]: _begun, ...begun } = round.begun;
  const contributions = { ...round.contributions, [from]: { header, chunks, receipt } };
  return {
    state: { ...state, round: { ...round, begun, contributions } },
    send: [receiptFor(state, receipt)],
    effects,
  };
}

const receiptFor = (state: RunningCoordinator, receipt: Receipt) => ({
  to: receipt.statement.member,
  message: {
    type: receipt.statement.phase === 1 ? ("receipt-1" as const) : ("receipt-2" as const),
    computation: state.opened.computation,
    receipt,
  },
});

function takeView(
  state: RunningCoordinator,
  from: string,
  message: MessageOf<"view-1"> | MessageOf<"view-2">,
): CoordinatorStep {
  const { view } = message;
  assertSender(from, view.signer);
  const { phase } = view.statement;
  if (!("round" in state) || state.round.phase !== phase) return only(state);
  if (state.stage === "contributions" || state.stage === "closing") return keepEarly(state, from, message);
  const { round, facts } = state;
  if (isRepeated(round.views[from], view, "view")) return only(state);
  assertSigned(state.parties, "view", view, from);
  const record = phase === 1 ? facts.close1 : facts.close2;
  const { computation, request, digest, position } = view.statement;
  if (
    record === undefined ||
    computation !== state.opened.computation ||
    request !== state.opened.request ||
    digest !== closingDigest(computation, record) ||
    position !== record.position
  ) {
    refuseAuthenticity(`view of ${from}: of another closing set`);
  }
  const views = { ...round.views, [from]: view };
  return only({ ...state, round: { ...round, views, tags: { ...round.tags, [from]: message.tags } } });
}

/** 14, 21: an answer with a fault is not counted, and its signer is named with its own signature as evidence. */
function takeUnmask(
  state: RunningCoordinator,
  from: string,
  message: MessageOf<"unmask-1"> | MessageOf<"unmask-2">,
  deps: CoordinatorDeps,
): CoordinatorStep {
  const { unmask } = message;
  assertSender(from, unmask.signer);
  const { phase, context, computation, request, body } = unmask.statement;
  if (state.stage !== "unmasking" || state.round.phase !== phase) return only(state);
  const { round, keyset } = state;
  if (isRepeated(round.answers[from], unmask, "unmask")) return only(state);
  assertSigned(state.parties, "secagg-message", unmask, from);
  const digest = closingDigest(state.opened.computation, closeOf(state));
  if (
    computation !== state.opened.computation ||
    request !== state.opened.request ||
    context !== round.context ||
    body.closing !== digest
  ) {
    refuseAuthenticity(`unmask of ${from}: for another closing set`);
  }
  const wanted = wantedSecrets(round.allowed, survivors(state));
  const graph = graphOf(
    keyset.map((keys) => keys.signer),
    state.graph,
  );
  const leaf = (dealer: string) => state.dealt[dealer]?.leaves[graph.holdersOf(dealer).indexOf(from)];
  const fault = unmaskFault(state.context0, phase, unmask, wanted, leaf);
  if (fault !== undefined) {
    return { ...only(state), effects: [{ kind: "blame", member: from, reason: fault.reason, evidence: unmask }] };
  }
  const answered = { ...state, round: { ...round, answers: { ...round.answers, [from]: unmask } } };
  return phase === 1 ? takeFingerprint(answered, message as MessageOf<"unmask-1">, deps) : only(answered);
}

/** 14: one that is not that of the signer's contribution does not count; contribution and fingerprint show who lied. */
function takeFingerprint(
  state: AtStage<"unmasking">,
  { unmask, fingerprint }: MessageOf<"unmask-1">,
  deps: CoordinatorDeps,
): CoordinatorStep {
  const { round, opened, parties } = state;
  const from = unmask.signer;
  const header = closeOf(state).headers.find(({ signer }) => signer === from);
  if (!usesFingerprints(opened) || header === undefined) return only(state);
  const closing = closingDigest(opened.computation, closeOf(state));
  const views = viewsDigest(state.shown);
  const blame = { kind: "blame" as const, member: from, reason: "wrong-fingerprint" };
  const evidence = { header, fingerprint };
  try {
    if (fingerprint?.signer !== from) refuseAuthenticity(`unmask of ${from}: its fingerprint is missing`);
    const value = fingerprintValue({ opened, parties, context1: round.context, closing, views }, fingerprint);
    const words = wordsOfBytes(deps.kept(1, from, 0), `contribution of ${from}`, round.words);
    if (value !== fingerprintOfWords(fingerprinter(fingerprintPoint(closing, views)), words)) {
      refuseAuthenticity(`fingerprint of ${from}: not that of its contribution`);
    }
  } catch (cause) {
    if (!(cause instanceof SecaggError)) throw cause;
    return { ...only(state), effects: [{ ...blame, evidence }] };
  }
  return only({ ...state, round: { ...round, fingerprints: { ...round.fingerprints, [from]: fingerprint } } });
}

type Closed = AtStage<"views"> | AtStage<"unmasking">;
export const closeOf = (state: Closed) => (state.round.phase === 1 ? state.facts.close1! : state.facts.close2!);
export const survivors = (state: Closed): string[] => closeOf(state).headers.map((header) => header.signer);
