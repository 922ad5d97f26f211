/** Applications for membership: what an applicant signs, and how the operator takes it in, admits or refuses. */
import type { Static } from "typebox";
import { Compile } from "typebox/compile";
import { readMember, readNetworkSuite } from "../../../chaincode/rules/keys.ts";
import { MemberRecord } from "../../../chaincode/rules/transactions.ts";
import { Code, closed, signed } from "../../../chaincode/rules/vocabulary.ts";
import { digestOf } from "../../../crypto/suites/digest.ts";
import { verifySigned } from "../../../crypto/suites/signed.ts";
import { readPublicKey } from "../../../crypto/suites/suite.ts";
import { transaction } from "../../../exchange/requests/record.ts";
import type { LedgerEntry } from "../../../ledger/port.ts";
import type { RecordStore } from "../../store/records.ts";
import type { NodeServices } from "../services.ts";
import { demandOperator, openInvitations, tokenDigest } from "./invitation.ts";
import { NetworkError } from "./network-error.ts";

export const Application = signed(closed({ network: Code, member: MemberRecord }));
export type Application = Static<typeof Application>;

export const APPLICATION_STATES = ["waiting", "admitted", "refused"] as const;

export interface ReceivedApplication {
  readonly application: Application;
  readonly receivedAt: string;
  readonly state: (typeof APPLICATION_STATES)[number];
  /** Code of a refusal. */
  readonly reason?: string;
}

type Deps = Pick<NodeServices, "ledger" | "member" | "network" | "now" | "openStore">;

export const openApplications = (services: Pick<NodeServices, "openStore">): RecordStore<ReceivedApplication> =>
  services.openStore<ReceivedApplication>("applications");

const check = Compile(Application);

/**
 * Takes in an application under an unused invitation and returns its id (the digest). The same application under the
 * same invitation is answered again, so that an applicant may repeat after a lost answer.
 */
export async function receiveApplication(
  services: Deps,
  received: { readonly token: string; readonly application: unknown },
): Promise<{ readonly id: string; readonly state: ReceivedApplication["state"] }> {
  const application = verified(received.application, services.network);
  const id = digestOf(application);
  const invitations = openInvitations(services);
  const applications = openApplications(services);
  const invitationId = tokenDigest(received.token);
  const invitation = await invitations.get(invitationId);
  if (invitation === undefined) {
    throw new NetworkError(
      "ERR_NETWORK_INVITATION_INVALID",
      "invitation: unknown token; ask the operator for a new one",
    );
  }
  if (invitation.usedFor === id) return { id, state: (await applications.get(id))?.state ?? "waiting" };
  if (invitation.usedFor !== undefined) {
    throw new NetworkError("ERR_NETWORK_INVITATION_USED", "invitation: already used for another application");
  }
  if (invitation.expiresAt <= services.now()) {
    throw new NetworkError("ERR_NETWORK_INVITATION_EXPIRED", `invitation: expired at ${invitation.expiresAt}`);
  }
  const { id: member, identity } = application.statement.member;
  const suite = await readNetworkSuite(services.ledger);
  if (identity.suite !== suite) {
    const wanted = `member.identity.suite: keys of this network are of suite ${suite}, got ${identity.suite}`;
    throw new NetworkError("ERR_NETWORK_APPLICATION_INVALID", `${wanted}; make the node with --suite ${suite}`);
  }
  if ((await readMember(services.ledger, member)) !== undefined) {
    throw new NetworkError("ERR_NETWORK_MEMBER_EXISTS", `member.id: ${member} is a member already; choose another id`);
  }
  // The operator admits by member id: nothing may take the place of what it has looked at.
  if ((await waitingUnder(services, member)).some(([waiting]) => waiting !== id)) {
    throw new NetworkError(
      "ERR_NETWORK_MEMBER_EXISTS",
      `member.id: another application for ${member} waits; ask the operator to refuse it first`,
    );
  }
  await applications.put(id, { application, receivedAt: services.now(), state: "waiting" });
  await invitations.put(invitationId, { ...invitation, usedFor: id });
  return { id, state: "waiting" };
}

/** What was applied for must be signed with the very key it brings. */
function verified(value: unknown, network: string): Application {
  const invalid = (message: string) => new NetworkError("ERR_NETWORK_APPLICATION_INVALID", `application: ${message}`);
  if (!check.Check(value)) throw invalid(`${check.Errors(value)[0]?.instancePath} ${check.Errors(value)[0]?.message}`);
  const { statement } = value;
  if (statement.network !== network) throw invalid(`network: expected ${network}, got ${statement.network}`);
  const { identity } = statement.member;
  const own = value.signer === statement.member.id && value.key === identity.key;
  if (!own || !isSignedBy(identity, value)) throw invalid("signature: does not verify under its own key");
  return value;
}

function isSignedBy(identity: Application["statement"]["member"]["identity"], value: Application): boolean {
  try {
    return verifySigned(readPublicKey(identity).publicKey, "application", value);
  } catch {
    return false;
  }
}

/** State for the polling applicant; the ledger decides, so an admission outside this node's store counts too. */
export async function applicationState(
  services: Deps,
  id: string,
): Promise<{ readonly state: ReceivedApplication["state"]; readonly reason?: string }> {
  const found = await openApplications(services).get(id);
  if (found === undefined) throw new NetworkError("ERR_NETWORK_APPLICATION_UNKNOWN", `application ${id}: unknown`);
  const { member } = found.application.statement;
  const state = await readMember(services.ledger, member.id);
  if (state?.record.identity.key === member.identity.key) return { state: "admitted" };
  return { state: found.state, ...(found.reason === undefined ? {} : { reason: found.reason }) };
}

type Waiting = readonly [id: string, received: ReceivedApplication];

async function waitingUnder(services: Pick<Deps, "openStore">, member: string): Promise<readonly Waiting[]> {
  const found: Waiting[] = [];
  for await (const [id, received] of openApplications(services).entries()) {
    if (received.application.statement.member.id === member && received.state === "waiting") found.push([id, received]);
  }
  return found;
}

async function waitingOf(services: Deps, member: string): Promise<Waiting> {
  const [waiting] = await waitingUnder(services, member);
  if (waiting !== undefined) return waiting;
  throw new NetworkError("ERR_NETWORK_APPLICATION_UNKNOWN", `${member}: no waiting application`);
}

export async function admitMember(
  services: Deps & Pick<NodeServices, "identity">,
  member: string,
): Promise<LedgerEntry> {
  await demandOperator(services);
  const [id, received] = await waitingOf(services, member);
  const body = { application: received.application };
  const [entry] = await services.ledger.submit([transaction(services, "member.admit", body, id)]);
  await openApplications(services).put(id, { ...received, state: "admitted" });
  return entry!;
}

export async function refuseApplication(services: Deps, member: string, reason: string): Promise<void> {
  await demandOperator(services);
  const [id, received] = await waitingOf(services, member);
  await openApplications(services).put(id, { ...received, state: "refused", reason });
}
