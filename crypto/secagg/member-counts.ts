import { usesFingerprints } from "./constants.ts";
import { suiteIn, valueContext } from "./context.ts";
import { vectorBytes } from "./cut.ts";
import { SecaggError } from "./errors.ts";
import { fingerprinter, fingerprintOfWords, fingerprintPoint, textOfFingerprint, viewsDigest } from "./fingerprint.ts";
import { firstForbidden } from "./history.ts";
import { answer, closed, contribution, type Masked, maskedChunk, maskOwner, maskPartners } from "./member-rounds.ts";
import { finish, graphIn, type MemberStep, maskedData, statementOf } from "./member-setup.ts";
import {
  type Cells,
  type InStage,
  type MaskedData,
  type MemberBase,
  NOTHING_MASKED,
  type OwnCounts,
  type ValuedData,
} from "./member-state.ts";
import { assertShownViews, viewMessage, viewOf } from "./member-views.ts";
import type { Fingerprint, MessageOf } from "./messages.ts";
import {
  countedCells,
  countsDigest,
  countsShape,
  countsVector,
  registryCells,
  releaseEntry,
  valuesShape,
} from "./phase-facts.ts";
import { redoPhase1 } from "./phase1-sum.ts";
import type { MemberDeps, MemberEffect } from "./step.ts";
import { deriveAhead, maskContribution } from "./sum.ts";
import { bytesOfWords, wordsOfText } from "./words.ts";

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
  const { layout, opened, self, masked } = state;
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
  const base = { suite: suiteIn(opened), context: state.context1, phase: 1 as const };
  const shape = countsShape(layout);
  maskContribution(words, base, shape.arithmetic, maskOwner(state, 1), maskPartners(state, masked));
  const { masking } = maskedChunk(1, NOTHING_MASKED, bytesOfWords(words));
  const about = { phase: 1 as const, context: state.context1, bytes: vectorBytes(shape) };
  const contribution1 = contribution(state, about, masking, deps);
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

/** 11, 12 */
export function onClose1(state: InStage<"contributed-1">, deps: MemberDeps): MemberStep | null {
  const record = state.facts.close1;
  if (record === undefined) return null;
  const bytes = countsShape(state.layout).words * 8;
  const close = closed(state, record, { allowed: state.masked, context: state.context1, bytes }, deps.now);
  if (close.kind === "step") return close.step;
  if (close.kind === "early") return { state, send: [], effects: [close.wake] };
  const view1 = viewOf(state, 1, close.digest, record.position, deps);
  return {
    state: { ...state, stage: "viewed-1", survivors1: close.survivors, closing1: close.digest, view1 },
    send: [{ to: state.opened.coordinator, message: viewMessage(state, 1, view1) }],
    effects: [],
  };
}

/** 13, 14 */
export function onViews1(state: InStage<"viewed-1">, deps: MemberDeps): MemberStep | null {
  const { inbox, opened, view1 } = state;
  const shown = inbox["views-1"];
  if (shown === undefined) return null;
  assertShownViews(state, view1.statement, shown);
  const about = {
    phase: 1 as const,
    context: state.context1,
    closing: state.closing1,
    masked: state.masked,
    survivors: state.survivors1,
  };
  const shownViews = viewsDigest(shown.views);
  const fingerprint = ownFingerprint(state, shownViews, deps);
  const unmask1 = {
    ...(answer(state, about, deps) as MessageOf<"unmask-1">),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  };
  const kept = { ...state, inbox: { ...inbox, "views-1": undefined }, shownViews };
  const next = { ...kept, stage: "unmasked-1" as const, unmask1 };
  return { state: next, send: [{ to: opened.coordinator, message: unmask1 }], effects: [] };
}

/** 14: a survivor says what its own words give at the point that the closing set and these views fix. */
function ownFingerprint(state: InStage<"viewed-1">, views: string, deps: MemberDeps): Fingerprint | undefined {
  const { contribution1, closing1: closing, survivors1, self, layout } = state;
  if (!usesFingerprints(state.opened) || contribution1 === null || !survivors1.includes(self)) return undefined;
  const words = wordsOfText(contribution1.words, "contribution", countsShape(layout).words);
  const value = textOfFingerprint(fingerprintOfWords(fingerprinter(fingerprintPoint(closing, views)), words));
  const body = { closing, views, value };
  return deps.sign("secagg-message", statementOf(state, "fingerprint", 1, state.context1, body));
}

/** 15, 16: the sum is redone from signed contributions; the ledger's digest must be of the same counts and cells. */
export function onResult1(state: InStage<"unmasked-1">, deps: MemberDeps): MemberStep | null {
  const { inbox, facts, layout, opened, own } = state;
  const result = inbox["result-1"];
  if (result === undefined || facts.counts === undefined) return null;
  const sum = redoPhase1(
    {
      ...state,
      keys: state.keyset,
      graph: graphIn(state),
      close: facts.close1!,
      closing: state.closing1,
      views: state.shownViews,
      shape: countsShape(layout),
    },
    result,
  );
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
  if (firstForbidden(deps.history, proposed) !== undefined) {
    return finish(state, "aborted", "history");
  }
  const context2 = valueContext(state.context1, closing1, cells.bitmap);
  const valued = { ...state, survivors1, cells, context2 };
  if (!survivors1.includes(state.self) || state.facts.close2 !== undefined) {
    return { state: { ...valued, stage: "contributed-2", contribution2: null }, send: [], effects: [] };
  }
  deriveAhead(
    { suite: suiteIn(state.opened), context: context2, phase: 2 },
    maskOwner(state, 2),
    maskPartners(state, survivors1),
  );
  const valuing = { ...valued, stage: "valuing" as const, masking: NOTHING_MASKED };
  return { state: valuing, send: [], effects: [valuesEffect(valued)] };
}

export const valuesEffect = (state: Pick<MemberBase & ValuedData, "opened" | "cells" | "layout">): MemberEffect => ({
  kind: "compute-values",
  included: state.cells.included,
  chunkWords: valuesShape(state.opened, state.layout, state.cells).chunkWords,
});
