/** Member stages 2 to 8: documents, keys, shares, accepts. Each function is one transition, or null to wait. */

import { HeError } from "../he/errors.ts";
import { assertPublicKey } from "../he/pairs.ts";
import { parametersNamed } from "../he/parameters.ts";
import { digestOf, saltedDigest, sha256 } from "../suites/digest.ts";
import { fromBase64url, toBase64url } from "../suites/encoding.ts";
import { suiteOf } from "../suites/suite.ts";
import { encodeBitmap } from "./cells.ts";
import { assertSigned, refuseAuthenticity } from "./closing.ts";
import { leafOf, nonceHash, seedHash, shareHashes } from "./commitments.ts";
import { assertLayout } from "./constants.ts";
import { maskContext, suiteIn } from "./context.ts";
import { type Graph, graphOf } from "./graph.ts";
import { firstForbidden } from "./history.ts";
import { publicKeyOf } from "./key-agreement.ts";
import { assertKeyset, assertMaskset, assertReveals } from "./keyset.ts";
import type { Layout } from "./layout.ts";
import type { Held, InStage, MemberBase, MemberSecrets, MemberState } from "./member-state.ts";
import { leafInRoot, leavesRoot } from "./merkle.ts";
import type { Keys, MessageOf, Reveal } from "./messages.ts";
import type { Opened } from "./opened.ts";
import { encapsulates, openSeed, phasesIn, sealSeeds, seedsRoot } from "./pair-seeds.ts";
import { registryCells, releaseEntry } from "./phase-facts.ts";
import { openShares, sealShares } from "./share-box.ts";
import { shareSecret } from "./sharing.ts";
import type { MemberDeps, MemberEffect, Step } from "./step.ts";
import { agreeAhead } from "./sum.ts";
import { deriveViewKeys } from "./view-tags.ts";
import { bytesOfText } from "./words.ts";

export type MemberStep = Step<MemberState, MemberEffect>;

/** A statement of this member about this computation, ready to sign. */
export const statementOf = <const T extends string, const P extends 0 | 1 | 2, B>(
  base: MemberBase,
  type: T,
  phase: P,
  context: string,
  body: B,
) => ({ type, computation: base.opened.computation, request: base.opened.request, phase, context, body });

/** Point of a holder on the sharing polynomials: its place in the cohort, from 1. */
export const pointOf = (base: Pick<MemberBase, "opened">, member: string): number =>
  base.opened.cohort.findIndex((entry) => entry.member === member) + 1;

/** 2: the documents must have the digests on the ledger; policy and history are the driver's to judge. */
export function onDocuments(state: InStage<"invited">): MemberStep | null {
  const documents = state.inbox.documents;
  if (documents === undefined) return null;
  for (const name of ["query", "layout", "policy"] as const) {
    const { salt, document } = documents[name];
    if (saltedDigest(fromBase64url(salt, "salt", 32), document) !== state.opened[`${name}Digest`]) {
      refuseAuthenticity(`documents.${name}: digest differs from the ledger's`);
    }
  }
  assertHomomorphicKey(state.opened, documents.homomorphicKey);
  const next = { ...state, inbox: { ...state.inbox, documents: undefined }, stage: "reviewing" as const, documents };
  return { state: next, send: [], effects: [reviewEffect(documents)] };
}

/** The one that R signed the digest of, and a key of the parameter set that was opened. */
export function assertHomomorphicKey(
  { envelope, receiverKey }: Pick<Opened, "envelope" | "receiverKey">,
  key: string | undefined,
): void {
  if (envelope === undefined && key === undefined) return;
  const bytes = bytesOfText(key ?? "", "homomorphicKey");
  if (envelope === undefined || toBase64url(sha256(bytes)) !== receiverKey.statement.homomorphicKey) {
    refuseAuthenticity("homomorphicKey: not the one that the receiver signed");
  }
  try {
    assertPublicKey(parametersNamed(envelope.parameters), bytes);
  } catch (cause) {
    if (!(cause instanceof HeError)) throw cause;
    refuseAuthenticity(`homomorphicKey: ${cause.message}`);
  }
}

export const reviewEffect = (documents: MessageOf<"documents">): MemberEffect => ({
  kind: "review",
  query: documents.query.document,
  layout: documents.layout.document,
  policy: documents.policy.document,
  ...(documents.homomorphicKey === undefined
    ? {}
    : { homomorphicKey: bytesOfText(documents.homomorphicKey, "homomorphicKey") }),
});

