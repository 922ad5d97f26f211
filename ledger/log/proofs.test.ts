import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashLeaf } from "../../crypto/suites/merkle.ts";
import { proveConsistency, proveInclusion, verifyConsistency, verifyInclusion } from "./proofs.ts";
import { appendLeaf, type CompactRange, EMPTY_RANGE, emptyRoot, rootOf } from "./tree.ts";
import argon from "./vectors/argon2020.json" with { type: "json" };
import vectors from "./vectors/rfc6962-trees.json" with { type: "json" };

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const fromHex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const fromBase64 = (text: string) => new Uint8Array(Buffer.from(text, "base64"));
const flip = (hash: Uint8Array) => hash.map((byte, at) => (at === 5 ? byte ^ 1 : byte));

const SIZE = 70;
const nodes = new Map<string, Uint8Array>();
const roots: Uint8Array[] = [emptyRoot()];
const leaves: Uint8Array[] = [];
let range: CompactRange = EMPTY_RANGE;
for (let i = 0; i < SIZE; i++) {
  leaves.push(hashLeaf(Uint8Array.of(i)));
  const next = appendLeaf(range, leaves[i]!);
  for (const node of next.nodes) nodes.set(`${node.level}/${node.index}`, node.hash);
  range = next.range;
  roots.push(rootOf(range));
}
const read = (level: number, index: number) => {
  const hash = nodes.get(`${level}/${index}`);
  if (hash === undefined) throw new Error(`node ${level}/${index} is not stored`);
  return hash;
};

describe("published proofs", () => {
  const inputs = vectors.leaves.map((leaf) => hashLeaf(fromHex(leaf)));
  const stored = new Map<string, Uint8Array>();
  inputs.reduce((grown, leaf) => {
    const next = appendLeaf(grown, leaf);
    for (const node of next.nodes) stored.set(`${node.level}/${node.index}`, node.hash);
    return next.range;
  }, EMPTY_RANGE);
  const readStored = (level: number, index: number) => stored.get(`${level}/${index}`)!;

  it.each(vectors.inclusion)("makes and verifies the reference inclusion proof of $index in $size", async (vector) => {
    const path = await proveInclusion(vector.index, vector.size, readStored);
    expect(path.map(hex)).toEqual(vector.path);
    expect(verifyInclusion({ ...vector, path }, inputs[vector.index]!, fromHex(vectors.roots[vector.size]!))).toBe(
      true,
    );
  });

  it.each(vectors.consistency)("makes and verifies the reference consistency proof $from to $to", async (vector) => {
    const path = await proveConsistency(vector.from, vector.to, readStored);
    expect(path.map(hex)).toEqual(vector.path);
    const head = (size: number) => ({ size, root: fromHex(vectors.roots[size]!) });
    expect(verifyConsistency(head(vector.from), head(vector.to), path)).toBe(true);
  });

  it("verifies a real certificate transparency log: inclusion and consistency of Argon 2020", () => {
    const root = fromBase64(argon.root);
    const leaf = hashLeaf(fromBase64(argon.leaf));
    const path = argon.path.map(fromBase64);
    expect(verifyInclusion({ index: argon.index, size: argon.size, path }, leaf, root)).toBe(true);
    expect(verifyInclusion({ index: argon.index + 1, size: argon.size, path }, leaf, root)).toBe(false);
    const old = { size: argon.oldSize, root: fromBase64(argon.oldRoot) };
    const proof = argon.consistency.map(fromBase64);
    expect(verifyConsistency(old, { size: argon.size, root }, proof)).toBe(true);
    expect(verifyConsistency({ ...old, size: old.size - 1 }, { size: argon.size, root }, proof)).toBe(false);
  });
});

describe("inclusion proofs", () => {
  it("hold for every leaf of every size, and only for that leaf, index, size and root", async () => {
    for (let size = 1; size <= SIZE; size++) {
      for (let index = 0; index < size; index++) {
        const path = await proveInclusion(index, size, read);
        const proof = { index, size, path };
        const root = roots[size]!;
        expect(verifyInclusion(proof, leaves[index]!, root)).toBe(true);
        expect(verifyInclusion(proof, flip(leaves[index]!), root)).toBe(false);
        expect(verifyInclusion(proof, leaves[index]!, flip(root))).toBe(false);
        expect(verifyInclusion({ ...proof, path: [...path, root] }, leaves[index]!, root)).toBe(false);
        if (path.length > 0) {
          expect(verifyInclusion({ ...proof, path: path.slice(1) }, leaves[index]!, root)).toBe(false);
          expect(verifyInclusion({ ...proof, path: path.map(flip) }, leaves[index]!, root)).toBe(false);
        }
        if (index > 0) expect(verifyInclusion({ ...proof, index: index - 1 }, leaves[index]!, root)).toBe(false);
      }
    }
  });

  it("are refused for an index outside the tree", async () => {
    await expect(proveInclusion(5, 5, read)).rejects.toMatchObject({ code: "ERR_LOG_RANGE" });
    await expect(proveInclusion(-1, 5, read)).rejects.toMatchObject({ code: "ERR_LOG_RANGE" });
    expect(verifyInclusion({ index: 1, size: 1, path: [] }, leaves[0]!, roots[1]!)).toBe(false);
    expect(verifyInclusion({ index: Number.NaN, size: 1, path: [] }, leaves[0]!, roots[1]!)).toBe(false);
  });

  it("never throw on hostile numbers and hashes", () => {
    fc.assert(
      fc.property(
        fc.double(),
        fc.double(),
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 60 }),
        (index, size, path) => {
          expect(typeof verifyInclusion({ index, size, path }, leaves[0]!, roots[1]!)).toBe("boolean");
        },
      ),
    );
  });
});

describe("consistency proofs", () => {
  it("hold for every pair of sizes, and for no changed root, size or hash", async () => {
    for (let to = 0; to <= SIZE; to += 3) {
      for (let from = 0; from <= to; from++) {
        const path = await proveConsistency(from, to, read);
        const old = { size: from, root: roots[from]! };
        const now = { size: to, root: roots[to]! };
        expect(verifyConsistency(old, now, path)).toBe(true);
        expect(verifyConsistency({ ...old, root: flip(old.root) }, now, path)).toBe(false);
        expect(verifyConsistency(old, now, [...path, old.root])).toBe(false);
        if (from > 0) expect(verifyConsistency(old, { ...now, root: flip(now.root) }, path)).toBe(false);
        if (path.length > 0) {
          expect(verifyConsistency(old, now, path.slice(0, -1))).toBe(false);
          expect(verifyConsistency(old, now, path.map(flip))).toBe(false);
          expect(verifyConsistency({ ...old, size: from - 1 }, now, path)).toBe(false);
        }
      }
    }
  });

  it("never lead to a smaller tree", async () => {
    expect(verifyConsistency({ size: 4, root: roots[4]! }, { size: 3, root: roots[3]! }, [])).toBe(false);
    await expect(proveConsistency(4, 3, read)).rejects.toMatchObject({ code: "ERR_LOG_RANGE" });
  });
});
