/**
 * The receiver's side (R): per-request key, recomputation of the sum, envelope removal, decoding. See step.ts for how
 * to run it. What C says about the sum is a hint; R redoes it from signed contributions.
 *
 *   waiting → summing → decoded → finished, or waiting → withholding → finished
 */

import { digestOf } from "../suites/digest.ts";
import { toBase64url } from "../suites/encoding.ts";
import type { Signed } from "../suites/signed.ts";
import type { SuiteId } from "../suites/suite.ts";
import { encodeBitmap, registryContributors } from "./cells.ts";
import type { SumPlan } from "./chunk-sum.ts";
import { assertChunk, assertChunks } from "./chunks.ts";
import { assertCommonView, assertSigned, refuseAuthenticity, survivorsOf } from "./closing.ts";
import { assertLayout, assertOpening } from "./constants.ts";
import { closingDigest, maskContext, openingContext, suiteIn, valueContext } from "./context.ts";
import { vectorBytes } from "./cut.ts";
import { SecaggError } from "./errors.ts";
import { graphOf, isConnected } from "./graph.ts";
import { forgetSecrets, publicKeyOf } from "./key-agreement.ts";
import { assertKeyset, assertReveals } from "./keyset.ts";
import type { Layout } from "./layout.ts";
import { type Cells, type Facts, factSlot } from "./member-state.ts";
import type { Message, MessageOf } from "./messages.ts";
import type { LedgerRecord, Opened, Parties, ReceiverKeyStatement, Sign } from "./opened.ts";
import {
  cellBelowMinimum,
  complementsOf,
  countedCells,
  countsDigest,
  countsShape,
  registryCells,
  valuesShape,
} from "./phase-facts.ts";
import type { CommonDeps, Decoded, ReceiverEffect, ReceiverInput, Step } from "./step.ts";
import { envelopeKey, masksToTakeOff } from "./sum.ts";
import { bytesOfText } from "./words.ts";

export interface ReceiverKeyPair {
  /** base64url; persist before `signed` leaves (message 1). */
  readonly privateKey: string;
  readonly signed: Signed<ReceiverKeyStatement>;
}

/** Message 1, R's part: a fresh key for one computation, signed by R (domain "receiver-key"). */
export function createReceiverKey(
  about: { computation: string; request: string; receiver: string; suite: SuiteId; homomorphicKey?: string },
  deps: { random: (bytes: number) => Uint8Array; sign: Sign },
): ReceiverKeyPair {
  const privateKey = toBase64url(deps.random(32));
  const { computation, request, receiver, suite, homomorphicKey } = about;
  const statement = {
    ...{ computation, request, receiver, publicKey: publicKeyOf(suite, privateKey) },
    ...(homomorphicKey === undefined ? {} : { homomorphicKey }),
  };
  return { privateKey, signed: deps.sign("receiver-key", statement) };
}

interface ReceiverBase {
  readonly opened: Opened;
  readonly parties: Parties;
  readonly layout: Layout;
  readonly privateKey: string;
  readonly context0: string;
  readonly facts: Facts;
}

export type ReceiverState =
  | (ReceiverBase & { readonly stage: "waiting"; readonly inbox: MessageOf<"result-2"> | null })
  /** The transcript holds: its sum is being redone. */
  | (ReceiverBase & {
      readonly stage: "summing";
      readonly inbox: MessageOf<"result-2">;
      readonly decoded: Omit<Decoded, "words">;
      readonly words: number;
    })
  /** What was decoded went out before this state was kept: it is not decoded again. */
  | (ReceiverBase & {
      readonly stage: "decoded";
      /** Digest of the message as it came: a repetition is told from another one. */
      readonly transcript: string;
    })
  | (ReceiverBase & { readonly stage: "withholding"; readonly reason: string })
  /** The private key is gone. */
  | {
      readonly stage: "finished";
      readonly computation: string;
      readonly outcome: "released" | "withheld" | "failed";
    };

type ReceiverStep = Step<ReceiverState, ReceiverEffect>;
type At<S extends ReceiverState["stage"]> = Extract<ReceiverState, { stage: S }>;

interface ReceiverStart {
  readonly opened: Opened;
  readonly parties: Parties;
  readonly layout: Layout;
  readonly privateKey: string;
}

