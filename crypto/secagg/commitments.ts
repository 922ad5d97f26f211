/** Dealer commitments: leaf hashes, and hashes of the self seeds (specification §3). */
import { hash } from "node:crypto";
import { digestOf } from "../suites/digest.ts";
import { concat, utf8 } from "../suites/encoding.ts";
import { type FourShares, SHARINGS, type Sharing } from "./share-box.ts";

const SHARE_LABEL = utf8("sealane/secagg/share/v1\0");

export const shareHash = (share: Uint8Array): string => hash("sha256", concat(SHARE_LABEL, share), "base64url");

/** Hashes in the order of SHARINGS. */
export const shareHashes = (shares: FourShares): string[] => SHARINGS.map((kind) => shareHash(shares[kind]));

export const leafOf = (context: string, dealer: string, holder: string, hashes: readonly string[]): string =>
  digestOf({ context, dealer, hashes, holder, label: "sealane/secagg/leaf/v1" });

export const seedHash = (context: string, phase: 1 | 2, seed: string): string =>
  digestOf({ context, label: "sealane/secagg/seed/v1", phase, seed });

/** What a member commits to in its keys message before anyone reveals (graph of more than 129 members). */
export const nonceHash = (context: string, member: string, nonce: string): string =>
  digestOf({ context, label: "sealane/secagg/nonce/v1", member, nonce });

/** The sharing that unmasks one kind of secret in one phase. */
export const sharingOf = (kind: "pair" | "self", phase: 1 | 2): Sharing => `${kind}${phase}`;
