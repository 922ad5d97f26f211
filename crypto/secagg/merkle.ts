/** Trees of RFC 6962 over what members sign and deal, as roots and paths travel: base64url. */
import { canonicalJson, sha256 } from "../suites/digest.ts";
import { fromBase64url, toBase64url } from "../suites/encoding.ts";
import { foldInclusion, hashLeaf, hashLeafText, treeOf } from "../suites/merkle.ts";

// RFC 6962 section 2.1: the hash of an empty list is that of an empty string.
const rootOf = (hashes: readonly Uint8Array[]): string =>
  toBase64url(hashes.length === 0 ? sha256() : treeOf(hashes).root);

/** Root over leaves of which only the hashes are at hand. */
export const rootOfHashes = (leafHashes: readonly string[]): string =>
  rootOf(leafHashes.map((hash) => fromBase64url(hash, "leaf", 32)));

/** Root over statements: leaves are their RFC 8785 texts. */
export const statementsRoot = (statements: readonly unknown[]): string =>
  rootOf(statements.map((statement) => hashLeafText(canonicalJson(statement))));

const hashes = (leaves: readonly string[]) => leaves.map((leaf) => hashLeaf(fromBase64url(leaf, "leaf", 32)));

/** Root over leaves of 32 bytes each. */
export const leavesRoot = (leaves: readonly string[]): string => rootOf(hashes(leaves));

/** Siblings of every leaf on its way up, lowest first. */
export const leafPaths = (leaves: readonly string[]): string[][] =>
  leaves.length === 0 ? [] : treeOf(hashes(leaves)).paths.map((path) => path.map(toBase64url));

export function leafInRoot(
  root: string,
  at: { readonly leaf: string; readonly index: number; readonly size: number; readonly path: readonly string[] },
): boolean {
  const leaf = hashLeaf(fromBase64url(at.leaf, "leaf", 32));
  const path = at.path.map((sibling) => fromBase64url(sibling, "path", 32));
  const found = foldInclusion(at.index, at.size, leaf, path);
  return found !== undefined && toBase64url(found) === root;
}
