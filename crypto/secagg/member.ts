/**
 * The member's side (N): keys, shares, contributions, views, unmasking. See step.ts for how to run it.
 *
 *   invited → reviewing → keyed → revealed → shared → accepted → [counting → contributed-1 → viewed-1 → unmasked-1] →
 *   valuing → contributed-2 → viewed-2 → unmasked-2 → finished
 *
 * `omitted` and `finished` can follow from any stage after contributing, or any stage at all.
 */
import { canonicalJson } from "../suites/digest.ts";
import type { Signed } from "../suites/signed.ts";
import { assertSigned, headerDigest, refuseAuthenticity } from "./closing.ts";
import { assertOpening, UNMASKING_OPEN_MS } from "./constants.ts";
import { openingContext } from "./context.ts";
import { SecaggError } from "./errors.ts";
import { forgetSecrets } from "./key-agreement.ts";
import {
  countsEffect,
  onClose1,
  onCloseWhileCounting,
  onCounts,
  onMaskset,
  onResult1,
  onViews1,
  valuesEffect,
} from "./member-counts.ts";
import { omittedNotice } from "./member-rounds.ts";
import {
  finish,
  type MemberStep,
  onBoxes,
  onDocuments,
  onKeyset,
  onKeysetRecord,
  onReviewed,
  refuse,
  revealMessages,
  reviewEffect,
  sameJson,
  toCoordinator,
} from "./member-setup.ts";
import { type Buffered, factSlot, type InStage, type MemberState, type Running, type Stage } from "./member-state.ts";
import { abstain, onClose2, onEncrypted, onValues, onViews2 } from "./member-values.ts";
import { viewMessage } from "./member-views.ts";
import type { Message, Receipt } from "./messages.ts";
import type { LedgerRecord, Opened, Parties } from "./opened.ts";
import type { MemberDeps, MemberInput } from "./step.ts";

export type { MemberState } from "./member-state.ts";

interface MemberStart {
  readonly self: string;
  readonly opened: Opened;
  readonly parties: Parties;
}

/** Throws ERR_SECAGG_OPENING naming the rule the opening record breaks: then take no part. */
export function startMember({ self, opened, parties }: MemberStart): MemberState {
  assertOpening(opened, parties);
  if (!opened.cohort.some((entry) => entry.member === self)) {
    throw new SecaggError("ERR_SECAGG_OPENING", `cohort: ${self} is not in it`);
  }
  const context0 = openingContext(opened);
  return { stage: "invited", self, opened, parties, context0, facts: {}, inbox: {}, receipts: {} };
}

const wait = (): null => null;

/** What each stage does with the records and messages it holds; null where something is still missing. */
const TRANSITIONS: { readonly [S in Stage]: (state: InStage<S>, deps: MemberDeps) => MemberStep | null } = {
  invited: onDocuments,
  reviewing: wait,
  keyed: onKeysetRecord,
  revealed: onKeyset,
  shared: onBoxes,
  accepted: onMaskset,
  counting: onCloseWhileCounting,
  "contributed-1": onClose1,
  "viewed-1": onViews1,
  "unmasked-1": onResult1,
  valuing: (state) => (state.facts.close2 === undefined ? null : abstain(state)),
  "contributed-2": onClose2,
  "viewed-2": onViews2,
  "unmasked-2": wait,
  omitted: wait,
  finished: wait,
};

const toC = (state: Running, message: Message): Pick<MemberStep, "send" | "effects"> => ({
  send: [{ to: state.opened.coordinator, message }],
  effects: [],
});
const silent = () => ({ send: [], effects: [] });

/** The exact bytes and open questions of each stage, repeated after a crash. */
const RESUME: { readonly [S in Stage]: (state: InStage<S>) => Pick<MemberStep, "send" | "effects"> } = {
  invited: silent,
  reviewing: (state) => ({ send: [], effects: [reviewEffect(state.documents)] }),
  keyed: (state) => ({ send: [toCoordinator(state, state)], effects: [] }),
  revealed: (state) => ({ send: revealMessages(state, state.reveal), effects: [] }),
  shared: (state) => toC(state, state.shares),
  accepted: (state) => toC(state, { type: "accept", computation: state.opened.computation, accept: state.accept }),
  counting: (state) => ({ send: [], effects: state.masked.includes(state.self) ? [countsEffect(state)] : [] }),
  "contributed-1": (state) => (state.contribution1 === null ? silent() : toC(state, state.contribution1)),
  "viewed-1": (state) => toC(state, viewMessage(state, 1, state.view1)),
  "unmasked-1": (state) => toC(state, state.unmask1),
  valuing: (state) => ({ send: [], effects: [valuesEffect(state)] }),
  "contributed-2": (state) => (state.contribution2 === null ? silent() : toC(state, state.contribution2)),
  "viewed-2": (state) => toC(state, viewMessage(state, 2, state.view2)),
  "unmasked-2": (state) => toC(state, state.unmask2),
  omitted: omittedNotice,
  finished: () => ({ send: [], effects: [{ kind: "erase" }] }),
};

