/** What entries add to the log: leaf texts and the Merkle nodes that they complete, as writes to the store. */
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { hashLeafText } from "../../crypto/suites/merkle.ts";
import { appendLeaf, type CompactRange, type TreeNode } from "../log/tree.ts";
import { layout } from "./layout.ts";
import type { StoreOperation } from "./store.ts";

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

export const appendOperations = (from: number, { texts, nodes }: Grown): StoreOperation[] => [
  ...texts.map((value, at) => ({ type: "put", key: layout.entry(from + at), value }) as const),
  ...nodes.map(
    ({ level, index, hash }) => ({ type: "put", key: layout.node(level, index), value: toBase64url(hash) }) as const,
  ),
];
