/** The key set U (3, 4) and the mask set V (7, 8), as every party checks them. */

import { canonicalJson } from "../suites/digest.ts";
import { decodeBitmap } from "./cells.ts";
import { assertSigned, refuseAuthenticity } from "./closing.ts";
import { nonceHash } from "./commitments.ts";
import { keysetMinimum } from "./constants.ts";
import { suiteIn } from "./context.ts";
import { type Graph, graphSeed } from "./graph.ts";
import { assertCiphertext, assertUsablePublicKey } from "./key-agreement.ts";
import { statementsRoot } from "./merkle.ts";
import type { Accept, Keys, Refusal, Reveal, SharesRoot } from "./messages.ts";
import type { Opened, Parties, RecordOf } from "./opened.ts";
import { encapsulates } from "./pair-seeds.ts";

const PUBLIC_KEYS = ["pair1", "pair2", "seal", "envelope"] as const;

/** One keys message on its own: signed by this cohort member for this opening, four usable keys. */
export function assertKeys(opened: Opened, parties: Parties, context0: string, keys: Keys): void {
  const member = keys.signer;
  if (!opened.cohort.some((entry) => entry.member === member))
    refuseAuthenticity(`keys: ${member} is not in the cohort`);
  assertSigned(parties, "secagg-message", keys, member);
  const { computation, request, context, body } = keys.statement;
  if (computation !== opened.computation || request !== opened.request || context !== context0) {
    refuseAuthenticity(`keys of ${member}: for another opening`);
  }
  const suite = suiteIn(opened);
  for (const name of PUBLIC_KEYS) {
    const assert = name === "envelope" && encapsulates(suite) ? assertCiphertext : assertUsablePublicKey;
    assert(suite, body[name], `keys of ${member}, ${name}`);
  }
  for (const name of ["seeds1", "seeds2"] as const) {
    if ((body[name] !== undefined) !== encapsulates(suite)) {
      refuseAuthenticity(`keys of ${member}: commits to pair seeds exactly where the suite encapsulates them`);
    }
  }
  if ((body.nonce !== undefined) !== (opened.graph === "neighbours")) {
    refuseAuthenticity(`keys of ${member}: commits to a nonce exactly where the graph needs one`);
  }
}

/** No public key (R's included) and no seed hash may appear twice; names the member that repeats one. */
export function assertDistinct(opened: Opened, all: readonly Keys[]): void {
  const seen = new Set<string>([opened.receiverKey.statement.publicKey]);
  for (const keys of all) {
    const { body } = keys.statement;
    const commitments = [body.seed1, body.seed2, ...(body.nonce === undefined ? [] : [body.nonce])];
    for (const value of [...PUBLIC_KEYS.map((name) => body[name]), ...commitments]) {
      if (seen.has(value)) refuseAuthenticity(`key set: ${keys.signer} repeats a key or seed hash`);
      seen.add(value);
    }
  }
}

/** 4: one reveal that opens one commitment of the key set on the ledger. */
export function assertReveal(
  opened: Opened,
  parties: Parties,
  context0: string,
  record: RecordOf<"keyset">,
  keys: Keys,
  reveal: Reveal,
): void {
  assertSetupStatement(opened, parties, context0, reveal, record.members);
  const { root, nonce } = reveal.statement.body;
  if (root !== record.root) refuseAuthenticity(`reveal of ${reveal.signer}: for another key set`);
  if (keys.signer !== reveal.signer || nonceHash(context0, reveal.signer, nonce) !== keys.statement.body.nonce) {
    refuseAuthenticity(`reveal of ${reveal.signer}: not what it committed to`);
  }
}

/** What the graph is drawn from: every nonce of U, each as committed; null where the graph is complete. */
export function assertReveals(
  opened: Opened,
  parties: Parties,
  context0: string,
  record: RecordOf<"keyset">,
  keys: readonly Keys[],
  reveals: readonly Reveal[] | undefined,
): string | null {
  if (opened.graph === "complete") {
    if (reveals !== undefined) refuseAuthenticity("key set: the complete graph takes no reveals");
    return null;
  }
  if (reveals?.length !== keys.length) return refuseAuthenticity("key set: the reveal of every member is needed");
  reveals.forEach((reveal, i) => {
    assertReveal(opened, parties, context0, record, keys[i]!, reveal);
  });
  const { members, root } = record;
  const nonces = reveals.map((reveal) => reveal.statement.body.nonce);
  return graphSeed(context0, { members, root }, nonces);
}

/** Root, order, quorum, signatures, low order, duplicates; `own` must be in it unchanged. */
export function assertKeyset(
  opened: Opened,
  parties: Parties,
  context0: string,
  record: RecordOf<"keyset">,
  all: readonly Keys[],
  own?: Keys,
): void {
  const members = all.map((keys) => keys.signer);
  if (members.join() !== record.members.join()) refuseAuthenticity("key set: not the members on the ledger");
  members.forEach((member, i) => {
    if (i > 0 && members[i - 1]! >= member) refuseAuthenticity("key set: members must ascend without repetition");
  });
  if (members.length < keysetMinimum(opened)) {
    refuseAuthenticity(`key set: ${members.length} members, ${keysetMinimum(opened)} are needed`);
  }
  if (statementsRoot(all) !== record.root) refuseAuthenticity("key set: root differs from the ledger's");
  for (const keys of all) assertKeys(opened, parties, context0, keys);
  assertDistinct(opened, all);
  if (own !== undefined && !all.some((keys) => canonicalJson(keys) === canonicalJson(own))) {
    refuseAuthenticity("key set: own entry is missing or altered");
  }
}

