/**
 * What entries add to the log: leaf texts and the Merkle nodes that they complete, as writes to the store. The lowest
 * nodes are not kept: they are hashed again from their entries where a proof needs them.
 */
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { HASH_BYTES, hashLeafText } from "../../crypto/suites/merkle.ts";
import { appendLeaf, type CompactRange, EMPTY_RANGE, type ReadNode, rootOf, type TreeNode } from "../log/tree.ts";
import { layout } from "./layout.ts";
import type { LogStore, StoreOperation } from "./store.ts";

export interface Grown {
  readonly range: CompactRange;
  /** Of the entries, in order. */
  readonly texts: readonly string[];
  readonly nodes: readonly TreeNode[];
}

/** `texts` are the leaves. */
export function growLog(start: CompactRange, texts: readonly string[]): Grown {
  const nodes: TreeNode[] = [];
  let range = start;
  for (const text of texts) {
    const added = appendLeaf(range, hashLeafText(text));
    range = added.range;
    nodes.push(...added.nodes);
  }
  return { range, texts, nodes };
}

/** Level of the lowest nodes that are kept. */
const LOWEST = 2;

export const appendOperations = (from: number, { texts, nodes }: Grown): StoreOperation[] => [
  ...texts.map((value, at) => ({ type: "put", key: layout.entry(from + at), value }) as const),
  ...nodes
    .filter(({ level }) => level >= LOWEST)
    .map(
      ({ level, index, hash }) => ({ type: "put", key: layout.node(level, index), value: toBase64url(hash) }) as const,
    ),
];

/** Reads Merkle nodes from a store. `missing` makes the error for one that is not there. */
export function nodeReader(store: LogStore, missing: (what: string) => Error): ReadNode {
  return async (level, index) => {
    if (level < LOWEST) return hashEntries(level, index);
    const hash = await store.get(layout.node(level, index));
    if (hash === undefined) throw missing(`Merkle node ${level}/${index}`);
    return fromBase64url(hash, "node", HASH_BYTES);
  };

  async function hashEntries(level: number, index: number): Promise<Uint8Array> {
    let range = EMPTY_RANGE;
    for (let at = index * 2 ** level; at < (index + 1) * 2 ** level; at += 1) {
      const text = await store.get(layout.entry(at));
      if (text === undefined) throw missing(`entry ${at}`);
      range = appendLeaf(range, hashLeafText(text)).range;
    }
    return rootOf(range);
  }
}