/** Throws ERR_SECAGG_OPENING, also where the key pair is not the one on the ledger. */
export function startReceiver({ opened, parties, layout, privateKey }: ReceiverStart): ReceiverState {
  assertOpening(opened, parties);
  assertLayout(opened, layout);
  if (publicKeyOf(suiteIn(opened), privateKey) !== opened.receiverKey.statement.publicKey) {
    throw new SecaggError("ERR_SECAGG_OPENING", "receiverKey: not the public half of this node's key");
  }
  return {
    stage: "waiting",
    opened,
    parties,
    layout,
    privateKey,
    context0: openingContext(opened),
    facts: {},
    inbox: null,
  };
}

const only = (state: ReceiverState): ReceiverStep => ({ state, send: [], effects: [] });

const TRANSITIONS: { readonly [S in ReceiverState["stage"]]: (state: At<S>) => ReceiverStep | null } = {
  waiting: check,
  summing: () => null,
  decoded: () => null,
  withholding: () => null,
  finished: () => null,
};

const RESUME: { readonly [S in ReceiverState["stage"]]: (state: At<S>) => readonly ReceiverEffect[] } = {
  waiting: () => [],
  summing: (state) => [{ kind: "sum", plan: planOf(factsOf(state, state.inbox)!, state) }],
  decoded: () => [],
  withholding: ({ reason }) => [{ kind: "withhold", reason }],
  finished: () => [{ kind: "erase" }],
};

const resume = (state: ReceiverState) =>
  (RESUME[state.stage] as (state: ReceiverState) => readonly ReceiverEffect[])(state);

export function stepReceiver(previous: ReceiverState, input: ReceiverInput, _deps: CommonDeps): ReceiverStep {
  const first = take(previous, input);
  let next: ReceiverStep | null;
  try {
    next = (TRANSITIONS[first.state.stage] as (state: ReceiverState) => ReceiverStep | null)(first.state);
  } catch (cause) {
    // A waiting result that turns out false must not cost the record that exposed it.
    if (input.kind !== "ledger" || !(cause instanceof SecaggError) || first.state.stage !== "waiting") throw cause;
    return { ...first, state: { ...first.state, inbox: null } };
  }
  return next === null ? first : { state: next.state, send: [], effects: [...first.effects, ...next.effects] };
}

function take(state: ReceiverState, input: ReceiverInput): ReceiverStep {
  if (input.kind === "resume") return { state, send: [], effects: resume(state) };
  if (state.stage === "finished" || input.kind === "tick") return only(state);
  if (input.kind === "summed") return state.stage === "summing" ? decode(state, input.words) : only(state);
  if (input.kind === "not-summed") return state.stage === "summing" ? notSummed(state, input.reason) : only(state);
  return input.kind === "ledger" ? takeRecord(state, input.record) : takeMessage(state, input.from, input.message);
}

function withhold(state: Exclude<ReceiverState, { stage: "finished" }>, reason: string): ReceiverStep {
  const { opened, parties, layout, privateKey, context0, facts } = state;
  const next = { stage: "withholding" as const, opened, parties, layout, privateKey, context0, facts, reason };
  return { state: next, send: [], effects: resume(next) };
}

function takeMessage(
  state: Exclude<ReceiverState, { stage: "finished" }>,
  from: string,
  message: Message,
): ReceiverStep {
  if (message.computation !== state.opened.computation) refuseAuthenticity(`${message.type}: for another computation`);
  if (message.type === "omitted") {
    assertOmission(state, message);
    return state.stage === "withholding" ? only(state) : withhold(state, "omitted");
  }
  if (message.type !== "result-2") throw new SecaggError("ERR_SECAGG_MESSAGE", `type: ${message.type} is not for R`);
  if (from !== state.opened.coordinator) refuseAuthenticity("result-2: only the coordinator sends it");
  const first =
    state.stage === "decoded" ? state.transcript : state.stage === "summing" ? digestOf(state.inbox) : undefined;
  if (first !== undefined && first !== digestOf(message)) {
    throw new SecaggError("ERR_SECAGG_CONFLICT", "result-2: a second, different one; R decodes once");
  }
  return only(state.stage === "waiting" ? { ...state, inbox: message } : state);
}

