/** Members as this node's own replica of the ledger shows them: whose signatures count, and where to reach whom. */
import { readKey, readMember, readMembers, type StateReader } from "../../chaincode/rules/keys.ts";
import type { MemberState } from "../../chaincode/rules/records.ts";
import { readPublicKey } from "../../crypto/suites/suite.ts";
import { PeerError } from "./peer-error.ts";

/** Where and as whom another member is reached. */
export interface PeerTarget {
  readonly member: string;
  /** `https://host:port`, no trailing slash. */
  readonly endpoint: string;
  /** SHA-256 of the DER SubjectPublicKeyInfo of its TLS certificate, base64url. */
  readonly tls: string;
}

export interface MemberDirectory {
  find(member: string): Promise<MemberState | undefined>;
  /** Ascending by id, suspended and expelled ones included. */
  list(): Promise<readonly MemberState[]>;
  /** The raw public key, when the member is active and the key is its current one. */
  publicKey(member: string, key: string): Promise<Uint8Array | undefined>;
  /** The member is active, and the key was its own until the ledger replaced or revoked it. */
  isReplaced(member: string, key: string): Promise<boolean>;
  /** Throws PeerError ERR_PEER_UNKNOWN_MEMBER for a stranger and ERR_PEER_UNREACHABLE for a member without endpoint. */
  target(member: string): Promise<PeerTarget>;
}

export function createMemberDirectory(state: StateReader): MemberDirectory {
  return Object.freeze({
    find: (member: string) => readMember(state, member),
    list: () => readMembers(state),
    async publicKey(member: string, key: string) {
      const [found, keyState] = await Promise.all([readMember(state, member), readKey(state, key)]);
      if (found?.status !== "active" || keyState?.member !== member || keyState.state !== "current") return undefined;
      return readPublicKey(keyState).publicKey;
    },
    async isReplaced(member: string, key: string) {
      const [found, keyState] = await Promise.all([readMember(state, member), readKey(state, key)]);
      return found?.status === "active" && keyState?.member === member && keyState.state !== "current";
    },
    async target(member: string) {
      const found = await readMember(state, member);
      if (found === undefined) {
        throw new PeerError("ERR_PEER_UNKNOWN_MEMBER", `${member}: no such member on the ledger`);
      }
      const { endpoint, tls } = found.record;
      if (endpoint === undefined) {
        throw new PeerError(
          "ERR_PEER_UNREACHABLE",
          `${member}: its record names no endpoint; it only connects outward`,
        );
      }
      return { member, endpoint: endpoint.replace(/\/$/, ""), tls };
    },
  });
}