/** Signed answers about the shares, each list ascending by signer; the mask set's root is over both. */
interface MaskAnswers {
  readonly accepts: readonly Accept[];
  readonly refusals: readonly Refusal[];
}

export const masksetRoot = ({ accepts, refusals }: MaskAnswers): string => statementsRoot([...accepts, ...refusals]);

/** V: dealers that enough holders accepted, that accepted themselves and have not withdrawn since; ascending. */
export function acceptedDealers(
  opened: Opened,
  keyset: readonly string[],
  graph: Graph,
  { accepts, refusals }: MaskAnswers,
): string[] {
  const tally = new Map(keyset.map((member) => [member, { others: 0, self: false }]));
  for (const accept of accepts) {
    for (const index of decodeBitmap(accept.statement.body.accepted, keyset.length)) {
      const dealer = keyset[index]!;
      const entry = tally.get(dealer)!;
      if (dealer === accept.signer) entry.self = true;
      else if (graph.areNeighbours(dealer, accept.signer)) entry.others += 1;
    }
  }
  const withdrawn = new Set(refusals.map(({ signer }) => signer));
  const dealers = keyset.filter((member) => {
    const { others, self } = tally.get(member)!;
    return self && others >= neighboursNeeded(opened, graph) && !withdrawn.has(member);
  });
  return encapsulates(suiteIn(opened)) ? withoutDisputes(keyset, dealers, graph, accepts) : dealers;
}

/**
 * A pair whose greater member did not accept the other has no common seed, and nobody can tell who of them is at fault.
 * Whoever is in the most such pairs leaves, of equals the one with the smaller id, until there are none: a liar takes at most one
 * other along.
 */
function withoutDisputes(
  keyset: readonly string[],
  dealers: readonly string[],
  graph: Graph,
  accepts: readonly Accept[],
): string[] {
  const acceptedBy = new Map(
    accepts.map(({ signer, statement }) => [signer, new Set(decodeBitmap(statement.body.accepted, keyset.length))]),
  );
  const left = new Set(dealers);
  const disputes = dealers.flatMap((taker) =>
    keyset.flatMap((giver, index) => {
      const matters = giver < taker && left.has(giver) && graph.areNeighbours(giver, taker);
      return matters && !acceptedBy.get(taker)?.has(index) ? [{ giver, taker }] : [];
    }),
  );
  for (;;) {
    const open = disputes.filter(({ giver, taker }) => left.has(giver) && left.has(taker));
    if (open.length === 0) return dealers.filter((member) => left.has(member));
    const count = new Map<string, number>();
    for (const member of open.flatMap(({ giver, taker }) => [giver, taker])) {
      count.set(member, (count.get(member) ?? 0) + 1);
    }
    const most = Math.max(...count.values());
    left.delete([...count.keys()].toSorted().find((member) => count.get(member) === most)!);
  }
}

/** Complete graph: q holders, the dealer one of them. Else ⌈(t + k) / 2⌉ neighbours (specification §6, 8). */
const neighboursNeeded = ({ constants, graph: kind }: Opened, { degree }: Graph): number =>
  kind === "complete" ? constants.quorum - 1 : Math.ceil((constants.threshold + degree) / 2);

/** A statement of a cohort member in the rounds before the mask set. */
export function assertSetupStatement(
  opened: Opened,
  parties: Parties,
  context0: string,
  statement: Accept | Refusal | Reveal | SharesRoot,
  members: readonly string[],
): void {
  const { signer } = statement;
  const { type, computation, request, context } = statement.statement;
  if (!members.includes(signer)) refuseAuthenticity(`${type}: ${signer} may not send it`);
  assertSigned(parties, "secagg-message", statement, signer);
  if (computation !== opened.computation || request !== opened.request || context !== context0) {
    refuseAuthenticity(`${type} of ${signer}: for another opening`);
  }
  // Else the first who counts the accepted dealers would fall over it, for all of them.
  if (statement.statement.type === "accept") decodeBitmap(statement.statement.body.accepted, members.length);
}

/** The mask set on the ledger is what the accepts and refusals say, no more and no fewer. */
export function assertMaskset(
  opened: Opened,
  parties: Parties,
  context0: string,
  keyset: readonly string[],
  graph: Graph,
  record: RecordOf<"maskset">,
  answers: MaskAnswers,
): void {
  for (const list of [answers.accepts, answers.refusals]) {
    list.forEach((statement, i) => {
      if (i > 0 && list[i - 1]!.signer >= statement.signer) refuseAuthenticity("mask set: signers must ascend");
      assertSetupStatement(opened, parties, context0, statement, keyset);
    });
  }
  if (masksetRoot(answers) !== record.root) refuseAuthenticity("mask set: root differs from the ledger's");
  const dealers = acceptedDealers(opened, keyset, graph, answers);
  if (dealers.join() !== record.members.join()) refuseAuthenticity("mask set: not the dealers that were accepted");
  if (dealers.length < opened.constants.quorum) {
    refuseAuthenticity(`mask set: ${dealers.length} members, ${opened.constants.quorum} are needed`);
  }
}
