/** Hashes of RFC 6962 section 2.1 over SHA-256, and the way from a leaf to its root as in RFC 9162 section 2.1.3.2. */
import { createHash, hash } from "node:crypto";

export const HASH_BYTES = 32;

const LEAF_PREFIX = Uint8Array.of(0);

// RFC 6962 section 2.1: MTH({d(0)}) = SHA-256(0x00 || d(0)).
export const hashLeaf = (leaf: Uint8Array): Uint8Array =>
  new Uint8Array(createHash("sha256").update(LEAF_PREFIX).update(leaf).digest());

/** The same for a leaf that is UTF-8 text, in a third of the time. */
export const hashLeafText = (leaf: string): Uint8Array => bytesOf(hash("sha256", `\0${leaf}`, "binary"));

/** As base64url. */
export const leafHashText = (leaf: string): string => hash("sha256", `\0${leaf}`, "base64url");

// RFC 6962 section 2.1: MTH(D[n]) = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n])).
const children = Buffer.alloc(1 + 2 * HASH_BYTES).fill(1, 0, 1);
/** Both are hashes of 32 bytes. */
export function hashChildren(left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES) throw new RangeError("node: expected 32 bytes");
  children.set(left, 1);
  children.set(right, 1 + HASH_BYTES);
  return bytesOf(hash("sha256", children, "binary"));
}

const HASH_TEXT = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/** The same of hashes as base64url, and as such. Throws RangeError for what is not the one text of 32 bytes. */
export function hashChildrenText(left: string, right: string): string {
  if (!HASH_TEXT.test(left) || !HASH_TEXT.test(right)) throw new RangeError("node: expected 32 bytes in base64url");
  children.write(left, 1, HASH_BYTES, "base64url");
  children.write(right, 1 + HASH_BYTES, HASH_BYTES, "base64url");
  return hash("sha256", children, "base64url");
}

/** A text of one byte a character costs half of what a buffer of its own does. */
const bytesOf = (latin1: string): Uint8Array => new Uint8Array(Buffer.from(latin1, "binary"));

/** The root that `path` leads to from this leaf hash, or undefined when the path does not fit (index, size). */
export function foldInclusion(
  index: number,
  size: number,
  leafHash: Uint8Array,
  path: readonly Uint8Array[],
): Uint8Array | undefined {
  // RFC 9162 section 2.1.3.2, step 1.
  if (!isSize(index) || !isSize(size) || index >= size) return undefined;
  if (leafHash.length !== HASH_BYTES || path.some((node) => node.length !== HASH_BYTES)) return undefined;
  let node = index;
  let last = size - 1;
  let root = leafHash;
  for (const sibling of path) {
    if (last === 0) return undefined;
    if (node % 2 === 1 || node === last) {
      root = hashChildren(sibling, root);
      while (node % 2 === 0 && node !== 0) {
        node /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      root = hashChildren(root, sibling);
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? root : undefined;
}

/** Root of the tree over these leaf hashes, at least one, and the siblings on the way up of each, lowest first. */
export function treeOf(leafHashes: readonly Uint8Array[]): {
  readonly root: Uint8Array;
  readonly paths: readonly (readonly Uint8Array[])[];
} {
  const paths = leafHashes.map((): Uint8Array[] => []);
  const rootOfRange = (from: number, to: number): Uint8Array => {
    if (to - from === 1) return leafHashes[from]!;
    // RFC 6962 section 2.1: the largest power of two below the number of leaves.
    const split = from + 2 ** Math.floor(Math.log2(to - from - 1));
    const left = rootOfRange(from, split);
    const right = rootOfRange(split, to);
    for (let at = from; at < to; at += 1) paths[at]!.push(at < split ? right : left);
    return hashChildren(left, right);
  };
  return { root: rootOfRange(0, leafHashes.length), paths };
}

const isSize = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
