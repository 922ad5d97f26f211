/** The rounds between opening and result: sets, contexts, signatures and the common view (secure-aggregation.md 6). */
import { homomorphicSet, sealedVectorBytes } from "../../chaincode/rules/homomorphic.ts";
import type { TransactionBody } from "../../chaincode/rules/transactions.ts";
import type { AcceptMessage, KeysMessage, RefusalMessage, RevealMessage, View } from "./bundle.ts";
import { bitsOf, cellFacts, linesOf } from "./cells.ts";
import { closingDigest, maskContext, openingContext, valueContext } from "./contexts.ts";
import { undisputed } from "./disputes.ts";
import {
  bodyOf,
  type Check,
  type Evidence,
  expectSalted,
  expectSigned,
  isAscendingSubset,
  sameList,
  signersOf,
  statementsRoot,
} from "./evidence.ts";
import { NEIGHBOURS, neighbourRows, nonceCommitment } from "./graph.ts";
import type { Findings } from "./problems.ts";

const BODY = "record/transaction/statement/body";

/** 4: U within the cohort, the keys messages behind its root, every one signed under this opening. */
export const checkKeyset: Check = (evidence, findings) => {
  const { body, cohort, keyset } = evidence;
  const { messages } = body.keyset;
  const where = "/body/keyset";
  byCoordinator(evidence, findings, "keyset");
  const members = cohort.map(({ member }) => member);
  expectSet(evidence, findings, { where: `${where}/${BODY}/members`, members: keyset, allowed: members });
  findings.expect(sameList(signersOf(messages), keyset), `${where}/messages`, "member-set");
  expectRoot(findings, where, messages, bodyOf(body.keyset).root);
  const context = openingContext(evidence.opened);
  const seen = new Set([evidence.opened.receiverKey.statement.publicKey]);
  for (const [at, message] of messages.entries()) {
    expectMessage(evidence, findings, { where: `${where}/messages/${at}`, message, context });
    for (const [name, value] of Object.entries(message.statement.body)) {
      findings.expect(!seen.has(value), `${where}/messages/${at}/statement/body/${name}`, "duplicate-key");
      seen.add(value);
    }
  }
  expectReveals(evidence, findings, context);
};

/** 4: above 129 members at least nine tenths of them, and every nonce as committed to before the key set was recorded. */
function expectReveals({ body, opened, keyset, trust }: Evidence, findings: Findings, context: string): void {
  const { messages, reveals = [] } = body.keyset;
  const where = "/body/keyset/reveals";
  const isDrawn = opened.graph === "neighbours";
  findings.expect(sameList(signersOf(reveals), isDrawn ? keyset : []), where, "member-set");
  for (const [at, message] of messages.entries()) {
    const here = `/body/keyset/messages/${at}/statement/body/nonce`;
    findings.expect((message.statement.body.nonce !== undefined) === isDrawn, here, "graph");
  }
  if (!isDrawn) return;
  const least = Math.ceil((9 * opened.constants.members) / 10);
  findings.expect(keyset.length >= least, where, "quorum", { needed: least, got: keyset.length });
  for (const [at, reveal] of reveals.entries()) {
    const here = `${where}/${at}`;
    expectMessage({ body, trust }, findings, { where: here, message: reveal, context });
    const { root, nonce } = reveal.statement.body;
    const committed = messages[at]?.statement.body.nonce;
    const fits = root === bodyOf(body.keyset).root && nonceCommitment(context, reveal.signer, nonce) === committed;
    findings.expect(fits, `${here}/statement/body`, "graph");
  }
}

