import { createCipheriv } from "node:crypto";
import { expect, test } from "vitest";
import { toBase64url } from "../suites/encoding.ts";
import { seededRandom } from "./_network.ts";
import { leafOf, shareHashes } from "./commitments.ts";
import { publicKeyOf } from "./key-agreement.ts";
import { leafInRoot, leafPaths, leavesRoot } from "./merkle.ts";
import { openShares, sealShares } from "./share-box.ts";

test("the platform's AES-256-GCM is that of the GCM specification, test case 14", () => {
  const cipher = createCipheriv("aes-256-gcm", new Uint8Array(32), new Uint8Array(12));
  expect(cipher.update(new Uint8Array(16)).toString("hex")).toBe("cea7403d4d606b6e074ec5d3baf39d18");
  cipher.final();
  expect(cipher.getAuthTag().toString("hex")).toBe("d0d1c8a799996bf0265b98b5d48ab919");
});

const random = seededRandom("box");
const dealer = toBase64url(random(32));
const holder = toBase64url(random(32));
const keys = [publicKeyOf("intl", dealer), publicKeyOf("intl", holder)] as const;
const use = {
  suite: "intl" as const,
  context: "c",
  kind: "seal" as const,
  phase: 0 as const,
  ids: ["a", "b"] as const,
  keys,
};
const shares = { pair1: random(33), self1: random(33), pair2: random(33), self2: random(33) };

test("a box opens for its holder and for nothing else", () => {
  const box = sealShares(dealer, keys[1], use, shares, random(12));
  expect(openShares(holder, keys[0], use, box)).toEqual(shares);
  const flipped = `${box.slice(0, 40)}${box[40] === "A" ? "B" : "A"}${box.slice(41)}`;
  expect(() => openShares(holder, keys[0], use, flipped)).toThrow(/does not open/);
  expect(() => openShares(holder, keys[0], { ...use, ids: ["b", "a"] }, box)).toThrow(/does not open/);
  expect(() => openShares(holder, keys[0], { ...use, context: "d" }, box)).toThrow(/does not open/);
  expect(() => openShares(toBase64url(random(32)), keys[0], use, box)).toThrow(/does not open/);
});

test("a leaf commits to context, dealer, holder and all four shares", () => {
  const hashes = shareHashes(shares);
  const leaf = leafOf("c", "a", "b", hashes);
  const others = [
    leafOf("d", "a", "b", hashes),
    leafOf("c", "x", "b", hashes),
    leafOf("c", "a", "x", hashes),
    leafOf("c", "a", "b", shareHashes({ ...shares, self2: random(33) })),
  ];
  expect(others).not.toContain(leaf);
});

test("a leaf is shown by its path at its own place only", () => {
  for (const size of [1, 2, 3, 5, 8, 13]) {
    const leaves = Array.from({ length: size }, () => toBase64url(random(32)));
    const root = leavesRoot(leaves);
    const paths = leafPaths(leaves);
    leaves.forEach((leaf, index) => {
      const path = paths[index]!;
      expect(leafInRoot(root, { leaf, index, size, path })).toBe(true);
      expect(leafInRoot(root, { leaf: toBase64url(random(32)), index, size, path })).toBe(false);
      expect(leafInRoot(root, { leaf, index: (index + 1) % size, size, path })).toBe(size === 1);
      expect(leafInRoot(root, { leaf, index, size, path: [...path, leaf] })).toBe(false);
    });
  }
});
