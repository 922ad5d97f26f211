/** Inclusion and consistency proofs: made as in RFC 6962 section 2.1, verified as in RFC 9162 section 2.1. */

import { foldInclusion, HASH_BYTES, hashChildren } from "../../crypto/suites/merkle.ts";
import { LogError } from "./errors.ts";
import { assertSize, emptyRoot, type ReadNode, subtreesOf } from "./tree.ts";

/** Hashes from the leaf's sibling up to a child of the root. Throws LogError when index >= size. */
export async function proveInclusion(index: number, size: number, readNode: ReadNode): Promise<Uint8Array[]> {
  assertSize(index, "index");
  assertSize(size, "size");
  if (index >= size) throw new LogError("ERR_LOG_RANGE", `index: ${index} is not in a tree of ${size} leaves`);
  return Promise.all(inclusionRanges(index, 0, size).map((range) => subtreeRoot(range, readNode)));
}

/** Proof that the first `oldSize` leaves are unchanged in the tree of `newSize`; empty when equal or when old is 0. */
export async function proveConsistency(oldSize: number, newSize: number, readNode: ReadNode): Promise<Uint8Array[]> {
  assertSize(oldSize, "old size");
  assertSize(newSize, "new size");
  if (oldSize > newSize) throw new LogError("ERR_LOG_RANGE", `old size: ${oldSize} is larger than ${newSize}`);
  if (oldSize === 0 || oldSize === newSize) return [];
  return Promise.all(consistencyRanges(oldSize, 0, newSize, true).map((range) => subtreeRoot(range, readNode)));
}

export function verifyInclusion(
  proof: { readonly index: number; readonly size: number; readonly path: readonly Uint8Array[] },
  leafHash: Uint8Array,
  root: Uint8Array,
): boolean {
  const folded = foldInclusion(proof.index, proof.size, leafHash, proof.path);
  return folded !== undefined && equal(folded, root);
}

export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/** True when `path` proves that `next` extends `previous`. Malformed input is false, never an exception. */
export function verifyConsistency(previous: TreeHead, next: TreeHead, path: readonly Uint8Array[]): boolean {
  if (!isSize(previous.size) || !isSize(next.size) || previous.size > next.size) return false;
  if (path.some((hash) => hash.length !== HASH_BYTES)) return false;
  // Every tree extends the empty one; its only valid root is the hash of the empty string (RFC 6962 section 2.1).
  if (previous.size === 0) {
    return path.length === 0 && equal(previous.root, emptyRoot()) && (next.size > 0 || equal(next.root, emptyRoot()));
  }
  if (previous.size === next.size) return path.length === 0 && equal(previous.root, next.root);
  return foldConsistency(previous, next, path);
}

function foldConsistency(previous: TreeHead, next: TreeHead, path: readonly Uint8Array[]): boolean {
  // RFC 9162 section 2.1.4.2, steps 1 to 6.
  const [seed, ...rest] = isPowerOfTwo(previous.size) ? [previous.root, ...path] : path;
  if (seed === undefined || (isPowerOfTwo(previous.size) && path.length === 0)) return false;
  let node = previous.size - 1;
  let last = next.size - 1;
  while (node % 2 === 1) {
    node = (node - 1) / 2;
    last = Math.floor(last / 2);
  }
  let oldRoot = seed;
  let newRoot = seed;
  for (const hash of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      oldRoot = hashChildren(hash, oldRoot);
      newRoot = hashChildren(hash, newRoot);
      while (node % 2 === 0 && node !== 0) {
        node /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      newRoot = hashChildren(newRoot, hash);
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && equal(oldRoot, previous.root) && equal(newRoot, next.root);
}

interface LeafRange {
  readonly from: number;
  readonly to: number;
}

// RFC 6962 section 2.1.1: PATH(m, D[n]), sibling of the leaf first.
function inclusionRanges(index: number, from: number, to: number): LeafRange[] {
  if (to - from === 1) return [];
  const split = from + splitOf(to - from);
  return index < split
    ? [...inclusionRanges(index, from, split), { from: split, to }]
    : [...inclusionRanges(index, split, to), { from, to: split }];
}

// RFC 6962 section 2.1.2: SUBPROOF(m, D[n], b).
function consistencyRanges(oldSize: number, from: number, to: number, whole: boolean): LeafRange[] {
  if (oldSize === to) return whole ? [] : [{ from, to }];
  const split = from + splitOf(to - from);
  return oldSize <= split
    ? [...consistencyRanges(oldSize, from, split, whole), { from: split, to }]
    : [...consistencyRanges(oldSize, split, to, false), { from, to: split }];
}

async function subtreeRoot({ from, to }: LeafRange, readNode: ReadNode): Promise<Uint8Array> {
  const nodes = await Promise.all(subtreesOf(from, to).map(({ level, index }) => readNode(level, index)));
  return nodes.reduceRight((right, left) => hashChildren(left, right));
}

/** RFC 6962 section 2.1: the largest power of two smaller than n (n > 1). */
function splitOf(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

const isSize = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
const isPowerOfTwo = (n: number): boolean => splitOf(n) * 2 === n || n === 1;
const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