/** 8: V is exactly the dealers that the signed accepts support, without those that withdrew. */
export const checkMaskset: Check = (evidence, findings) => {
  const { body, keyset, maskset, opened } = evidence;
  const { accepts, refusals } = body.maskset;
  const where = "/body/maskset";
  byCoordinator(evidence, findings, "maskset");
  expectSet(evidence, findings, { where: `${where}/${BODY}/members`, members: maskset, allowed: keyset });
  findings.expect(isAscendingSubset(signersOf(accepts), keyset), `${where}/accepts`, "member-set");
  findings.expect(isAscendingSubset(signersOf(refusals), keyset), `${where}/refusals`, "member-set");
  expectRoot(findings, where, [...accepts, ...refusals], bodyOf(body.maskset).root);
  const context = openingContext(opened);
  const isDrawn = opened.graph === "neighbours";
  const areNeighbours = neighboursOf(evidence);
  const tally = keyset.map((member) => ({ member, accepted: 0, itself: false }));
  const bitsBy = new Map<string, readonly boolean[]>();
  const places = new Map(keyset.map((member, index) => [member, index]));
  for (const [at, accept] of accepts.entries()) {
    expectMessage(evidence, findings, { where: `${where}/accepts/${at}`, message: accept, context });
    const bits = bitsOf(accept.statement.body.accepted, keyset.length);
    findings.expect(bits !== undefined, `${where}/accepts/${at}/statement/body/accepted`, "bitmap");
    if (bits !== undefined) bitsBy.set(accept.signer, bits);
    for (const [index, entry] of tally.entries()) {
      if (bits?.[index] !== true) continue;
      if (entry.member === accept.signer) entry.itself = true;
      else if (areNeighbours(index, places.get(accept.signer) ?? -1)) entry.accepted += 1;
    }
  }
  for (const [at, message] of refusals.entries()) {
    expectMessage(evidence, findings, { where: `${where}/refusals/${at}`, message, context });
  }
  const withdrawn = new Set(signersOf(refusals));
  const { quorum, threshold } = opened.constants;
  // The complete graph counts the dealer among its q holders.
  const neighbours = Math.min(NEIGHBOURS, keyset.length - 1);
  const needed = isDrawn ? Math.ceil((threshold + neighbours) / 2) : quorum - 1;
  const supported = tally
    .filter(({ member, accepted, itself }) => itself && accepted >= needed && !withdrawn.has(member))
    .map(({ member }) => ({ member, place: places.get(member)!, accepted: bitsBy.get(member) ?? [] }));
  const dealers = opened.suite === "intl-pq" ? undisputed(supported, areNeighbours) : supported;
  const members = dealers.map(({ member }) => member);
  findings.expect(sameList(members, maskset), `${where}/${BODY}/members`, "member-set");
};

/** By place in U. */
function neighboursOf({ graph, keyset }: Evidence): (a: number, b: number) => boolean {
  if (graph === null) return (a, b) => a !== b;
  const rows = neighbourRows(keyset.length, graph);
  return (a, b) => rows[a]?.has(b) === true;
}

export const checkClose1: Check = (evidence, findings) => {
  const { body, maskset, survivors1 } = evidence;
  if (body.phase1 === undefined) return;
  byCoordinator(evidence, findings, "phase1/closing");
  const bytes = 2 * body.opened.layout.document.layout.atoms * 8;
  const where = "/body/phase1/closing";
  const { closing } = body.phase1;
  checkClosing(evidence, findings, {
    where,
    phase: 1,
    closing,
    survivors: survivors1,
    allowed: maskset,
    bytes,
    context: context1(evidence),
  });
};

export const checkViews1: Check = (evidence, findings) => {
  const { phase1 } = evidence.body;
  if (phase1 !== undefined)
    checkViews(evidence, findings, { where: "/body/phase1/closing", phase: 1, closing: phase1.closing });
};

/** 16: the counts behind the record, and the one bitmap that follows from them. */
export const checkCounts: Check = (evidence, findings) => {
  const { body, survivors1 } = evidence;
  if (body.phase1 === undefined) return;
  byCoordinator(evidence, findings, "phase1/counts");
  const { counts } = body.phase1.counts;
  const where = "/body/phase1/counts/counts";
  const { document } = counts;
  expectSalted(findings, where, counts, bodyOf(body.phase1.counts).digest);
  findings.expect(sameList(document.members, survivors1), `${where}/document/members`, "member-set");
  const { atoms } = body.opened.layout.document.layout;
  const sizes = document.counts.length === atoms && document.units.length === atoms;
  findings.expect(sizes, `${where}/document/counts`, "count-mismatch", {
    expected: atoms,
    got: document.counts.length,
  });
  for (const [atom, count] of document.counts.entries()) {
    findings.expect(count <= survivors1.length, `${where}/document/counts/${atom}`, "counts", {
      most: survivors1.length,
      got: count,
    });
  }
  findings.expect(document.bitmap === body.bitmap, `${where}/document/bitmap`, "bitmap", { expected: body.bitmap });
};