/** C's own receipt for a member that the closing set lacks. */
function assertOmission(state: Exclude<ReceiverState, { stage: "finished" }>, message: MessageOf<"omitted">): void {
  const { receipt, phase } = message;
  assertSigned(state.parties, "receipt", receipt, state.opened.coordinator);
  const close = phase === 1 ? state.facts.close1 : state.facts.close2;
  const { computation, member } = receipt.statement;
  if (computation !== state.opened.computation || receipt.statement.phase !== phase) {
    refuseAuthenticity("omitted: receipt of another phase or computation");
  }
  if (close === undefined || close.headers.some((header) => header.signer === member)) {
    refuseAuthenticity(`omitted: ${member} is not missing from a closing set`);
  }
}

function takeRecord(state: Exclude<ReceiverState, { stage: "finished" }>, record: LedgerRecord): ReceiverStep {
  if (record.record === "omitted") return state.stage === "withholding" ? only(state) : withhold(state, "omitted");
  const slot = factSlot(record);
  if (slot === undefined || (slot !== "end" && state.facts[slot] !== undefined)) return only(state);
  if (slot !== "end") return only({ ...state, facts: { ...state.facts, [slot]: record } });
  const outcome = record.record === "release" ? "released" : record.record === "withhold" ? "withheld" : "failed";
  forgetSecrets([state.privateKey]);
  const finished = { stage: "finished" as const, computation: state.opened.computation, outcome } as const;
  return { state: finished, send: [], effects: [{ kind: "erase" }] };
}

/** 22: everything is checked against the ledger, then the sum is redone and read once. */
function check(state: At<"waiting">): ReceiverStep | null {
  const { inbox } = state;
  if (inbox === null) return null;
  const found = factsOf(state, inbox);
  if (found === null) return null;
  if (cellBelowMinimum(found) !== undefined) return withhold(state, "cell-below-minimum");
  if (!isConnected(found.graph, found.survivors2)) return withhold(state, "graph-disconnected");
  const plan = planOf(found, state);
  const decoded = {
    computation: state.opened.computation,
    survivors: found.survivors2,
    cells: readCells(found),
    complements: complementsOf(found),
    transcriptDigest: transcriptDigest(inbox),
  };
  const next = { ...state, stage: "summing" as const, inbox, decoded, words: plan.words };
  return { state: next, send: [], effects: [{ kind: "sum", plan }] };
}

/** What the ledger and the transcript say together; null where a record is missing. Throws where they disagree. */
function factsOf(state: At<"waiting"> | At<"summing">, result: MessageOf<"result-2">) {
  const { facts, opened, parties, layout, context0 } = state;
  const { keyset, maskset, close1, close2, counts } = facts;
  if (keyset === undefined || maskset === undefined || close2 === undefined) return null;
  const counted = opened.cells.mode === "counted";
  if (counted && (close1 === undefined || counts === undefined)) return null;
  assertKeyset(opened, parties, context0, keyset, result.keys);
  const seed = assertReveals(opened, parties, context0, keyset, result.keys, result.reveals);
  const graph = graphOf(keyset.members, seed);
  const context1 = maskContext(context0, keyset, maskset, seed);
  const bytes1 = countsShape(layout).words * 8;
  const survivors1 =
    close1 === undefined
      ? maskset.members
      : survivorsOf(opened, parties, close1, { allowed: maskset.members, context: context1, bytes: bytes1 });
  const cells = cellsOf(state, result, survivors1);
  const closing1 = close1 === undefined ? null : closingDigest(opened.computation, close1);
  const context = valueContext(context1, closing1, cells.bitmap);
  const shape = valuesShape(opened, layout, cells);
  const survivors2 = survivorsOf(opened, parties, close2, { allowed: survivors1, context, bytes: vectorBytes(shape) });
  const digest = closingDigest(opened.computation, close2);
  const holders = result.keys.map((keys) => keys.signer);
  assertCommonView(opened, parties, result.views, { phase: 2, digest, position: close2.position, holders });
  const { headers } = close2;
  return { opened, parties, layout, cells, survivors1, survivors2, graph, context, shape, headers, result };
}

