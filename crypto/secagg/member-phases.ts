/** Member stages 9 to 21: contributions, views, unmasking, in both phases. One transition each, or null to wait. */
import { sha256 } from "../suites/digest.ts";
import { fromBase64url, toBase64url } from "../suites/encoding.ts";
import { inAtom } from "./cells.ts";
import { assertCommonView, contributionDeadline, survivorsOf } from "./closing.ts";
import { shareHashes, sharingOf } from "./commitments.ts";
import { VIEW_TOLERANCE_MS } from "./constants.ts";
import { closingDigest, valueContext } from "./context.ts";
import { SecaggError } from "./errors.ts";
import { firstForbidden } from "./history.ts";
import { applyMask } from "./masks.ts";
import { finish, type MemberStep, maskedData, statementOf } from "./member-setup.ts";
import type { Cells, Held, InStage, MaskedData, MemberBase, OwnCounts, ValuedData } from "./member-state.ts";
import type { MessageOf, OpenedShare } from "./messages.ts";
import type { RecordOf } from "./opened.ts";
import {
  cellBelowMinimum,
  countedCells,
  countsDigest,
  countsShape,
  countsVector,
  registryCells,
  releaseEntry,
  valuesShape,
} from "./phase-facts.ts";
import { wantedSecrets } from "./recovery.ts";
import type { FourShares } from "./share-box.ts";
import type { MemberDeps, MemberEffect } from "./step.ts";
import { envelopeKey, maskContribution, unmaskSum } from "./sum.ts";
import { bytesOfWords, periodOf, textOfWords } from "./words.ts";

type Masked = MemberBase & MaskedData;

/** Signs the header over bytes that are persisted before they leave; never called twice for one phase. */
function contribution<const P extends 1 | 2>(
  state: Masked,
  phase: P,
  context: string,
  words: BigUint64Array,
  deps: MemberDeps,
) {
  const type = `contribution-${phase}` as const;
  const bytes = bytesOfWords(words);
  const header = deps.sign("secagg-message", {
    type,
    computation: state.opened.computation,
    context,
    bytes: bytes.length,
    digest: toBase64url(sha256(bytes)),
  });
  return { type, computation: state.opened.computation, header, words: textOfWords(words) };
}

/** 8 → 9 or 17: counts are asked for, or in registry mode the cells follow at once. */
export function onMaskset(state: InStage<"accepted">, deps: MemberDeps): MemberStep | null {
  const masked = maskedData(state);
  if (masked === null) return null;
  if (state.opened.cells.mode === "registry") {
    const bitmap = state.facts.maskset?.bitmap;
    if (bitmap === undefined) return finish(state, "aborted", "bitmap-missing");
    const cells = registryCells(state.opened, state.parties, state.layout, masked.masked, bitmap);
    return enterValues(masked, masked.masked, cells, null, deps);
  }
  const asked = masked.masked.includes(state.self) && state.facts.close1 === undefined;
  const effects = asked ? [countsEffect(masked)] : [];
  return { state: { ...masked, stage: "counting" }, send: [], effects };
}

export const countsEffect = (state: MaskedData): MemberEffect => ({
  kind: "compute-counts",
  atoms: state.layout.atoms,
});

/** 9: counts under self-1 and pair-1 over V. */
export function onCounts(state: InStage<"counting">, own: OwnCounts, deps: MemberDeps): MemberStep {
  const { layout, opened, self, keys, secrets, keyset, masked } = state;
  const limit = layout.units[self]?.kind === "provider" ? 1 : opened.constants.minimumUnits;
  const wrong = own.present.findIndex((k, atom) => (k !== 0 && k !== 1) || !fits(own.units[atom], k === 0 ? 0 : limit));
  if (own.present.length !== layout.atoms || own.units.length !== layout.atoms || wrong >= 0) {
    throw new SecaggError(
      "ERR_SECAGG_OVERFLOW",
      `counts: atom ${wrong}: 0 or 1 and units of at most ${limit} are needed`,
    );
  }
  if (!masked.includes(self)) throw new SecaggError("ERR_SECAGG_STAGE", "counts: not in the mask set");
  const words = countsVector(own);
  const base = { context: state.context1, phase: 1 as const };
  const owner = { keys, seed: secrets.seed1, pairPrivateKey: secrets.pair1 };
  const others = keyset.filter((other) => masked.includes(other.signer));
  maskContribution(words, base, countsShape(layout).arithmetic, owner, others);
  const contribution1 = contribution(state, 1, state.context1, words, deps);
  return {
    state: { ...state, stage: "contributed-1", own, contribution1 },
    send: [{ to: opened.coordinator, message: contribution1 }],
    effects: [],
  };
}

