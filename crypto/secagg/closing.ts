/** Checks on closing sets (11, 19) and on the common view of them (12, 13, 20, 21). */
import { digestOf } from "../suites/digest.ts";
import { type Signed, type SigningDomain, verifySignedOnce } from "../suites/signed.ts";
import { readPublicKey } from "../suites/suite.ts";
import { usesFingerprints } from "./constants.ts";
import { SecaggError } from "./errors.ts";
import { statementsRoot } from "./merkle.ts";
import type { View } from "./messages.ts";
import type { Header, Opened, Parties, RecordOf } from "./opened.ts";

export function refuseAuthenticity(message: string): never {
  throw new SecaggError("ERR_SECAGG_AUTHENTICITY", message);
}

export function assertSigned(parties: Parties, domain: SigningDomain, signed: Signed<unknown>, signer: string): void {
  const identity = parties.identities[signer];
  const publicKey = identity && readPublicKey(identity).publicKey;
  if (publicKey === undefined || signed.signer !== signer || !verifySignedOnce(publicKey, domain, signed)) {
    refuseAuthenticity(`${domain}: not signed by ${signer}`);
  }
}

export const headerDigest = (header: Header): string => digestOf(header);

/** Checks one contribution header against the only context and length it may have. */
export function assertHeader(
  parties: Parties,
  header: Header,
  wanted: { computation: string; phase: 1 | 2; context: string; bytes: number; member: string },
): void {
  assertSigned(parties, "secagg-message", header, wanted.member);
  const { type, computation, context, bytes } = header.statement;
  if (type !== `contribution-${wanted.phase}` || computation !== wanted.computation) {
    refuseAuthenticity(`header of ${wanted.member}: for another phase or computation`);
  }
  if (context !== wanted.context) refuseAuthenticity(`header of ${wanted.member}: made under another context`);
  if (bytes !== wanted.bytes) refuseAuthenticity(`header of ${wanted.member}: ${bytes} bytes, wanted ${wanted.bytes}`);
}

export const contributionDeadline = (opened: Opened, phase: 1 | 2): number =>
  Date.parse(phase === 1 ? opened.deadlines.contribution1 : opened.deadlines.contribution2);

/** Survivors of a closing record: one member-signed header each, within `allowed`, ≥ q, root and time right. */
export function survivorsOf(
  opened: Opened,
  parties: Parties,
  close: RecordOf<"close">,
  wanted: { allowed: readonly string[]; context: string; bytes: number },
): string[] {
  const members = close.headers.map((header) => header.signer);
  const allowed = new Set(wanted.allowed);
  members.forEach((member, i) => {
    if (i > 0 && members[i - 1]! >= member) refuseAuthenticity("closing set: members must ascend, one header each");
    if (!allowed.has(member)) refuseAuthenticity(`closing set: ${member} may not be in it`);
    assertHeader(parties, close.headers[i]!, {
      ...wanted,
      computation: opened.computation,
      phase: close.phase,
      member,
    });
  });
  if (members.length < opened.constants.quorum) {
    refuseAuthenticity(`closing set: ${members.length} members, at least ${opened.constants.quorum} are needed`);
  }
  if (statementsRoot(close.headers) !== close.root) refuseAuthenticity("closing set: root does not match the headers");
  if ((close.sum !== undefined) !== (close.phase === 1 && usesFingerprints(opened))) {
    refuseAuthenticity("closing set: names a sum exactly where phase 1 is checked by fingerprints");
  }
  const complete = members.length === wanted.allowed.length;
  if (!complete && Date.parse(close.time) < contributionDeadline(opened, close.phase)) {
    refuseAuthenticity("closing set: closed before the deadline without being complete");
  }
  return members;
}

/**
 * q distinct holders signed this digest at this position? Throws naming what is wrong. `vouched` says of a view that its
 * signer told this member so in another way that nobody else can: then its signature is not looked at.
 */
export function assertCommonView(
  opened: Opened,
  parties: Parties,
  views: readonly View[],
  wanted: { phase: 1 | 2; digest: string; position: number; holders: readonly string[] },
  vouched: (signer: string, index: number) => boolean = () => false,
): void {
  const holders = new Set(wanted.holders);
  const signers = new Set<string>();
  for (const [index, view] of views.entries()) {
    const { computation, request, phase, digest, position } = view.statement;
    if (computation !== opened.computation || request !== opened.request || phase !== wanted.phase) {
      refuseAuthenticity(`view of ${view.signer}: for another phase or computation`);
    }
    if (digest !== wanted.digest || position !== wanted.position) {
      refuseAuthenticity(`view of ${view.signer}: of another closing set`);
    }
    if (!holders.has(view.signer) || signers.has(view.signer)) {
      refuseAuthenticity(`view of ${view.signer}: not a holder, or twice`);
    }
    if (!vouched(view.signer, index)) assertSigned(parties, "view", view, view.signer);
    signers.add(view.signer);
  }
  if (signers.size < opened.constants.quorum) {
    refuseAuthenticity(`views: ${signers.size} signers, ${opened.constants.quorum} are needed`);
  }
}