export const checkClose2: Check = (evidence, findings) => {
  const { body, survivors1, survivors2 } = evidence;
  byCoordinator(evidence, findings, "phase2");
  const { atoms, wordsPerAtom } = body.opened.layout.document.layout;
  const bits = bitsOf(body.bitmap, atoms);
  if (!findings.expect(bits !== undefined, "/body/bitmap", "bitmap") || bits === undefined) return;
  const included = bits.filter(Boolean).length;
  const closing1 = body.phase1 === undefined ? null : closingDigest(bodyOf(body.phase1.closing));
  checkClosing(evidence, findings, {
    where: "/body/phase2",
    phase: 2,
    closing: body.phase2,
    survivors: survivors2,
    allowed: survivors1,
    bytes: vectorBytes(evidence, included * wordsPerAtom),
    context: valueContext(context1(evidence), closing1, body.bitmap),
  });
  expectMinima(evidence, findings, bits);
};

/** Of every contribution of phase 2: words, or the ciphertexts of the parameter set that was opened. */
function vectorBytes({ opened, body }: Evidence, words: number): number {
  const set = opened.envelope === undefined ? undefined : homomorphicSet(opened.envelope.parameters);
  return set === undefined ? words * 8 : sealedVectorBytes(set, words, body.opened.layout.document.layout.wordsPerAtom);
}

export const checkViews2: Check = (evidence, findings) =>
  checkViews(evidence, findings, { where: "/body/phase2", phase: 2, closing: evidence.body.phase2 });

/** Every opened atom keeps its minimum over S2; what is left out of a margin holds nobody or enough together. */
function expectMinima(evidence: Evidence, findings: Findings, bits: readonly boolean[]): void {
  const { need } = evidence.opened.constants;
  const facts = cellFacts(evidence);
  for (const [atom, included] of bits.entries()) {
    const { least = 0, fits = false } = facts.atoms[atom] ?? {};
    if (!included) continue;
    findings.expect(fits, "/body/bitmap", "cell-minimum", { atom, need });
    findings.expect(least >= need, "/body/bitmap", "cell-minimum", { atom, need, got: least });
    findings.expect(facts.contract?.[atom] !== false, "/body/bitmap", "bitmap", { atom });
  }
  for (const line of linesOf(evidence.opened.cells.dimensions)) {
    if (!line.some((atom) => bits[atom] === true)) continue;
    const joint = facts.joint(line.filter((atom) => bits[atom] !== true));
    const margin = { line: `${line[0]}..${line.at(-1)}`, leftOut: joint, need };
    findings.expect(joint === 0 || joint >= need, "/body/bitmap", "cell-minimum", margin);
  }
}

interface Closing {
  readonly record: {
    readonly position: number;
    readonly time: string;
    readonly transaction: { readonly statement: { readonly body: TransactionBody<"computation.close"> } };
  };
  readonly views: readonly View[];
}

function checkClosing(
  evidence: Evidence,
  findings: Findings,
  at: {
    readonly where: string;
    readonly phase: 1 | 2;
    readonly closing: Closing;
    readonly survivors: readonly string[];
    readonly allowed: readonly string[];
    readonly bytes: number;
    readonly context: string;
  },
): void {
  const { closing, where, phase, survivors, allowed } = at;
  const { headers, root, phase: got, sum } = bodyOf(closing);
  const folds = phase === 1 && usesFingerprints(evidence);
  findings.expect((sum !== undefined) === folds, `${where}/${BODY}/sum`, "closing-sum", { expected: Number(folds) });
  findings.expect(got === phase, `${where}/${BODY}/phase`, "header", { expected: phase, got });
  expectSet(evidence, findings, { where: `${where}/${BODY}/headers`, members: survivors, allowed });
  findings.expect(statementsRoot(headers) === root, `${where}/${BODY}/root`, "root");
  const deadline = evidence.opened.deadlines[phase === 1 ? "contribution1" : "contribution2"];
  const closed = survivors.length === allowed.length || Date.parse(closing.record.time) >= Date.parse(deadline);
  findings.expect(closed, `${where}/record/time`, "closed-early", { deadline, got: closing.record.time });
  for (const [index, header] of headers.entries()) {
    const here = `${where}/${BODY}/headers/${index}`;
    const { type, computation, context, bytes } = header.statement;
    const fits = type === `contribution-${phase}` && computation === evidence.body.computation;
    findings.expect(fits, `${here}/statement`, "header", { type });
    findings.expect(context === at.context, `${here}/statement/context`, "context", { expected: at.context });
    findings.expect(bytes === at.bytes, `${here}/statement/bytes`, "header", { expected: at.bytes, got: bytes });
    const signed = { where: here, member: header.signer, position: closing.record.position };
    expectSigned({ evidence, findings }, "secagg-message", header, signed);
  }
}

