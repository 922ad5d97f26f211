/** Places in a batch of statements under one signature: an RFC 6962 tree over their signing texts. */
import { fromBase64url, toBase64url } from "./encoding.ts";
import { foldInclusion, HASH_BYTES, hashChildrenText, leafHashText } from "./merkle.ts";

/** A leaf of the tree whose root is signed, and the siblings on its way up, lowest first, base64url. */
export interface BatchPlace {
  readonly index: number;
  readonly size: number;
  readonly path: readonly string[];
}

/** Statements under one signature. */
export const MAX_BATCH = 64;

/**
 * The root that `leaf` leads to from its place, base64url. Throws RangeError where the path does not fit. `name` is
 * shared by the statements of one batch: what was hashed for one of them need not be hashed for the next.
 */
export function batchRoot(name: string, leaf: string, { index, size, path }: BatchPlace): string {
  if (!(size >= 2 && size <= MAX_BATCH)) throw new RangeError(`batch: expected 2 to ${MAX_BATCH} statements`);
  const hash = leafHashText(leaf);
  if (2 ** path.length === size && index < size) return perfectRoot(name, hash, index, path);
  const siblings = path.map((sibling) => bytesOf(sibling));
  const root = foldInclusion(index, size, bytesOf(hash), siblings);
  if (root === undefined) throw new RangeError("batch: the path does not fit its place");
  return toBase64url(root);
}

/** Nodes that are known to lead to `root`, by level and index. */
interface KnownTree {
  readonly root: string;
  readonly nodes: Map<number, string>;
}

const KNOWN_TREES = 256;
const known = new Map<string, KnownTree>();
const place = (level: number, index: number): number => level * MAX_BATCH + index;

const bytesOf = (node: string): Uint8Array => fromBase64url(node, "path", HASH_BYTES);

function perfectRoot(name: string, leafHash: string, index: number, path: readonly string[]): string {
  if (!Number.isInteger(index) || index < 0) throw new RangeError("batch: the path does not fit its place");
  // With the size: nodes of a tree of another one may stand under the same signature, and its root is none of this.
  const shared = `${2 ** path.length} ${name}`;
  const tree = known.get(shared);
  const climbed = new Map<number, string>();
  let hash = leafHash;
  for (const [level, sibling] of path.entries()) {
    const node = index >> level;
    if (tree?.nodes.get(place(level, node)) === hash && leadsUp(tree, index, level, path)) {
      for (const [at, value] of climbed) tree.nodes.set(at, value);
      return tree.root;
    }
    climbed.set(place(level, node), hash);
    climbed.set(place(level, node ^ 1), sibling);
    const [left, right] = node % 2 === 1 ? [sibling, hash] : [hash, sibling];
    hash = hashChildrenText(left, right);
  }
  if (tree?.root !== hash) {
    if (known.size >= KNOWN_TREES) known.clear();
    known.set(shared, { root: hash, nodes: climbed });
  }
  return hash;
}

/** Whether the siblings from `level` up are those of the known tree. */
const leadsUp = (tree: KnownTree, index: number, level: number, path: readonly string[]): boolean =>
  path.every((sibling, at) => at < level || tree.nodes.get(place(at, (index >> at) ^ 1)) === sibling);
