/** What every rule is and shares: rules check first and put last, so that a rejected transaction changes nothing. */
import { canonicalText, sha256Of } from "./canonical.ts";
import { ContractError, demand } from "./errors.ts";
import type { Host, SignedLike } from "./host.ts";
import { readKey, readMember, readNetwork } from "./keys.ts";
import type { MemberState, NetworkState, Written } from "./records.ts";
import type { TransactionBody, TransactionType } from "./transactions.ts";

/** The active member whose current key signed the transaction. */
export interface Author {
  readonly id: string;
  readonly member: MemberState;
  readonly key: string;
}

/** Throws ContractError before its first put, or puts and resolves. */
export type Rule<T extends TransactionType> = (host: Host, author: Author, body: TransactionBody<T>) => Promise<void>;

export const written = (host: Host): Written => ({ position: host.position, time: host.time });

/** base64url SHA-256 of the RFC 8785 text, as crypto/suites/digest.ts. */
export function digestOf(value: unknown): string {
  const text = canonicalText(value);
  if (text === undefined) throw new ContractError("ERR_CONTRACT_SCHEMA", "no JSON form");
  return sha256Of(text);
}

/** Milliseconds since the epoch. Rejects instants that no calendar has, such as 31 February. */
export function millisOf(instant: string, field: string): number {
  const millis = Date.parse(instant);
  demand(
    !Number.isNaN(millis) && new Date(millis).toISOString().startsWith(instant.slice(0, 19)),
    "ERR_CONTRACT_INSTANT",
    `${field}: expected an instant of the calendar, got ${instant}`,
    field,
  );
  return millis;
}

export async function networkOf(host: Host): Promise<NetworkState> {
  const network = await readNetwork(host.store);
  demand(network !== undefined, "ERR_CONTRACT_NETWORK", "no network is founded on this ledger yet");
  return network;
}

export async function demandOperator(host: Host, author: Author): Promise<NetworkState> {
  const network = await networkOf(host);
  demand(
    author.id === network.operator,
    "ERR_CONTRACT_NOT_PERMITTED",
    `only the operator ${network.operator} may do this, got ${author.id}`,
  );
  return network;
}

export async function activeMember(host: Host, member: string, field: string): Promise<MemberState> {
  const state = await readMember(host.store, member);
  demand(state !== undefined, "ERR_CONTRACT_UNKNOWN_MEMBER", `${field}: ${member} is not a member`, field);
  demand(state.status === "active", "ERR_CONTRACT_MEMBER_INACTIVE", `${field}: ${member} is ${state.status}`, field);
  return state;
}

/** True for a signature by a key of `member` that is not revoked; a replaced key still proves what was said with it. */
export async function isSignedBy(host: Host, member: string, domain: string, signed: SignedLike): Promise<boolean> {
  if (signed.signer !== member) return false;
  const key = await readKey(host.store, signed.key);
  if (key === undefined || key.member !== member || key.state === "revoked" || key.suite !== signed.suite) return false;
  return host.verify(key.publicKey, domain, signed);
}

export function demandParty(author: string, parties: readonly string[], field: string): void {
  demand(
    parties.includes(author),
    "ERR_CONTRACT_NOT_PERMITTED",
    `${field}: only ${parties.join(" or ")} may do this, got ${author}`,
    field,
  );
}

export const providerOf = (asset: string): string => asset.slice(0, asset.indexOf(":"));