/** 12, 20: at least q members of U signed this one closing set at this one ledger position. */
function checkViews(
  evidence: Evidence,
  findings: Findings,
  { where, phase, closing }: { readonly where: string; readonly phase: 1 | 2; readonly closing: Closing },
): void {
  const { body, keyset, opened } = evidence;
  const digest = closingDigest(bodyOf(closing));
  const { position } = closing.record;
  const ascends = isAscendingSubset(signersOf(closing.views), keyset);
  findings.expect(ascends, `${where}/views`, "member-set");
  for (const [at, view] of closing.views.entries()) {
    const here = `${where}/views/${at}`;
    const { statement } = view;
    const expected = { computation: body.computation, request: body.request, phase, digest, position };
    for (const [name, value] of Object.entries(expected)) {
      const got = statement[name as keyof typeof expected];
      findings.expect(got === value, `${here}/statement/${name}`, "view", { expected: value, got });
    }
    expectSigned({ evidence, findings }, "view", view, { where: here, member: view.signer, position });
  }
  findings.expect(closing.views.length >= opened.constants.quorum, `${where}/views`, "quorum", {
    needed: opened.constants.quorum,
    got: closing.views.length,
  });
}

/** Phase 1 above 10^6 words over the cohort: members checked fingerprints against a sum that close-1 commits C to. */
const usesFingerprints = ({ body, cohort }: Evidence): boolean =>
  body.phase1 !== undefined && 2 * body.opened.layout.document.layout.atoms * cohort.length > 1_000_000;

const context1 = ({ opened, body, graph }: Evidence): string =>
  maskContext(openingContext(opened), bodyOf(body.keyset), bodyOf(body.maskset), graph);

function expectSet(
  { opened }: Evidence,
  findings: Findings,
  set: { readonly where: string; readonly members: readonly string[]; readonly allowed: readonly string[] },
): void {
  findings.expect(isAscendingSubset(set.members, set.allowed), set.where, "member-set");
  findings.expect(set.members.length >= opened.constants.quorum, set.where, "quorum", {
    needed: opened.constants.quorum,
    got: set.members.length,
  });
}

function expectRoot(findings: Findings, where: string, statements: readonly unknown[], root: string): void {
  findings.expect(statementsRoot(statements) === root, `${where}/${BODY}/root`, "root", { expected: root });
}

function expectMessage(
  evidence: Pick<Evidence, "body" | "trust">,
  findings: Findings,
  at: {
    readonly where: string;
    readonly message: KeysMessage | AcceptMessage | RefusalMessage | RevealMessage;
    readonly context: string;
  },
): void {
  const { where, message } = at;
  const { computation, request, context } = message.statement;
  const { body } = evidence;
  const names = computation === body.computation && request === body.request;
  findings.expect(names, `${where}/statement`, "names-other", { got: computation });
  findings.expect(context === at.context, `${where}/statement/context`, "context", { expected: at.context });
  const { position } = body.opened.record;
  expectSigned({ evidence, findings }, "secagg-message", message, { where, member: message.signer, position });
}

function byCoordinator({ body, opened }: Evidence, findings: Findings, step: string): void {
  const record = step.split("/").reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], body);
  const { signer } = (record as Evidence["body"]["keyset"]).record.transaction;
  findings.expect(signer === opened.coordinator, `/body/${step}/record/transaction/signer`, "wrong-signer", {
    expected: opened.coordinator,
    got: signer,
  });
}
