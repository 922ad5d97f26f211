/** Invitations: what the operator hands an organisation so that it can find, trust and address the network. */
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { readMember, readNetwork } from "../../../chaincode/rules/keys.ts";
import type { TransactionBody } from "../../../chaincode/rules/transactions.ts";
import { Bytes32, Code, closed, Digest, Instant, MemberId, PublicKey } from "../../../chaincode/rules/vocabulary.ts";
import { sha256 } from "../../../crypto/suites/digest.ts";
import { toBase64url, utf8 } from "../../../crypto/suites/encoding.ts";
import type { Ledger } from "../../../ledger/port.ts";
import type { RecordStore } from "../../store/records.ts";
import type { NodeServices } from "../services.ts";
import { NetworkError } from "./network-error.ts";

const HOUR_MS = 3_600_000;

/** The invitation file. It carries a one-time token: keep it 0600 and hand it over on a trusted way. */
export const Invitation = closed({
  format: Type.Literal("sealane/invitation/v1"),
  network: Code,
  sequencer: closed({
    member: MemberId,
    /** The trust anchor: the founder's key at the founding. A joining replica accepts only a ledger that begins with it. */
    publicKey: PublicKey,
    tls: Digest,
    endpoint: Type.String({ pattern: "^https://", maxLength: 200 }),
  }),
  token: Bytes32,
  expiresAt: Instant,
});
export type Invitation = Static<typeof Invitation>;

/** Kept by the operator under the digest of the token; the token itself is not kept. */
export interface IssuedInvitation {
  readonly expiresAt: string;
  readonly note: string;
  /** Digest of the one application it was used for. */
  readonly usedFor?: string;
}

export const openInvitations = (services: Pick<NodeServices, "openStore">): RecordStore<IssuedInvitation> =>
  services.openStore<IssuedInvitation>("invitations");

export const tokenDigest = (token: string): string => toBase64url(sha256(utf8(`sealane/invitation/v1\n${token}`)));

const check = Compile(Invitation);

/** Throws NetworkError ERR_NETWORK_INVITATION_INVALID or _EXPIRED. */
export function parseInvitation(value: unknown, now: string): Invitation {
  if (!check.Check(value)) {
    const first = check.Errors(value)[0];
    throw new NetworkError(
      "ERR_NETWORK_INVITATION_INVALID",
      `invitation: ${first?.instancePath || "/"} ${first?.message ?? ""}; ask the operator for a new file`,
    );
  }
  if (value.expiresAt <= now) {
    throw new NetworkError(
      "ERR_NETWORK_INVITATION_EXPIRED",
      `invitation: expired at ${value.expiresAt}, now ${now}; ask the operator for a new one`,
    );
  }
  return value;
}

/** Throws NetworkError ERR_NETWORK_NOT_OPERATOR on any other node. */
export async function createInvitation(
  services: Pick<NodeServices, "ledger" | "member" | "network" | "now" | "random" | "openStore">,
  options: { readonly expiresInHours: number; readonly note: string },
): Promise<Invitation> {
  await demandOperator(services);
  const network = await readNetwork(services.ledger);
  const sequencer = await readMember(services.ledger, network!.sequencer);
  const { tls, endpoint } = sequencer!.record;
  if (endpoint === undefined) {
    throw new NetworkError("ERR_NETWORK_NO_ENDPOINT", `${network!.sequencer}: the sequencer's record has no endpoint`);
  }
  const token = toBase64url(services.random(32));
  const expiresAt = new Date(Date.parse(services.now()) + options.expiresInHours * HOUR_MS).toISOString();
  await openInvitations(services).put(tokenDigest(token), { expiresAt, note: options.note });
  return {
    format: "sealane/invitation/v1",
    network: services.network,
    sequencer: { member: network!.sequencer, publicKey: await foundingKey(services.ledger), tls, endpoint },
    token,
    expiresAt,
  };
}

/** The key that signed the first checkpoint: an empty replica starts from it and follows every later change itself. */
async function foundingKey(ledger: Pick<Ledger, "entries">): Promise<string> {
  for await (const { transaction } of ledger.entries(0, 1)) {
    return (transaction.statement.body as TransactionBody<"network.found">).founder.identity.publicKey;
  }
  throw new NetworkError("ERR_NETWORK_NONE", "ledger: holds no founding record");
}

export async function demandOperator(services: Pick<NodeServices, "ledger" | "member">): Promise<void> {
  const network = await readNetwork(services.ledger);
  if (network?.operator === services.member) return;
  throw new NetworkError("ERR_NETWORK_NOT_OPERATOR", `only ${network?.operator ?? "the operator"} may do this`);
}