const fits = (units: number | undefined, limit: number): boolean =>
  Number.isInteger(units) && units! >= 0 && units! <= limit;

/** Closed before this member had contributed: it helps the others on. */
export const onCloseWhileCounting = (state: InStage<"counting">): MemberStep | null =>
  state.facts.close1 === undefined
    ? null
    : { state: { ...state, stage: "contributed-1", own: null, contribution1: null }, send: [], effects: [] };

type Close =
  | {
      readonly kind: "survivors";
      readonly survivors: string[];
      readonly digest: string;
      readonly record: RecordOf<"close">;
    }
  | { readonly kind: "early"; readonly wake: MemberEffect }
  | { readonly kind: "step"; readonly step: MemberStep };

/** 11, 12, 19, 20: the closing record is right, this member is not wrongly left out, and its own clock agrees. */
function closed(
  state: Masked & { readonly receipts: MemberBase["receipts"] },
  record: RecordOf<"close">,
  wanted: { allowed: readonly string[]; context: string; bytes: number },
  now: number,
): Close {
  const { opened, parties, self } = state;
  const phase = record.phase;
  let survivors: string[];
  try {
    survivors = survivorsOf(opened, parties, record, wanted);
  } catch (cause) {
    if (cause instanceof SecaggError) return { kind: "step", step: finish(state, "aborted", "closing-set") };
    throw cause;
  }
  const receipt = state.receipts[phase];
  if (!survivors.includes(self) && receipt !== undefined) {
    const omitted = { ...baseOf(state), stage: "omitted" as const, phase, receipt };
    return { kind: "step", step: { state: omitted, ...omittedNotice(omitted) } };
  }
  const complete = survivors.length === wanted.allowed.length;
  const from = contributionDeadline(opened, phase) - VIEW_TOLERANCE_MS;
  if (!complete && now < from) return { kind: "early", wake: { kind: "wake", at: from } };
  return { kind: "survivors", survivors, digest: closingDigest(opened.computation, record), record };
}

const baseOf = ({ self, opened, parties, context0, facts, inbox, receipts }: MemberBase): MemberBase => ({
  self,
  opened,
  parties,
  context0,
  facts,
  inbox,
  receipts,
});

/** What an omitted holder of a receipt posts instead of a view: to the ledger and to R. */
export function omittedNotice(state: InStage<"omitted">): Pick<MemberStep, "send" | "effects"> {
  const { computation, receiver } = state.opened;
  const { phase, receipt } = state;
  return {
    send: [{ to: receiver, message: { type: "omitted", computation, phase, receipt } }],
    effects: [{ kind: "submit", type: "computation.omitted", body: { computation, phase, receipt } }],
  };
}

const viewOf = <const P extends 1 | 2>(
  state: MemberBase,
  phase: P,
  digest: string,
  position: number,
  deps: MemberDeps,
) =>
  deps.sign("view", {
    computation: state.opened.computation,
    request: state.opened.request,
    phase,
    digest,
    position,
  });

/** 11, 12 */
export function onClose1(state: InStage<"contributed-1">, deps: MemberDeps): MemberStep | null {
  const record = state.facts.close1;
  if (record === undefined) return null;
  const bytes = countsShape(state.layout).words * 8;
  const close = closed(state, record, { allowed: state.masked, context: state.context1, bytes }, deps.now);
  if (close.kind === "step") return close.step;
  if (close.kind === "early") return { state, send: [], effects: [close.wake] };
  const view1 = viewOf(state, 1, close.digest, record.position, deps);
  const message = { type: "view-1" as const, computation: state.opened.computation, view: view1 };
  return {
    state: { ...state, stage: "viewed-1", survivors1: close.survivors, closing1: close.digest, view1 },
    send: [{ to: state.opened.coordinator, message }],
    effects: [],
  };
}

/** 14, 21: one kind of share per dealer, fixed by the closed set; the bytes are persisted and never change. */
function answer<const P extends 1 | 2>(
  state: Masked,
  about: { phase: P; context: string; closing: string; masked: readonly string[]; survivors: readonly string[] },
  deps: MemberDeps,
) {
  const { phase, context, closing } = about;
  const shares: OpenedShare[] = wantedSecrets(about.masked, about.survivors).flatMap(({ member, kind }) => {
    const held = state.held.find(({ dealer }) => dealer === member);
    if (held === undefined) return [];
    const share = held[sharingOf(kind, phase)];
    return [{ dealer: member, kind, share, hashes: shareHashes(fourShares(held)) }];
  });
  const type = `unmask-${phase}` as const;
  const unmask = deps.sign("secagg-message", statementOf(state, type, phase, context, { closing, shares }));
  return { type, computation: state.opened.computation, unmask };
}

