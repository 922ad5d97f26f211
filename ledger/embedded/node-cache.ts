/**
 * Merkle nodes that were read before. Evidence proves some fifty records against one checkpoint, most of them of members
 * and assets that every evidence names: their paths share nearly all nodes, and the lowest are hashed from whole entries.
 */
import type { ReadNode } from "../log/tree.ts";

/** Together less than a mebibyte. */
const MOST_NODES = 4_096;
const LEVELS = 64;

/** Only nodes over acknowledged entries are kept, of which there are `settled()`: what is staged may give way to others. */
export function createNodeCache(read: ReadNode, settled: () => number): ReadNode {
  const kept = new Map<number, Uint8Array>();
  return async (level, index) => {
    const name = index * LEVELS + level;
    const known = kept.get(name);
    if (known !== undefined) return known;
    // Before it is read: what is acknowledged meanwhile may have taken its place.
    const size = settled();
    const hash = await read(level, index);
    if ((index + 1) * 2 ** level > size) return hash;
    if (kept.size >= MOST_NODES) kept.clear();
    kept.set(name, hash);
    return hash;
  };
}