/** 3: fresh keys and seeds; nothing of them is derived from anything else. */
export function onReviewed(state: InStage<"reviewing">, layout: Layout, deps: MemberDeps): MemberStep {
  assertLayout(state.opened, layout);
  if (forbiddenForAll(state, layout, deps)) return refuse(state, "history", deps);
  const suite = suiteIn(state.opened);
  const fresh = () => toBase64url(deps.random(32));
  const envelope = envelopeFor(state.opened, fresh);
  const secrets: MemberSecrets = {
    pair1: fresh(),
    pair2: fresh(),
    seal: fresh(),
    envelope: envelope.secret,
    seed1: fresh(),
    seed2: fresh(),
    ...(state.opened.graph === "neighbours" ? { nonce: fresh() } : {}),
  };
  const body = {
    pair1: publicKeyOf(suite, secrets.pair1),
    pair2: publicKeyOf(suite, secrets.pair2),
    seal: publicKeyOf(suite, secrets.seal),
    envelope: envelope.published,
    seed1: seedHash(state.context0, 1, secrets.seed1),
    seed2: seedHash(state.context0, 2, secrets.seed2),
    ...(encapsulates(suite) ? seedRoots(state, secrets) : {}),
    ...(secrets.nonce === undefined ? {} : { nonce: nonceHash(state.context0, state.self, secrets.nonce) }),
  };
  const keys = deps.sign("secagg-message", statementOf(state, "keys", 0, state.context0, body));
  const { documents: _reviewed, ...base } = state;
  return {
    state: { ...base, stage: "keyed", layout, secrets, keys },
    send: [toCoordinator(base, { keys })],
    effects: [],
  };
}

function envelopeFor(opened: Opened, fresh: () => string) {
  const { id, agreement, encapsulation } = suiteOf(suiteIn(opened));
  if (encapsulation === undefined) {
    const secret = fresh();
    return { secret, published: publicKeyOf(id, secret) };
  }
  const receiver = fromBase64url(opened.receiverKey.statement.publicKey, "receiver key", agreement.publicKeyBytes);
  const { secret, ciphertext } = encapsulation.encapsulate(receiver);
  return { secret: toBase64url(secret), published: toBase64url(ciphertext) };
}

const seedRoots = ({ opened, self }: MemberBase, { pair1, pair2 }: MemberSecrets) => ({
  seeds1: seedsRoot(opened.cohort, pair1, 1, self),
  seeds2: seedsRoot(opened.cohort, pair2, 2, self),
});

/** Registry mode knows who contributes before anything is sent: history is asked here, and the refusal is visible. */
function forbiddenForAll(state: MemberBase, layout: Layout, deps: MemberDeps): boolean {
  const { opened, parties } = state;
  if (opened.cells.mode !== "registry" || deps.history.length === 0) return false;
  const members = opened.cohort.map((entry) => entry.member);
  const every = encodeBitmap(layout.atoms, [...Array(layout.atoms).keys()]);
  const cells = registryCells(opened, parties, layout, members, every);
  const facts = { opened, parties, layout, cells, survivors1: members, survivors2: members };
  const proposed = releaseEntry(facts, { digest: "", position: -1 });
  return firstForbidden(deps.history, proposed) !== undefined;
}

/** The graph of U as everyone draws it. */
export const graphIn = (state: { readonly keyset: readonly Keys[]; readonly graph: string | null }): Graph =>
  graphOf(
    state.keyset.map((keys) => keys.signer),
    state.graph,
  );

/** The message a signed part travels in. */
export function toCoordinator(base: MemberBase, part: { keys: Keys }) {
  return {
    to: base.opened.coordinator,
    message: { type: "keys" as const, computation: base.opened.computation, keys: part.keys },
  };
}

/** 4: from the record on every commitment is fixed, so the nonce may be known. */
export function onKeysetRecord(state: InStage<"keyed">, deps: MemberDeps): MemberStep | null {
  const { facts, self, secrets } = state;
  if (facts.keyset === undefined) return null;
  if (!facts.keyset.members.includes(self)) return finish(state, "aborted", "not-in-key-set");
  if (secrets.nonce === undefined)
    return { state: { ...state, stage: "revealed", reveal: null }, send: [], effects: [] };
  const body = { root: facts.keyset.root, nonce: secrets.nonce };
  const reveal = deps.sign("secagg-message", statementOf(state, "reveal", 0, state.context0, body));
  return { state: { ...state, stage: "revealed", reveal }, send: revealMessages(state, reveal), effects: [] };
}

export const revealMessages = ({ opened }: MemberBase, reveal: Reveal | null): MemberStep["send"] =>
  reveal === null
    ? []
    : [{ to: opened.coordinator, message: { type: "reveal", computation: opened.computation, reveal } }];

