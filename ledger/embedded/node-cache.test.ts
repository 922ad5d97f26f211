/** Which Merkle nodes are read once. */
import { expect, test } from "vitest";
import { createNodeCache } from "./node-cache.ts";

/** Every read gives another hash, so that a second one shows. */
function counting() {
  const reads: string[] = [];
  const read = async (level: number, index: number) => {
    reads.push(`${level}/${index}`);
    return Uint8Array.of(reads.length);
  };
  return { reads, read };
}

test("a node over acknowledged entries is read once, whatever else is read between", async () => {
  const { reads, read } = counting();
  const node = createNodeCache(read, () => 8);
  const first = [await node(0, 7), await node(2, 1), await node(3, 0)];
  expect([await node(0, 7), await node(2, 1), await node(3, 0)]).toEqual(first);
  expect(reads).toEqual(["0/7", "2/1", "3/0"]);
});

test("a node over staged entries is read again: others may take their place", async () => {
  const { reads, read } = counting();
  let size = 8;
  const node = createNodeCache(read, () => size);
  await node(0, 8);
  await node(3, 1);
  expect(await node(0, 8)).toEqual(Uint8Array.of(3));
  size = 9;
  const settled = await node(0, 8);
  expect(await node(0, 8)).toEqual(settled);
  await node(3, 1);
  expect(reads).toEqual(["0/8", "3/1", "0/8", "0/8", "3/1"]);
});

test("a node that was staged when it was read is not kept, though its place is acknowledged meanwhile", async () => {
  let size = 8;
  let hash = Uint8Array.of(1);
  const node = createNodeCache(
    async () => {
      const found = hash;
      // Another entry takes the place of the staged one, and is acknowledged, before the read is over.
      hash = Uint8Array.of(2);
      size = 9;
      return found;
    },
    () => size,
  );
  await node(0, 8);
  expect(await node(0, 8)).toEqual(Uint8Array.of(2));
});