const resume = <S extends Stage>(state: InStage<S>) =>
  (RESUME[state.stage] as (state: InStage<S>) => Pick<MemberStep, "send" | "effects">)(state);

export function stepMember(previous: MemberState, input: MemberInput, deps: MemberDeps): MemberStep {
  if (previous.stage === "finished") {
    return { state: previous, send: [], effects: input.kind === "resume" ? [{ kind: "erase" }] : [] };
  }
  const step = settle(take(previous, input, deps), input, deps);
  if ("secrets" in previous && !("secrets" in step.state)) forgetSecrets(Object.values(previous.secrets));
  return step;
}

/** Runs transitions until the stage has to wait. */
function settle(first: MemberStep, input: MemberInput, deps: MemberDeps): MemberStep {
  let { state, send, effects } = first;
  for (;;) {
    let next: MemberStep | null;
    try {
      next = (TRANSITIONS[state.stage] as (state: MemberState, deps: MemberDeps) => MemberStep | null)(state, deps);
    } catch (cause) {
      if (!(cause instanceof SecaggError) || state.stage === "finished") throw cause;
      if (input.kind === "message" && state === first.state) throw cause;
      // A kept message that turns out false must not cost the input that exposed it.
      const inbox = { ...state.inbox, [WAITS_FOR[state.stage] ?? ""]: undefined };
      const blame = { kind: "blame" as const, member: state.opened.coordinator, reason: cause.message };
      return { state: { ...state, inbox }, send, effects: [...effects, blame] };
    }
    if (next === null) return { state, send, effects };
    const still = next.state === state;
    state = next.state;
    send = [...send, ...next.send];
    effects = [...effects, ...next.effects];
    if (still) return { state, send, effects };
  }
}

function take(state: Running, input: MemberInput, deps: MemberDeps): MemberStep {
  switch (input.kind) {
    case "message":
      return takeMessage(state, input.from, input.message);
    case "ledger":
      return takeRecord(state, input.record);
    case "tick":
      return deps.now > expiry(state) ? finish(state, "failed", "expired") : unchanged(state);
    case "resume":
      return { state, ...resume(state) };
    case "reviewed":
      return state.stage === "reviewing" ? onReviewed(state, input.layout, deps) : misplaced(state, input.kind);
    case "refuse":
      // After the mask set nothing can be refused any more; without a value the member only helps the others on.
      if (state.stage === "counting" || state.stage === "valuing") return withoutContribution(state);
      return state.facts.maskset === undefined && !BEYOND_REFUSAL.has(state.stage)
        ? refuse(state, input.reason, deps)
        : misplaced(state, input.kind);
    case "counts":
      return state.stage === "counting" ? onCounts(state, input, deps) : misplaced(state, input.kind);
    case "values":
      return state.stage === "valuing" ? onValues(state, input, deps) : misplaced(state, input.kind);
    case "encrypted":
      return state.stage === "valuing" ? onEncrypted(state, input, deps) : misplaced(state, input.kind);
    case "abstain":
      return state.stage === "counting" || state.stage === "valuing"
        ? withoutContribution(state)
        : misplaced(state, input.kind);
    case "revoked":
      // Revocation stops a run only before view-2.
      return state.stage === "viewed-2" || state.stage === "unmasked-2"
        ? unchanged(state)
        : { ...refuse(state, "revoked", deps), state: finish(state, "aborted", "revoked").state };
    case "witnessed":
      return witnessed(state, input.statements);
    case "rolled-back":
      return finish(state, "aborted", "store-rolled-back");
  }
}

const BEYOND_REFUSAL: ReadonlySet<Stage> = new Set([
  "counting",
  "contributed-1",
  "viewed-1",
  "unmasked-1",
  "valuing",
  "contributed-2",
  "viewed-2",
  "unmasked-2",
  "omitted",
]);

const withoutContribution = (state: InStage<"counting"> | InStage<"valuing">): MemberStep =>
  state.stage === "valuing"
    ? abstain(state)
    : { state: { ...state, stage: "contributed-1", own: null, contribution1: null }, send: [], effects: [] };

const unchanged = (state: Running): MemberStep => ({ state, send: [], effects: [] });

function misplaced(state: Running, what: string): never {
  const given = what === "counts" || what === "values" || what === "encrypted";
  throw new SecaggError(
    given ? "ERR_SECAGG_CONFLICT" : "ERR_SECAGG_STAGE",
    given ? `${what}: not asked for, or already given once` : `${what}: not possible at ${state.stage}`,
  );
}

const ORDER: readonly Stage[] = [
  "invited",
  "reviewing",
  "keyed",
  "revealed",
  "shared",
  "accepted",
  "counting",
  "contributed-1",
  "viewed-1",
  "unmasked-1",
  "valuing",
  "contributed-2",
  "viewed-2",
  "unmasked-2",
];

