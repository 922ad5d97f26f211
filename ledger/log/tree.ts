/**
 * Merkle tree of RFC 6962 section 2.1 over SHA-256, grown leaf by leaf.
 *
 * Complete subtrees are addressed as (level, index): the 2^level leaves from index * 2^level on. They never change once
 * written, so a store keeps exactly the nodes that `appendLeaf` returns. Sizes go up to 2^53 - 1.
 */
import { createHash } from "node:crypto";
import { hashChildren } from "../../crypto/suites/merkle.ts";
import { LogError } from "./errors.ts";

export interface NodeAddress {
  readonly level: number;
  readonly index: number;
}

export interface TreeNode extends NodeAddress {
  readonly hash: Uint8Array;
}

/** Answers the hash of a complete subtree; rejects or throws when the store lacks it. */
export type ReadNode = (level: number, index: number) => Uint8Array | Promise<Uint8Array>;

/** Everything needed to grow a tree: the complete subtrees of `size` leaves, largest first. */
export interface CompactRange {
  readonly size: number;
  readonly frontier: readonly Uint8Array[];
}

export const EMPTY_RANGE: CompactRange = Object.freeze({ size: 0, frontier: Object.freeze([]) });

/** RFC 6962 section 2.1: the hash of an empty list is the hash of an empty string. */
export const emptyRoot = (): Uint8Array => new Uint8Array(createHash("sha256").digest());

/** The range with one leaf hash more, and the subtrees this leaf completed (leaf first), which the store must keep. */
export function appendLeaf(
  range: CompactRange,
  leafHash: Uint8Array,
): { readonly range: CompactRange; readonly nodes: readonly TreeNode[] } {
  const frontier = [...range.frontier];
  let node: TreeNode = { level: 0, index: range.size, hash: leafHash };
  const nodes = [node];
  while (node.index % 2 === 1) {
    const left = frontier.pop();
    if (left === undefined) throw new LogError("ERR_LOG_RANGE", `frontier: too short for size ${range.size}`);
    node = { level: node.level + 1, index: (node.index - 1) / 2, hash: hashChildren(left, node.hash) };
    nodes.push(node);
  }
  frontier.push(node.hash);
  return { range: { size: range.size + 1, frontier }, nodes };
}

export function rootOf(range: CompactRange): Uint8Array {
  const smallest = range.frontier.at(-1);
  if (smallest === undefined) return emptyRoot();
  return range.frontier.slice(0, -1).reduceRight((right, left) => hashChildren(left, right), smallest);
}

/** Complete subtrees that tile the leaves [from, to) from left to right; `from` is aligned as RFC 6962 splits give it. */
export function subtreesOf(from: number, to: number): NodeAddress[] {
  const addresses: NodeAddress[] = [];
  let start = from;
  while (start < to) {
    let level = 0;
    let width = 1;
    while (start % (width * 2) === 0 && start + width * 2 <= to) {
      width *= 2;
      level += 1;
    }
    addresses.push({ level, index: start / width });
    start += width;
  }
  return addresses;
}

/** Restores the compact range of a tree of `size` leaves from its store. */
export async function loadRange(size: number, readNode: ReadNode): Promise<CompactRange> {
  assertSize(size, "size");
  const frontier = await Promise.all(subtreesOf(0, size).map(({ level, index }) => readNode(level, index)));
  return { size, frontier };
}

export async function rootAt(size: number, readNode: ReadNode): Promise<Uint8Array> {
  return rootOf(await loadRange(size, readNode));
}

export function assertSize(value: number, label: string): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new LogError("ERR_LOG_RANGE", `${label}: expected an integer from 0 to 2^53 - 1, got ${value}`);
  }
}
