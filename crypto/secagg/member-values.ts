import { contributorsIn } from "./cells.ts";
import { suiteIn } from "./context.ts";
import { chunkAt, chunkBytes, chunkCount, vectorBytes } from "./cut.ts";
import { SecaggError } from "./errors.ts";
import { firstForbidden } from "./history.ts";
import { applyMask } from "./masks.ts";
import { answer, closed, contribution, maskedChunk, maskOwner, maskPartners } from "./member-rounds.ts";
import { finish, type MemberStep } from "./member-setup.ts";
import { type InStage, NOTHING_MASKED } from "./member-state.ts";
import { assertShownViews, viewMessage, viewOf } from "./member-views.ts";
import type { MessageOf } from "./messages.ts";
import { cellBelowMinimum, releaseEntry, type Shape, valuesShape } from "./phase-facts.ts";
import type { MemberDeps } from "./step.ts";
import { envelopeKey, maskContribution } from "./sum.ts";
import { bytesOfWords, periodOf } from "./words.ts";

/** 17: included words under self-2, pair-2 over S1 and the envelope; a homomorphic one is the driver's to put around that. */
export function onValues(
  state: InStage<"valuing">,
  { index, words: values }: { readonly index: number; readonly words: BigUint64Array },
  deps: MemberDeps,
): MemberStep {
  const { layout, cells, keys, secrets, survivors1, opened } = state;
  const shape = valuesShape(opened, layout, cells);
  // The first one begins anew: what a crash left half masked was never sent.
  const before = index === 0 ? NOTHING_MASKED : state.masking;
  if (index !== before.chunks.length) {
    throw new SecaggError("ERR_SECAGG_CONFLICT", `values: wanted chunk ${before.chunks.length}, got ${index}`);
  }
  const { start, words: length } = chunkAt(shape, index);
  if (values.length !== length) {
    throw new SecaggError("ERR_SECAGG_OVERFLOW", `values: expected ${length} words, got ${values.length}`);
  }
  assertOwnCells(state, values, start);
  const words = values.slice();
  const base = { suite: suiteIn(opened), context: state.context2, phase: 2 as const };
  maskContribution(words, base, shape.arithmetic, maskOwner(state, 2), maskPartners(state, survivors1), start);
  const envelope = envelopeKey(base, opened, keys, { privateKey: secrets.envelope, side: "member" });
  applyMask(words, envelope, "add", shape.arithmetic, start);
  envelope.fill(0);
  if (shape.set !== undefined) {
    return { state: { ...state, masking: before }, send: [], effects: [{ kind: "encrypt", index, words }] };
  }
  return masked({ ...state, masking: before }, shape, bytesOfWords(words), deps);
}

/** 17 with a homomorphic envelope: the ciphertexts of the words that an `encrypt` effect gave. */
export function onEncrypted(
  state: InStage<"valuing">,
  { index, bytes }: { readonly index: number; readonly bytes: Uint8Array },
  deps: MemberDeps,
): MemberStep {
  const shape = valuesShape(state.opened, state.layout, state.cells);
  const { chunks } = state.masking;
  if (shape.set === undefined || index !== chunks.length || bytes.length !== chunkBytes(shape, index)) {
    throw new SecaggError("ERR_SECAGG_CONFLICT", `encrypted: wanted the ciphertexts of chunk ${chunks.length}`);
  }
  return masked(state, shape, bytes, deps);
}

function masked(state: InStage<"valuing">, shape: Shape, bytes: Uint8Array, deps: MemberDeps): MemberStep {
  const { masking, effects } = maskedChunk(2, state.masking, bytes);
  if (masking.chunks.length < chunkCount(shape)) return { state: { ...state, masking }, send: [], effects };
  const about = { phase: 2 as const, context: state.context2, bytes: vectorBytes(shape) };
  const contribution2 = contribution(state, about, masking, deps);
  const { masking: _done, ...rest } = state;
  return {
    state: { ...rest, stage: "contributed-2", contribution2 },
    send: [{ to: state.opened.coordinator, message: contribution2 }],
    effects,
  };
}

