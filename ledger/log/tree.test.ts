import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashChildren, hashLeaf } from "../../crypto/suites/merkle.ts";
import {
  appendLeaf,
  type CompactRange,
  EMPTY_RANGE,
  emptyRoot,
  loadRange,
  rootAt,
  rootOf,
  subtreesOf,
} from "./tree.ts";
import vectors from "./vectors/rfc6962-trees.json" with { type: "json" };

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

function grow(leaves: readonly Uint8Array[]) {
  const nodes = new Map<string, Uint8Array>();
  const ranges: CompactRange[] = [EMPTY_RANGE];
  for (const leaf of leaves) {
    const next = appendLeaf(ranges.at(-1)!, hashLeaf(leaf));
    for (const node of next.nodes) nodes.set(`${node.level}/${node.index}`, node.hash);
    ranges.push(next.range);
  }
  return { ranges, nodes, read: (level: number, index: number) => nodes.get(`${level}/${index}`)! };
}

// RFC 6962 section 2.1, written as its definition.
function definition(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return emptyRoot();
  if (leaves.length === 1) return hashLeaf(leaves[0]!);
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return hashChildren(definition(leaves.slice(0, k)), definition(leaves.slice(k)));
}

describe("Merkle tree", () => {
  it("gives the roots of the RFC 6962 reference trees at every size", async () => {
    const { ranges, read } = grow(vectors.leaves.map(bytes));
    expect(ranges.map((range) => hex(rootOf(range)))).toEqual(vectors.roots);
    for (const size of ranges.keys()) expect(hex(await rootAt(size, read))).toBe(vectors.roots[size]);
  });

  it("hands the store exactly the complete subtrees of the reference tree", () => {
    const { nodes } = grow(vectors.leaves.map(bytes));
    expect([...nodes.values()].map(hex).sort()).toEqual([...vectors.nodes].sort());
  });

  it("grows to the root that the definition gives, from any restored size", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 70 }),
        fc.nat(),
        async (leaves, seed) => {
          const { ranges, read } = grow(leaves);
          expect(hex(rootOf(ranges.at(-1)!))).toBe(hex(definition(leaves)));
          const size = seed % (leaves.length + 1);
          const restored = await loadRange(size, read);
          const grown = leaves.slice(size).reduce((range, leaf) => appendLeaf(range, hashLeaf(leaf)).range, restored);
          expect(hex(rootOf(grown))).toBe(hex(rootOf(ranges.at(-1)!)));
        },
      ),
      { numRuns: 60 },
    );
  });

  it("addresses subtrees exactly beyond 2^32 leaves", () => {
    const size = 2 ** 40 + 5;
    expect(subtreesOf(0, size)).toEqual([
      { level: 40, index: 0 },
      { level: 2, index: 2 ** 38 },
      { level: 0, index: 2 ** 40 + 4 },
    ]);
  });

  it("leaves the range it grew from unchanged", () => {
    const before = appendLeaf(EMPTY_RANGE, hashLeaf(bytes("01"))).range;
    const root = hex(rootOf(before));
    appendLeaf(before, hashLeaf(bytes("02")));
    expect(hex(rootOf(before))).toBe(root);
    expect(before.size).toBe(1);
  });

  it("refuses a frontier that is too short for its size", () => {
    expect(() => appendLeaf({ size: 3, frontier: [hashLeaf(bytes("00"))] }, hashLeaf(bytes("01")))).toThrow(/frontier/);
  });
});