const fourShares = (held: Held): FourShares => ({
  pair1: fromBase64url(held.pair1, "share"),
  self1: fromBase64url(held.self1, "share"),
  pair2: fromBase64url(held.pair2, "share"),
  self2: fromBase64url(held.self2, "share"),
});

/** 13, 14 */
export function onViews1(state: InStage<"viewed-1">, deps: MemberDeps): MemberStep | null {
  const { inbox, facts, opened, closing1: digest } = state;
  const views = inbox["views-1"]?.views;
  if (views === undefined) return null;
  const holders = state.keyset.map((keys) => keys.signer);
  assertCommonView(opened, state.parties, views, { phase: 1, digest, position: facts.close1!.position, holders });
  const about = {
    phase: 1 as const,
    context: state.context1,
    closing: digest,
    masked: state.masked,
    survivors: state.survivors1,
  };
  const unmask1 = answer(state, about, deps) as MessageOf<"unmask-1">;
  const next = { ...state, inbox: { ...inbox, "views-1": undefined }, stage: "unmasked-1" as const, unmask1 };
  return { state: next, send: [{ to: opened.coordinator, message: unmask1 }], effects: [] };
}

/** 15, 16: the sum is redone from signed contributions; the ledger's digest must be of the same counts and cells. */
export function onResult1(state: InStage<"unmasked-1">, deps: MemberDeps): MemberStep | null {
  const { inbox, facts, layout, opened, own } = state;
  const result = inbox["result-1"];
  if (result === undefined || facts.counts === undefined) return null;
  const sum = unmaskSum({
    base: { context: state.context1, phase: 1 },
    context0: state.context0,
    ...countsShape(layout),
    keys: state.keyset,
    masked: state.masked,
    headers: facts.close1!.headers,
    contributions: result.contributions,
    secrets: result.secrets,
  });
  const inSum = own !== null && state.survivors1.includes(state.self);
  let cells: Cells;
  try {
    cells = countedCells(opened, layout, state.survivors1, sum);
  } catch (cause) {
    if (cause instanceof SecaggError) return finish(state, "aborted", "counts-impossible");
    throw cause;
  }
  if (inSum && own.present.some((k, atom) => k > cells.counts![atom]! || own.units[atom]! > cells.units![atom]!)) {
    return finish(state, "aborted", "counts-impossible");
  }
  if (countsDigest(result.salt, state.survivors1, cells) !== facts.counts.digest) {
    return finish(state, "aborted", "counts-differ");
  }
  return enterValues(
    { ...state, inbox: { ...inbox, "result-1": undefined } },
    state.survivors1,
    cells,
    state.closing1,
    deps,
  );
}

/** 16 → 17: cells are fixed; history is asked once with everyone, so that what cannot be released is never sent. */
function enterValues(
  state: Masked & Partial<ValuedData>,
  survivors1: readonly string[],
  cells: Cells,
  closing1: string | null,
  deps: MemberDeps,
): MemberStep {
  const facts = { ...state, cells, survivors1, survivors2: survivors1 };
  const proposed = releaseEntry(facts, { digest: "", position: -1 });
  if (firstForbidden(deps.history, proposed, state.opened.constants.need) !== undefined) {
    return finish(state, "aborted", "history");
  }
  const context2 = valueContext(state.context1, closing1, cells.bitmap);
  const valued = { ...state, survivors1, cells, context2 };
  return survivors1.includes(state.self) && state.facts.close2 === undefined
    ? { state: { ...valued, stage: "valuing" }, send: [], effects: [valuesEffect(valued)] }
    : { state: { ...valued, stage: "contributed-2", contribution2: null }, send: [], effects: [] };
}

export const valuesEffect = (state: Pick<ValuedData, "cells">): MemberEffect => ({
  kind: "compute-values",
  included: state.cells.included,
});