/** Zeros outside one's own cells; in registry mode nothing but zeros inside one would betray an absent measure. */
function assertOwnCells(state: InStage<"valuing">, values: BigUint64Array, start: number): void {
  const { cells, layout, opened, parties, self, own } = state;
  const period = periodOf(layout.components);
  const registry = opened.cells.mode === "registry";
  const contributorsOf = contributorsIn(opened, parties, [self]);
  // Halves: comparing big integers would make one for every word.
  const halves = new Uint32Array(values.buffer, values.byteOffset, 2 * values.length);
  const first = start / period;
  for (let from = 0, cell = first; from < halves.length; from += 2 * period, cell++) {
    const atom = cells.included[cell]!;
    let bits = 0;
    for (let at = from; at < from + 2 * period; at++) bits |= halves[at]!;
    const empty = bits === 0;
    const isOwn = registry ? contributorsOf(atom).length === 1 : own?.present[atom] === 1;
    if (!isOwn && !empty) {
      throw new SecaggError("ERR_SECAGG_CONFLICT", `values: atom ${atom} is not this member's and must be zero`);
    }
    // With noise a cell may come to nothing by chance.
    if (registry && isOwn && empty && opened.privacy === undefined) {
      throw new SecaggError("ERR_SECAGG_CONFLICT", `values: atom ${atom} is declared non-zero; abstain instead`);
    }
  }
}

/** The driver has no value to give, or the set closed first: this member helps the others on. */
export function abstain({ masking: _dropped, ...state }: InStage<"valuing">): MemberStep {
  return { state: { ...state, stage: "contributed-2", contribution2: null }, send: [], effects: [] };
}

/** 19, 20: minima and history for S2; the history entry is written before the view leaves. */
export function onClose2(state: InStage<"contributed-2">, deps: MemberDeps): MemberStep | null {
  const record = state.facts.close2;
  if (record === undefined) return null;
  const bytes = vectorBytes(valuesShape(state.opened, state.layout, state.cells));
  const close = closed(state, record, { allowed: state.survivors1, context: state.context2, bytes }, deps.now);
  if (close.kind === "step") return close.step;
  if (close.kind === "early") return { state, send: [], effects: [close.wake] };
  const facts = { ...state, survivors2: close.survivors };
  if (cellBelowMinimum(facts) !== undefined) return finish(state, "aborted", "cell-below-minimum");
  const entry = releaseEntry(facts, { digest: close.digest, position: record.position });
  if (firstForbidden(deps.history, entry) !== undefined) {
    return finish(state, "aborted", "history");
  }
  const view2 = viewOf(state, 2, close.digest, record.position, deps);
  return {
    state: { ...state, stage: "viewed-2", survivors2: close.survivors, view2 },
    send: [{ to: state.opened.coordinator, message: viewMessage(state, 2, view2) }],
    effects: [{ kind: "history", entry }],
  };
}

/** 21: self-2 shares of S2, pair-2 shares of S1∖S2, nothing for V∖S1. */
export function onViews2(state: InStage<"viewed-2">, deps: MemberDeps): MemberStep | null {
  const { inbox, opened, view2 } = state;
  const shown = inbox["views-2"];
  if (shown === undefined) return null;
  assertShownViews(state, view2.statement, shown);
  const about = {
    phase: 2 as const,
    context: state.context2,
    closing: view2.statement.digest,
    masked: state.survivors1,
    survivors: state.survivors2,
  };
  const unmask2 = answer(state, about, deps) as MessageOf<"unmask-2">;
  const next = { ...state, inbox: { ...inbox, "views-2": undefined }, stage: "unmasked-2" as const, unmask2 };
  return { state: next, send: [{ to: opened.coordinator, message: unmask2 }], effects: [] };
}