/** Throws where contributions miss their headers or secrets their commitments. */
function planOf(found: NonNullable<ReturnType<typeof factsOf>>, state: ReceiverBase): SumPlan {
  const { opened, graph, context, shape, headers, result, survivors1, survivors2 } = found;
  if (result.contributions.map(({ member }) => member).join() !== survivors2.join()) {
    refuseAuthenticity("contributions: not those of the closing set");
  }
  const contributions = result.contributions.map(({ member, chunks, words }, i) => {
    assertChunks(headers[i]!, chunks, shape);
    if (words === undefined) return { member, chunks };
    const first = bytesOfText(words, `contribution of ${member}`);
    assertChunk(member, chunks, shape, 0, first);
    return { member, chunks, first };
  });
  const base = { suite: suiteIn(opened), context, phase: 2 as const };
  const { keys, secrets } = result;
  const { context0 } = state;
  const { cohort } = opened;
  const masks = masksToTakeOff({ base, context0, cohort, keys, graph, masked: survivors1, headers, secrets });
  // Under a homomorphic envelope too: one false ciphertext is enough to get R's homomorphic key out of a sum it releases.
  for (const member of keys.filter(({ signer }) => survivors2.includes(signer))) {
    const key = envelopeKey(base, opened, member, { privateKey: state.privateKey, side: "receiver" });
    masks.push({ key, direction: "subtract" });
  }
  return { ...shape, contributions, masks };
}

function decode({ inbox, decoded, words: wanted, ...rest }: At<"summing">, words: BigUint64Array): ReceiverStep {
  if (words.length !== wanted) {
    throw new SecaggError("ERR_SECAGG_OVERFLOW", `sum: wanted ${wanted} words, got ${words.length}`);
  }
  const next = { ...rest, stage: "decoded" as const, transcript: digestOf(inbox) };
  return { state: next, send: [], effects: [{ kind: "decoded", result: { ...decoded, words } }] };
}

/** What R signs: the words stand in it by the hashes of their chunks. */
export const transcriptDigest = ({ contributions, ...rest }: MessageOf<"result-2">): string =>
  digestOf({ ...rest, contributions: contributions.map(({ member, chunks }) => ({ member, chunks })) });

/** C showed other words than the headers name; another transcript may come. */
const notSummed = ({ decoded: _none, words: _words, ...state }: At<"summing">, reason: string): ReceiverStep => ({
  state: { ...state, stage: "waiting", inbox: null },
  send: [],
  effects: [{ kind: "blame", member: state.opened.coordinator, reason }],
});

/** The included cells, from the contract's bitmap or from counts that open the ledger's digest. */
function cellsOf(state: ReceiverBase, result: MessageOf<"result-2">, survivors1: readonly string[]): Cells {
  const { opened, parties, layout, facts } = state;
  if (opened.cells.mode === "registry") {
    const bitmap = facts.maskset?.bitmap ?? encodeBitmap(layout.atoms, []);
    return registryCells(opened, parties, layout, survivors1, bitmap);
  }
  const given = result.counts;
  if (given === undefined || given.counts.length !== layout.atoms || given.units.length !== layout.atoms) {
    return refuseAuthenticity("result-2: counts of every atom are needed");
  }
  const vector = BigUint64Array.from(given.counts.flatMap((k, atom) => [BigInt(k), BigInt(given.units[atom]!)]));
  const cells = countedCells(opened, layout, survivors1, vector);
  if (countsDigest(given.salt, survivors1, cells) !== facts.counts?.digest) {
    refuseAuthenticity("result-2: counts do not open the ledger's digest");
  }
  return cells;
}

function readCells({
  opened,
  parties,
  layout,
  cells,
  survivors2,
}: NonNullable<ReturnType<typeof factsOf>>): Decoded["cells"] {
  const exact =
    cells.counts === undefined ? registryContributors(opened, parties, survivors2, layout.atoms) : undefined;
  return cells.included.map((atom) => ({
    atom,
    organisations: exact?.[atom]?.length ?? cells.counts?.[atom] ?? 0,
    ...(cells.units === undefined ? {} : { units: cells.units[atom]! }),
  }));
}