/** 4, 5: the whole key set is checked, and the graph drawn, before one share is made. */
export function onKeyset(state: InStage<"revealed">, deps: MemberDeps): MemberStep | null {
  const { facts, inbox, opened, parties, context0, secrets, self } = state;
  if (facts.keyset === undefined || inbox.keyset === undefined) return null;
  const { keys: keyset, reveals } = inbox.keyset;
  assertKeyset(opened, parties, context0, facts.keyset, keyset, state.keys);
  const graph = assertReveals(opened, parties, context0, facts.keyset, keyset, reveals);
  const holders = graphOf(facts.keyset.members, graph).holdersOf(self);
  const points = holders.map((holder) => pointOf(state, holder));
  const deal = (secret: string) =>
    shareSecret(fromBase64url(secret, "secret", 32), opened.constants.threshold, points, deps.random);
  const dealt = {
    pair1: deal(secrets.pair1),
    self1: deal(secrets.seed1),
    pair2: deal(secrets.pair2),
    self2: deal(secrets.seed2),
  };
  const four = (i: number) => ({
    pair1: dealt.pair1[i]!,
    self1: dealt.self1[i]!,
    pair2: dealt.pair2[i]!,
    self2: dealt.self2[i]!,
  });
  const leaves = holders.map((holder, i) => leafOf(context0, self, holder, shareHashes(four(i))));
  const keysOf = new Map(keyset.map((keys) => [keys.signer, keys]));
  const boxes = holders.map((holder, i) => {
    const theirs = keysOf.get(holder)!;
    const use = sealUse(state, state.keys, theirs);
    return sealShares(secrets.seal, theirs.statement.body.seal, use, four(i), deps.random(12));
  });
  const suite = suiteIn(opened);
  const takers = holders.filter((holder) => holder > self).map((holder) => keysOf.get(holder)!);
  const sealing = { suite, context0, cohort: opened.cohort };
  const seeds = encapsulates(suite) ? { seeds: sealSeeds(sealing, state, takers, phasesIn(opened), deps.random) } : {};
  const root = { root: leavesRoot(leaves) };
  const shares: MessageOf<"shares"> = {
    type: "shares",
    computation: opened.computation,
    shares: deps.sign("secagg-message", statementOf(state, "shares", 0, context0, root)),
    leaves,
    boxes,
    ...seeds,
  };
  const neighbours = holders.filter((holder) => holder !== self).map((holder) => keysOf.get(holder)!);
  if (opened.cells.mode === "counted") agreeAhead({ suite, phase: 1 }, secrets.pair1, neighbours);
  agreeAhead({ suite, phase: 2 }, secrets.pair2, neighbours);
  const tagging = { suite, context0, keys: state.keys, sealPrivateKey: secrets.seal };
  deriveViewKeys(tagging, [state.keys, ...neighbours]);
  const taken = { ...state, inbox: { ...inbox, keyset: undefined } };
  const next = { ...taken, stage: "shared" as const, keyset, graph, shares };
  return { state: next, send: [{ to: opened.coordinator, message: shares }], effects: [] };
}

const sealUse = ({ opened, context0 }: MemberBase, dealer: Keys, holder: Keys) => ({
  suite: suiteIn(opened),
  context: context0,
  kind: "seal" as const,
  phase: 0 as const,
  ids: [dealer.signer, holder.signer] as const,
  keys: [dealer.statement.body.seal, holder.statement.body.seal] as const,
});

/** 6, 7: accepts every dealer whose box opens and matches its leaf under the signed root; complains about no one. */
export function onBoxes(state: InStage<"shared">, deps: MemberDeps): MemberStep | null {
  const { inbox, keyset, self, context0, opened } = state;
  if (inbox.boxes === undefined) return null;
  const graph = graphIn(state);
  const keysOf = new Map(keyset.map((keys) => [keys.signer, keys]));
  const held = new Map<string, Held>();
  for (const entry of inbox.boxes.boxes) {
    const dealer = keysOf.get(entry.shares.signer);
    const mayDeal = dealer?.signer === self || (dealer !== undefined && graph.areNeighbours(dealer.signer, self));
    if (dealer === undefined || !mayDeal || held.has(dealer.signer)) {
      refuseAuthenticity("boxes: a dealer that this member holds nothing of, or twice");
    } else {
      const shares = openBox(state, { dealer, own: keysOf.get(self)!, holders: graph.holdersOf(dealer.signer) }, entry);
      if (shares !== undefined) held.set(dealer.signer, shares);
    }
  }
  const accepted = encodeBitmap(
    keyset.length,
    keyset.flatMap((keys, i) => (held.has(keys.signer) ? [i] : [])),
  );
  const accept = deps.sign("secagg-message", statementOf(state, "accept", 0, context0, { accepted }));
  const message = { type: "accept" as const, computation: opened.computation, accept };
  const next = {
    ...state,
    inbox: { ...inbox, boxes: undefined },
    stage: "accepted" as const,
    held: [...held.values()],
    accept,
  };
  return { state: next, send: [{ to: opened.coordinator, message }], effects: [] };
}

