/** The pinned facts of a trust file, ready for look-ups. Keys are decoded once, so that batches verify quickly. */

import { keyIdOf, type Signed, type SigningDomain, verifySignedOnce } from "../../crypto/suites/signed.ts";
import { type PublicKey, readPublicKey } from "../../crypto/suites/suite.ts";
import {
  type Checkpoint,
  cosignerNameOf,
  openCheckpoint,
  originOf,
  parseCheckpoint,
  type SignedCheckpoint,
} from "../log/checkpoint.ts";
import { evaluateQuorum, majorityOf } from "../log/cosignature.ts";
import { LogError } from "../log/errors.ts";
import { type NoteKey, type NoteSignature, noteKey } from "../log/note.ts";
import type { Findings, Problem, ProblemCode } from "./problems.ts";
import type { PinnedKey, PinnedMember, TrustFile } from "./trust.ts";

interface KnownKey {
  readonly member: string;
  readonly pinned: PinnedKey;
  readonly publicKey: Uint8Array;
}

export interface TrustIndex {
  readonly file: TrustFile;
  /** The trust file's own checkpoint, once it is found good. */
  readonly pinned: Checkpoint | undefined;
  member(id: string): PinnedMember | undefined;
  key(key: string): KnownKey | undefined;
  /** Who orders the entry at `position`. */
  sequencerAt(position: number): string;
  /** Opens a checkpoint under the pinned log keys and quorum of its size. */
  openCheckpoint(note: string): OpenedCheckpoint;
}

export type OpenedCheckpoint =
  | { readonly ok: true; readonly signed: SignedCheckpoint }
  | { readonly ok: false; readonly code: ProblemCode; readonly values: Readonly<Record<string, string | number>> };

/** As many as a bundle may hold, and the trust file's own. */
const MAX_OPENED_NOTES = 65;

/** What is wrong with a trust file of the right form; a wrong one is not used for anything. */
export function indexTrust(file: TrustFile, findings: Findings): TrustIndex {
  findings.expect(file.origin === originOf(file.network), "/origin", "origin-mismatch", {
    expected: originOf(file.network),
    got: file.origin,
  });
  const members = new Map<string, PinnedMember>();
  const keys = new Map<string, KnownKey>();
  for (const [at, member] of file.members.entries()) {
    const ascends = at === 0 || (file.members[at - 1]?.id ?? "") < member.id;
    findings.expect(ascends, `/members/${at}/id`, "trust-order", { got: member.id });
    members.set(member.id, member);
    for (const [keyAt, pinned] of member.keys.entries()) {
      const publicKey = decodeKey(pinned)?.publicKey;
      const fits = publicKey !== undefined && keyIdOf(pinned.suite, publicKey) === pinned.key && !keys.has(pinned.key);
      const where = `/members/${at}/keys/${keyAt}`;
      if (findings.expect(fits, where, "trust-key-id", { key: pinned.key }) && publicKey !== undefined) {
        keys.set(pinned.key, { member: member.id, pinned, publicKey });
      }
    }
  }
  for (const [at, sequencer] of file.sequencers.entries()) {
    const previous = file.sequencers[at - 1];
    const ascends = previous === undefined ? sequencer.from === 0 : previous.from < sequencer.from;
    findings.expect(ascends, `/sequencers/${at}/from`, "trust-order", { got: sequencer.from });
    findings.expect(members.has(sequencer.member), `/sequencers/${at}/member`, "member-missing", {
      member: sequencer.member,
    });
  }
  const notes = new Map<string, OpenedCheckpoint>();
  const index: TrustIndex = {
    file,
    pinned: undefined,
    member: (id) => members.get(id),
    key: (key) => keys.get(key),
    sequencerAt: (position) => file.sequencers.findLast(({ from }) => from <= position)?.member ?? "",
    // Several checks open the same note; one cosigned by many costs that many signatures.
    openCheckpoint(note) {
      const opened = notes.get(note) ?? openUnder(index, keys, note);
      if (notes.size >= MAX_OPENED_NOTES) notes.clear();
      notes.set(note, opened);
      return opened;
    },
  };
  const one = (file.checkpoint === undefined) !== (file.fabric === undefined);
  findings.expect(one, "/checkpoint", "trust-checkpoint", { because: "a checkpoint, or a Fabric network" });
  if (file.checkpoint === undefined) return index;
  const own = index.openCheckpoint(file.checkpoint);
  if (!own.ok) {
    findings.fail("/checkpoint", "trust-checkpoint", { because: own.code, ...own.values });
    return index;
  }
  findings.seen();
  return { ...index, pinned: own.signed.checkpoint };
}

/**
 * Why a signature of a member is not good enough at a ledger position, or undefined when it is. On the ledger itself
 * (`domain` "transaction") the key must be the current one; elsewhere a replaced key still proves what was said.
 */
export function signatureProblem(
  trust: TrustIndex,
  domain: SigningDomain,
  signed: Signed<unknown>,
  at: { readonly member: string; readonly position: number },
): { readonly code: ProblemCode; readonly values: Readonly<Record<string, string | number>> } | undefined {
  if (signed.signer !== at.member) {
    return { code: "wrong-signer", values: { expected: at.member, got: signed.signer } };
  }
  const key = trust.key(signed.key);
  if (key === undefined || key.member !== signed.signer) return { code: "key-unknown", values: { key: signed.key } };
  const { from, ended } = key.pinned;
  if (domain === "transaction" && (from > at.position || (ended !== undefined && ended.at < at.position))) {
    return { code: "key-not-valid-then", values: { key: signed.key, position: at.position } };
  }
  if (ended?.how === "revoked" && ended.at <= at.position && domain !== "transaction") {
    return { code: "key-revoked", values: { key: signed.key, position: ended.at } };
  }
  // Members, assets and records of the ledger come again with every evidence that a node checks.
  return verifySignedOnce(key.publicKey, domain, signed)
    ? undefined
    : { code: "signature", values: { signer: signed.signer } };
}

