/** Dealer commitments: leaf hashes under a signed root, and hashes of the self seeds (specification §3). */
import { canonicalJson, sha256 } from "../suites/digest.ts";
import { fromBase64url, toBase64url, utf8 } from "../suites/encoding.ts";
import { merklePaths, merkleRoot, rootFromPath } from "./merkle.ts";
import { type FourShares, SHARINGS, type Sharing } from "./share-box.ts";

const SHARE_LABEL = utf8("sealane/secagg/share/v1\0");

export const shareHash = (share: Uint8Array): string => toBase64url(sha256(SHARE_LABEL, share));

/** Hashes in the order of SHARINGS. */
export const shareHashes = (shares: FourShares): string[] => SHARINGS.map((kind) => shareHash(shares[kind]));

export const leafOf = (context: string, dealer: string, holder: string, hashes: readonly string[]): string =>
  toBase64url(sha256(utf8(canonicalJson({ label: "sealane/secagg/leaf/v1", context, dealer, holder, hashes }))));

export const seedHash = (context: string, phase: 1 | 2, seed: string): string =>
  toBase64url(sha256(utf8(canonicalJson({ label: "sealane/secagg/seed/v1", context, phase, seed }))));

/** What a member commits to in its keys message before anyone reveals (graph of more than 129 members). */
export const nonceHash = (context: string, member: string, nonce: string): string =>
  toBase64url(sha256(utf8(canonicalJson({ label: "sealane/secagg/nonce/v1", context, member, nonce }))));

const bytes = (leaves: readonly string[]) => leaves.map((leaf) => fromBase64url(leaf, "leaf", 32));
export const leavesRoot = (leaves: readonly string[]): string => merkleRoot(bytes(leaves));
export const leafPaths = (leaves: readonly string[]): string[][] => merklePaths(bytes(leaves));

export const leafInRoot = (
  root: string,
  at: { leaf: string; index: number; size: number; path: readonly string[] },
): boolean => rootFromPath(fromBase64url(at.leaf, "leaf", 32), at.index, at.size, at.path) === root;

/** The sharing that unmasks one kind of secret in one phase. */
export const sharingOf = (kind: "pair" | "self", phase: 1 | 2): Sharing => `${kind}${phase}`;
