/** Merkle tree hash and audit paths of RFC 6962 section 2.1. Leaves are byte strings; digests travel as base64url. */
import { canonicalJson, sha256 } from "../suites/digest.ts";
import { fromBase64url, toBase64url, utf8 } from "../suites/encoding.ts";

const LEAF = new Uint8Array([0]);
const NODE = new Uint8Array([1]);
const leafHash = (leaf: Uint8Array): Uint8Array => sha256(LEAF, leaf);
const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(NODE, left, right);
/** Largest power of two below `size`. */
const split = (size: number): number => 2 ** Math.floor(Math.log2(size - 1));

/** Hash of a subtree; appends each leaf's siblings, lowest first, to its path where paths are wanted. */
function subtree(hashes: readonly Uint8Array[], paths?: readonly Uint8Array[][]): Uint8Array {
  if (hashes.length === 1) return hashes[0]!;
  const k = split(hashes.length);
  const left = subtree(hashes.slice(0, k), paths?.slice(0, k));
  const right = subtree(hashes.slice(k), paths?.slice(k));
  paths?.forEach((path, i) => {
    path.push(i < k ? right : left);
  });
  return nodeHash(left, right);
}

export const merkleRoot = (leaves: readonly Uint8Array[]): string =>
  toBase64url(leaves.length === 0 ? sha256() : subtree(leaves.map(leafHash)));

/** Audit path of every leaf: siblings from the leaf upwards. */
export function merklePaths(leaves: readonly Uint8Array[]): string[][] {
  const paths = leaves.map((): Uint8Array[] => []);
  if (leaves.length > 0) subtree(leaves.map(leafHash), paths);
  return paths.map((path) => path.map(toBase64url));
}

/** Root that `leaf` at `index` of `size` leaves and its path lead to; undefined where the path has the wrong length. */
export function rootFromPath(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly string[],
): string | undefined {
  if (!(index >= 0 && index < size)) return undefined;
  const climb = (position: number, count: number, depth: number): Uint8Array | undefined => {
    if (count === 1) return depth === 0 ? leafHash(leaf) : undefined;
    if (depth === 0) return undefined;
    const sibling = fromBase64url(path[depth - 1]!, "path", 32);
    const k = split(count);
    const inLeft = position < k;
    const below = inLeft ? climb(position, k, depth - 1) : climb(position - k, count - k, depth - 1);
    if (below === undefined) return undefined;
    return inLeft ? nodeHash(below, sibling) : nodeHash(sibling, below);
  };
  const root = climb(index, size, path.length);
  return root === undefined ? undefined : toBase64url(root);
}

/** Root over statements: leaves are their RFC 8785 texts. */
export const statementsRoot = (statements: readonly unknown[]): string =>
  merkleRoot(statements.map((statement) => utf8(canonicalJson(statement))));