/** The message each stage waits for. */
const WAITS_FOR: { readonly [S in Stage]?: Buffered } = {
  invited: "documents",
  revealed: "keyset",
  shared: "boxes",
  accepted: "maskset",
  "viewed-1": "views-1",
  "unmasked-1": "result-1",
  "viewed-2": "views-2",
};

/** A repetition of what led to these stages is answered with the same bytes: C may have lost the answer. */
const ANSWERED: { readonly [T in Buffered]: readonly Stage[] } = {
  documents: ["keyed"],
  keyset: ["shared"],
  boxes: ["accepted"],
  maskset: ["contributed-1", "viewed-1", "contributed-2", "viewed-2"],
  "views-1": ["unmasked-1"],
  "result-1": ["contributed-2"],
  "views-2": ["unmasked-2"],
};

/** Only C speaks to members. Early messages are kept, late ones are repetitions. */
function takeMessage(state: Running, from: string, message: Message): MemberStep {
  if (from !== state.opened.coordinator || message.computation !== state.opened.computation) {
    refuseAuthenticity(`${message.type}: only the coordinator of this computation sends it`);
  }
  if (message.type === "receipt-1" || message.type === "receipt-2") return takeReceipt(state, message.receipt);
  const used = ORDER.findIndex((stage) => WAITS_FOR[stage] === message.type);
  if (used < 0) throw new SecaggError("ERR_SECAGG_MESSAGE", `type: ${message.type} is not for members`);
  const now = ORDER.indexOf(state.stage);
  if (now >= 0 && now <= used) return unchanged({ ...state, inbox: { ...state.inbox, [message.type]: message } });
  return ANSWERED[message.type as Buffered].includes(state.stage) ? { state, ...resume(state) } : unchanged(state);
}

/** 10, 18: kept as proof, should C leave the contribution out. */
function takeReceipt(state: Running, receipt: Receipt): MemberStep {
  assertSigned(state.parties, "receipt", receipt, state.opened.coordinator);
  const { computation, phase, member, header } = receipt.statement;
  const own =
    phase === 1
      ? "contribution1" in state && state.contribution1?.header
      : "contribution2" in state && state.contribution2?.header;
  if (computation !== state.opened.computation || member !== state.self) {
    refuseAuthenticity("receipt: for another computation or member");
  }
  if (!own) return unchanged(state);
  if (headerDigest(own) !== header) refuseAuthenticity("receipt: of another header");
  return unchanged({ ...state, receipts: { ...state.receipts, [phase]: receipt } });
}

function takeRecord(state: Running, record: LedgerRecord): MemberStep {
  const slot = factSlot(record);
  if (slot === undefined) return unchanged(state);
  const known = state.facts[slot];
  if (known !== undefined) {
    return sameJson(known, record) ? unchanged(state) : finish(state, "aborted", "two-histories");
  }
  if (record.record === "release") return finish(state, "released");
  if (record.record === "withhold") return finish(state, "withheld");
  if (record.record === "fail") return finish(state, "failed", record.reason);
  return unchanged({ ...state, facts: { ...state.facts, [slot]: record } });
}

/** A statement of ours that others hold and we do not know means that this store was rolled back. */
function witnessed(state: Running, statements: readonly Signed<unknown>[]): MemberStep {
  const own = new Set(ownStatements(state).map(canonicalJson));
  const strange = statements.some((signed) => {
    const about = signed.statement as { computation?: unknown } | null;
    if (signed.signer !== state.self || about?.computation !== state.opened.computation) return false;
    if (own.has(canonicalJson(signed))) return false;
    try {
      assertSigned(
        state.parties,
        "phase" in about && "position" in about ? "view" : "secagg-message",
        signed,
        state.self,
      );
      return true;
    } catch {
      return false;
    }
  });
  return strange ? finish(state, "aborted", "store-rolled-back") : unchanged(state);
}

function ownStatements(state: Running): unknown[] {
  const kept = state as Partial<InStage<"unmasked-2">>;
  return [
    kept.keys,
    kept.reveal ?? undefined,
    kept.shares?.shares,
    kept.accept,
    kept.contribution1?.header,
    kept.view1,
    kept.unmask1?.unmask,
    kept.contribution2?.header,
    kept.view2,
    kept.unmask2?.unmask,
  ].filter((statement) => statement !== undefined);
}

/** After this a member no longer waits; the unmasking of a closed set stays open for seven days. */
function expiry(state: Running): number {
  const close =
    state.stage === "viewed-1"
      ? state.facts.close1
      : state.stage === "viewed-2" || state.stage === "unmasked-2"
        ? state.facts.close2
        : undefined;
  return close === undefined ? Date.parse(state.opened.deadlines.release) : Date.parse(close.time) + UNMASKING_OPEN_MS;
}
