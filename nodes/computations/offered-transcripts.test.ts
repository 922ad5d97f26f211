import { expect, test } from "vitest";
import { transcriptDigest } from "../../crypto/secagg/receiver.ts";
import type { Transcript } from "./context.ts";
import { openOffered, withoutWords } from "./offered-transcripts.ts";
import type { ResultRecord } from "./result-record.ts";

const ID = "00000000-0000-8000-8000-000000000001";
const transcript = (name: string) =>
  ({
    result: { type: "result-2", computation: ID, contributions: [], secrets: [name] },
    accepts: [],
    refusals: [],
    views1: [],
  }) as unknown as Transcript;
const [honest, lie] = [transcript("true"), transcript("false")];
const digestOf = ({ result }: Transcript) => transcriptDigest(result);
const taken = async () => undefined;
const refused = () => Promise.reject(new Error("refused"));

function stored() {
  const transcripts = new Map<string, Transcript>();
  const results = new Map<string, ResultRecord>();
  const store = {
    get: async (id: string) => transcripts.get(id),
    put: async (id: string, value: Transcript) => void transcripts.set(id, value),
    delete: async (id: string) => void transcripts.delete(id),
    async *entries() {},
  };
  const open = () => openOffered(store, ID, { get: async (id) => results.get(id) });
  return { open, kept: () => transcripts.get(ID), results };
}

test("P-sum-checked: a different transcript that is refused after the true one takes nothing away", async () => {
  const { open, kept, results } = stored();
  const offered = await open();
  await offered.take(honest, taken);
  await expect(offered.take(lie, refused)).rejects.toThrow("refused");
  expect(kept()).toEqual(honest);
  await offered.decoded(digestOf(honest));
  await expect(offered.take(lie, refused)).rejects.toThrow("refused");
  // A role that has ended takes everything and goes by nothing; nor does a restart change that.
  await offered.take(lie, taken);
  expect(kept()).toEqual(honest);
  results.set(ID, { transcriptDigest: digestOf(honest) } as ResultRecord);
  await (await open()).take(lie, taken);
  expect(kept()).toEqual(honest);
});

test("P-sum-checked: a false transcript that waited for records gives way to the one that is decoded", async () => {
  const { open, kept } = stored();
  const offered = await open();
  await offered.take(lie, taken);
  // As small sums are: decoded before the taking is over.
  await offered.take(honest, () => offered.decoded(digestOf(honest)));
  expect(kept()).toEqual(honest);
});

test("one that came before a restart is the one that is decoded after it", async () => {
  const { open, kept } = stored();
  await (await open()).take(honest, taken);
  const again = await open();
  await again.decoded(digestOf(honest));
  expect(kept()).toEqual(honest);
});

test("a restart, and another one after it, change nothing about which one is decoded", async () => {
  const { open, kept } = stored();
  await (await open()).take(honest, taken);
  const again = await open();
  await again.take(lie, taken);
  await again.decoded(digestOf(honest));
  expect(kept()).toEqual(honest);
});

test("the first one is kept before the role has it; of several that wait for records the last one is", async () => {
  const { open, kept } = stored();
  const offered = await open();
  await offered.take(lie, async () => expect(kept()).toEqual(lie));
  await offered.take(honest, taken);
  expect(kept()).toEqual(honest);
});

test("the role is given one at a time", async () => {
  const { open } = stored();
  const offered = await open();
  const told: string[] = [];
  const given = Promise.withResolvers<void>();
  const goesOn = Promise.withResolvers<void>();
  const first = offered.take(honest, async () => {
    given.resolve();
    await goesOn.promise;
    told.push("first is over");
  });
  await given.promise;
  const second = offered.take(lie, async () => void told.push("second"));
  // Long enough for a second one that does not wait.
  await new Promise((resolve) => setImmediate(resolve));
  goesOn.resolve();
  await Promise.all([first, second]);
  expect(told).toEqual(["first is over", "second"]);
});

test("a refused one is forgotten, and what was decoded is kept whatever comes after it", async () => {
  const { open, kept } = stored();
  const offered = await open();
  await offered.take(honest, taken);
  await expect(offered.take(lie, refused)).rejects.toThrow("refused");
  await offered.decoded(digestOf(lie));
  expect(kept()).toEqual(honest);
  await offered.dropped();
  expect(kept()).toEqual(honest);
});

test("a refused one, and one whose sum cannot be redone, are not kept", async () => {
  const { open, kept } = stored();
  const offered = await open();
  await expect(offered.take(lie, refused)).rejects.toThrow("refused");
  expect(kept()).toBeUndefined();
  await offered.take(lie, taken);
  await offered.dropped();
  expect(kept()).toBeUndefined();
  await offered.take(honest, taken);
  expect(kept()).toEqual(honest);
});

test("no words are kept once the result is, nor after the next start where a kill came between the two", async () => {
  const { open, kept, results } = stored();
  const contribution = { member: "alpha", chunks: ["A".repeat(43)], words: "AAAAAAAAAAA" };
  const brought = { ...honest, result: { ...honest.result, contributions: [contribution] } } as Transcript;
  const bare = withoutWords(brought);
  expect(digestOf(bare)).toBe(digestOf(brought));
  const offered = await open();
  await offered.take(brought, taken);
  await offered.decoded(digestOf(brought));
  expect(kept()).toEqual(brought);
  results.set(ID, { transcriptDigest: digestOf(brought) } as ResultRecord);
  await open();
  expect(kept()).toEqual(bare);
  await offered.settled();
  expect(kept()).toEqual(bare);
  const again = await open();
  await again.take(brought, taken);
  expect(kept()).toEqual(bare);
});

test("a transcript that was never read loses its words when the computation is over", async () => {
  const { open, kept } = stored();
  const contribution = { member: "alpha", chunks: ["A".repeat(43)], words: "AAAAAAAAAAA" };
  const brought = { ...honest, result: { ...honest.result, contributions: [contribution] } } as Transcript;
  const offered = await open();
  await offered.take(brought, taken);
  await offered.settled();
  expect(kept()).toEqual(withoutWords(brought));
});

test("nothing that comes after the one that is decoded is held", async () => {
  const { open, kept } = stored();
  const offered = await open();
  await offered.take(honest, taken);
  await offered.decoded(digestOf(honest));
  await offered.take(lie, taken);
  // Were it held, it would be there to be kept.
  await offered.decoded(digestOf(lie));
  expect(kept()).toEqual(honest);
});

test("one that is taken while another is dropped is kept as a whole", async () => {
  const { open, kept } = stored();
  const offered = await open();
  await offered.take(lie, taken);
  await offered.take(honest, () => offered.dropped());
  expect(kept()).toEqual(honest);
});