function openBox(
  state: InStage<"shared">,
  { dealer, own, holders }: { readonly dealer: Keys; readonly own: Keys; readonly holders: readonly string[] },
  entry: MessageOf<"boxes">["boxes"][number],
): Held | undefined {
  const { context0, secrets, self, opened, parties } = state;
  try {
    assertSigned(parties, "secagg-message", entry.shares, dealer.signer);
    const { context, computation, body } = entry.shares.statement;
    if (context !== context0 || computation !== opened.computation) return undefined;
    const shares = openShares(secrets.seal, dealer.statement.body.seal, sealUse(state, dealer, own), entry.box);
    const leaf = leafOf(context0, dealer.signer, self, shareHashes(shares));
    const place = { leaf, index: holders.indexOf(self), size: holders.length, path: entry.path };
    if (leaf !== entry.leaf || !leafInRoot(body.root, place)) return undefined;
    return {
      dealer: dealer.signer,
      pair1: toBase64url(shares.pair1),
      self1: toBase64url(shares.self1),
      pair2: toBase64url(shares.pair2),
      self2: toBase64url(shares.self2),
      ...openSeeds(state, { dealer, own }, entry.seeds),
    };
  } catch {
    return undefined;
  }
}

/** Of a dealer with a smaller id; throws where one is missing or not what it committed to. */
function openSeeds(
  { opened, context0, secrets }: InStage<"shared">,
  { dealer, own }: { readonly dealer: Keys; readonly own: Keys },
  boxes: readonly string[] = [],
): Pick<Held, "seed1" | "seed2"> {
  const suite = suiteIn(opened);
  if (!encapsulates(suite) || dealer.signer >= own.signer) return {};
  const sealing = { suite, context0, cohort: opened.cohort };
  const seeds = phasesIn(opened).map((phase, i) => {
    const { seed } = openSeed(sealing, phase, { giver: dealer, taker: own }, secrets[`pair${phase}`], boxes[i] ?? "");
    return [`seed${phase}`, seed];
  });
  return Object.fromEntries(seeds) as Pick<Held, "seed1" | "seed2">;
}

/** 8: V follows from the signed accepts; ctx1 binds U and V. */
export function maskedData(state: InStage<"accepted">) {
  const { facts, inbox, opened, parties, context0, keyset } = state;
  if (facts.keyset === undefined || facts.maskset === undefined || inbox.maskset === undefined) return null;
  const members = keyset.map((keys) => keys.signer);
  assertMaskset(opened, parties, context0, members, graphIn(state), facts.maskset, inbox.maskset);
  const accepts = opened.graph === "complete" ? [] : inbox.maskset.accepts;
  return {
    ...state,
    inbox: { ...inbox, maskset: undefined },
    masked: facts.maskset.members,
    context1: maskContext(context0, facts.keyset, facts.maskset, state.graph),
    accepted: Object.fromEntries(accepts.map(({ signer, statement }) => [signer, statement.body.accepted])),
  };
}

/** Ends the computation for this member; the driver unlinks the secrets. */
export function finish(
  state: Pick<MemberBase, "self" | "opened">,
  outcome: InStage<"finished">["outcome"],
  reason?: string,
): MemberStep {
  const finished = { stage: "finished" as const, self: state.self, computation: state.opened.computation, outcome };
  return {
    state: reason === undefined ? finished : { ...finished, reason },
    send: [],
    effects: [{ kind: "erase" }],
  };
}

/** 2, before 8: a signed refusal, then the end. */
export function refuse(state: MemberBase, reason: string, deps: MemberDeps): MemberStep {
  const statement = statementOf(state, "refusal", 0, state.context0, { reason });
  const refusal = deps.sign("secagg-message", statement);
  const message = { type: "refusal" as const, computation: state.opened.computation, refusal };
  return { ...finish(state, "refused", reason), send: [{ to: state.opened.coordinator, message }] };
}

export const sameJson = (a: unknown, b: unknown): boolean => digestOf(a) === digestOf(b);