/** 17: included words under self-2, pair-2 over S1 and the envelope. */
export function onValues(state: InStage<"valuing">, values: BigUint64Array, deps: MemberDeps): MemberStep {
  const { layout, cells, keys, secrets, survivors1, opened } = state;
  const shape = valuesShape(layout, cells);
  if (values.length !== shape.words) {
    throw new SecaggError("ERR_SECAGG_OVERFLOW", `values: expected ${shape.words} words, got ${values.length}`);
  }
  assertOwnCells(state, values);
  const words = values.slice();
  const base = { context: state.context2, phase: 2 as const };
  const owner = { keys, seed: secrets.seed2, pairPrivateKey: secrets.pair2 };
  const others = state.keyset.filter((other) => survivors1.includes(other.signer));
  maskContribution(words, base, shape.arithmetic, owner, others);
  const envelope = envelopeKey(base, opened, keys, { privateKey: secrets.envelope, side: "member" });
  applyMask(words, envelope, "add", shape.arithmetic);
  const contribution2 = contribution(state, 2, state.context2, words, deps);
  return {
    state: { ...state, stage: "contributed-2", contribution2 },
    send: [{ to: opened.coordinator, message: contribution2 }],
    effects: [],
  };
}

/** Zeros outside one's own cells; in registry mode nothing but zeros inside one would betray an absent measure. */
function assertOwnCells(state: InStage<"valuing">, values: BigUint64Array): void {
  const { cells, layout, opened, parties, self, own } = state;
  const period = periodOf(layout.components);
  const registry = opened.cells.mode === "registry";
  cells.included.forEach((atom, i) => {
    const empty = values.subarray(i * period, (i + 1) * period).every((word) => word === 0n);
    const mine = registry
      ? inAtom(opened.cells.dimensions, parties.attributes[self] ?? {}, atom)
      : own?.present[atom] === 1;
    if (!mine && !empty) {
      throw new SecaggError("ERR_SECAGG_CONFLICT", `values: atom ${atom} is not this member's and must be zero`);
    }
    if (registry && mine && empty) {
      throw new SecaggError("ERR_SECAGG_CONFLICT", `values: atom ${atom} is declared non-zero; abstain instead`);
    }
  });
}

/** The driver has no value to give, or the set closed first: this member helps the others on. */
export const abstain = (state: InStage<"valuing">): MemberStep => ({
  state: { ...state, stage: "contributed-2", contribution2: null },
  send: [],
  effects: [],
});

/** 19, 20: minima and history for S2; the history entry is written before the view leaves. */
export function onClose2(state: InStage<"contributed-2">, deps: MemberDeps): MemberStep | null {
  const record = state.facts.close2;
  if (record === undefined) return null;
  const bytes = valuesShape(state.layout, state.cells).words * 8;
  const close = closed(state, record, { allowed: state.survivors1, context: state.context2, bytes }, deps.now);
  if (close.kind === "step") return close.step;
  if (close.kind === "early") return { state, send: [], effects: [close.wake] };
  const facts = { ...state, survivors2: close.survivors };
  if (cellBelowMinimum(facts) !== undefined) return finish(state, "aborted", "cell-below-minimum");
  const entry = releaseEntry(facts, { digest: close.digest, position: record.position });
  if (firstForbidden(deps.history, entry, state.opened.constants.need) !== undefined) {
    return finish(state, "aborted", "history");
  }
  const view2 = viewOf(state, 2, close.digest, record.position, deps);
  const message = { type: "view-2" as const, computation: state.opened.computation, view: view2 };
  return {
    state: { ...state, stage: "viewed-2", survivors2: close.survivors, view2 },
    send: [{ to: state.opened.coordinator, message }],
    effects: [{ kind: "history", entry }],
  };
}

/** 21: self-2 shares of S2, pair-2 shares of S1∖S2, nothing for V∖S1. */
export function onViews2(state: InStage<"viewed-2">, deps: MemberDeps): MemberStep | null {
  const { inbox, facts, opened, view2 } = state;
  const views = inbox["views-2"]?.views;
  if (views === undefined) return null;
  const digest = view2.statement.digest;
  const holders = state.keyset.map((keys) => keys.signer);
  assertCommonView(opened, state.parties, views, { phase: 2, digest, position: facts.close2!.position, holders });
  const about = {
    phase: 2 as const,
    context: state.context2,
    closing: digest,
    masked: state.survivors1,
    survivors: state.survivors2,
  };
  const unmask2 = answer(state, about, deps) as MessageOf<"unmask-2">;
  const next = { ...state, inbox: { ...inbox, "views-2": undefined }, stage: "unmasked-2" as const, unmask2 };
  return { state: next, send: [{ to: opened.coordinator, message: unmask2 }], effects: [] };
}