/**
 * The trust file was exported before a change of keys that what is audited builds on: every signature under the new key
 * would be called unknown, and this says why. `records` are those with the highest positions too.
 */
export function outdatedProblem(
  trust: TrustIndex,
  records: readonly { readonly position: number; readonly signer: string; readonly key: string }[],
  notes: readonly string[] = [],
): Problem | undefined {
  const height = trust.pinned?.size ?? 0;
  const problem = (values: Problem["values"]): Problem => ({
    where: "/checkpoint",
    code: "trust-outdated",
    values: { height, ...values },
  });
  for (const { position, signer, key } of records) {
    if (position < height || trust.member(signer) === undefined || trust.key(key) !== undefined) continue;
    return problem({ position, signer, key });
  }
  for (const text of notes) {
    const opened = trust.openCheckpoint(text);
    if (opened.ok || opened.code === "checkpoint-malformed") continue;
    const { checkpoint, note } = parseCheckpoint(text);
    const unknown =
      checkpoint.size > height ? note.signatures.find((line) => isUnknownKey(trust.file, line)) : undefined;
    if (unknown !== undefined) return problem({ size: checkpoint.size, signer: unknown.name });
  }
  return undefined;
}

/** A pinned signer's name under a key that is not pinned for it. */
function isUnknownKey({ network, origin, members, sequencers }: TrustFile, { name, id }: NoteSignature): boolean {
  const kind = name === origin ? "note" : "cosignature";
  const signers = members.filter((member) =>
    name === origin
      ? sequencers.some((sequencer) => sequencer.member === member.id)
      : cosignerNameOf(network, member.id) === name,
  );
  const publicKeys = signers.flatMap(({ keys }) => keys.flatMap((pinned) => decodeKey(pinned) ?? []));
  return signers.length > 0 && !publicKeys.some((key) => noteKey(name, kind, key).id === id);
}

/** Active in the state before the entry at `position`. */
export const activeBefore = (member: PinnedMember, position: number): boolean =>
  member.active.some(({ from, until }) => from < position && (until === undefined || until >= position));

/**
 * The quorum of a checkpoint is the majority of the active cosigners with a current key, the sequencer excluded, in the
 * state before its last entry: a record that changes membership or keys is always the last one of its checkpoint.
 */
function openUnder(trust: TrustIndex, keys: ReadonlyMap<string, KnownKey>, note: string): OpenedCheckpoint {
  const { file } = trust;
  try {
    const { size } = parseCheckpoint(note).checkpoint;
    // The founding record brings the keys that its own checkpoint is signed with.
    const last = Math.max(1, size - 1);
    const sequencer = trust.sequencerAt(last);
    // A sequencer put in place by votes signs the checkpoint that carries those votes.
    const signers = [sequencer, trust.sequencerAt(last + 1)];
    const own = [...keys.values()].filter(({ member }) => signers.includes(member));
    const logKeys = own.filter(({ pinned }) => pinned.from < last && !revokedBefore(pinned, last));
    const signed = openUnderAny(
      note,
      logKeys.map(({ pinned, publicKey }) => noteKey(file.origin, "note", { suite: pinned.suite, publicKey })),
    );
    const cosigners = [...keys.values()].flatMap(({ member: id, pinned, publicKey }) => {
      const member = trust.member(id);
      const counts = member?.cosigner === true && id !== sequencer && activeBefore(member, last);
      return counts && isCurrentBefore(pinned, last)
        ? [noteKey(cosignerNameOf(file.network, id), "cosignature", { suite: pinned.suite, publicKey })]
        : [];
    });
    const needed = majorityOf(cosigners.length);
    const quorum = evaluateQuorum(signed.checkpoint, signed.log, cosigners, needed);
    if (quorum.invalid.length > 0) {
      return { ok: false, code: "checkpoint-cosignature", values: { cosigner: quorum.invalid[0] ?? "" } };
    }
    return quorum.reached
      ? { ok: true, signed: signed.checkpoint }
      : { ok: false, code: "checkpoint-quorum", values: { needed, valid: quorum.valid.length } };
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    const code = error.code === "ERR_LOG_NOTE_SIGNATURE" ? "checkpoint-signature" : "checkpoint-malformed";
    return { ok: false, code, values: { detail: error.message } };
  }
}

const isCurrentBefore = ({ from, ended }: PinnedKey, position: number): boolean =>
  from < position && (ended === undefined || ended.at >= position);

const revokedBefore = ({ ended }: PinnedKey, position: number): boolean =>
  ended?.how === "revoked" && ended.at < position;

function openUnderAny(note: string, logKeys: readonly NoteKey[]) {
  let failure = new LogError("ERR_LOG_NOTE_SIGNATURE", "checkpoint: no pinned key of the sequencer at this size");
  for (const log of logKeys) {
    try {
      return { checkpoint: openCheckpoint(note, log), log };
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

function decodeKey(pinned: PinnedKey): PublicKey | undefined {
  try {
    return readPublicKey(pinned);
  } catch {
    return undefined;
  }
}
