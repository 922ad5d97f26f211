import { expect, test } from "vitest";
import { keys } from "../../chaincode/rules/keys.ts";
import { parametersFor } from "../../crypto/he/parameters.ts";
import { createEnvelopeEncryptor, createEnvelopeKeys } from "../he/envelope.ts";
import type { Context } from "./context.ts";
import type { ChunkPlace } from "./kept-chunks.ts";
import { createSealedSums } from "./sealed-sums.ts";

const MEMBERS = ["a", "b", "c"];
const COMPUTATION = "c1";
const set = parametersFor(MEMBERS.length);
const { publicKey } = await createEnvelopeKeys(set);
await using encryptor = createEnvelopeEncryptor({ threads: 1 });
const chunk = await encryptor.encrypt(set, publicKey, BigUint64Array.of(7n));
const UNKNOWN = expect.objectContaining({ code: "ERR_COMPUTATION_UNKNOWN" });

function sumsOf(chunkAt: (place: ChunkPlace) => Uint8Array = () => chunk) {
  const reads: string[] = [];
  const state = new Map<string, unknown>([[keys.computationStep(COMPUTATION, "close-2"), { members: MEMBERS }]]);
  const services = { ledger: { get: async (key: string) => state.get(key) } };
  const body = { computation: COMPUTATION, envelope: { method: "bfv", parameters: set.id } };
  const kept = {
    held: () => 2,
    read(place: ChunkPlace) {
      reads.push(`${place.index} ${place.member}`);
      return chunkAt(place);
    },
  };
  const sums = createSealedSums({ services } as unknown as Context, body as never, kept);
  return { sums, reads };
}

test("however many ask for a chunk of the sum at once, or again, it is made once, and one chunk after another", async () => {
  const node = sumsOf();
  const { sums, reads } = node;
  const asked = await Promise.all([0, 1, 0, 1, 1, 0].map((index) => sums.of(index)));
  expect(asked[2]).toBe(asked[0]);
  expect(await sums.of(1)).toBe(asked[1]);
  expect(reads).toEqual(["0 a", "0 b", "0 c", "1 a", "1 b", "1 c"]);
});

test("a chunk beyond the last one is unknown, and nothing is read", async () => {
  const node = sumsOf();
  await expect(node.sums.of(2)).rejects.toThrow(UNKNOWN);
  expect(node.reads).toEqual([]);
});

test("a chunk that is gone fails that call, and the next one is answered", async () => {
  let isGone = true;
  const node = sumsOf(() => {
    if (isGone) throw new TypeError("not kept here");
    return chunk;
  });
  await expect(node.sums.of(0)).rejects.toThrow("not kept here");
  isGone = false;
  expect((await node.sums.of(0)).length).toBe(chunk.length);
});
