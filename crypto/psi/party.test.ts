import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { firstRound, partyOf, portOf, received, runOf } from "./_run.ts";
import { parseCommitment } from "./commitment.ts";
import { framesOf, incomingList } from "./frames.ts";
import { maskingOf, POINT_BYTES, psiKey } from "./masking.ts";
import { slowP256 } from "./openssl-p256.ts";
import { answerOf, cardinalityOf, intersectionOf, ownList } from "./party.ts";
import { inOrder, isAscending, sortedOrder } from "./sorting.ts";

const lists = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }), {
  minLength: 1,
  maxLength: 12,
});
const some = { numRuns: 15 };
const coded = (code: string) => expect.objectContaining({ code });
const items = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `91330600MA${from + i}`);

test("an intersection is what brute force finds", async () => {
  await fc.assert(
    fc.asyncProperty(lists, lists, async (asks, more) => {
      const holds = [...new Set([...more, ...asks.filter((_, i) => i % 2 === 0)])];
      const { asker, answered, others } = await runOf("intersection", asks, holds);
      const wanted = asks.flatMap((item, place) => (holds.includes(item) ? [place] : []));
      expect([...intersectionOf(asker.own, answered, others)]).toEqual(wanted);
    }),
    some,
  );
});

test("a cardinality is what brute force counts", async () => {
  await fc.assert(
    fc.asyncProperty(lists, lists, async (asks, holds) => {
      const { answered, others } = await runOf("cardinality", asks, holds);
      expect(cardinalityOf(answered, others)).toBe(asks.filter((item) => holds.includes(item)).length);
    }),
    some,
  );
});

test("of a cardinality the asker gets a function of the set of masked items: their order says nothing", async () => {
  const { answered, holder, asker } = await runOf("cardinality", items(40), items(40, 20));
  expect(isAscending(answered)).toBe(true);
  const shuffled = inOrder(
    asker.own.points,
    Uint32Array.from({ length: 40 }, (_, i) => (7 * i) % 40),
  );
  expect(answerOf("cardinality", await holder.port.remask(shuffled))).toEqual(new Uint8Array(answered));
});

test("a holder that masks each item under a key of its own learns which of them the asker has, in a run where it counts", async () => {
  const run = new Uint8Array(16);
  const asker = await partyOf(run, "cardinality", "asker", items(12));
  const guesses = items(12, 8);
  const own = guesses.map(() => portOf(run));
  const masked = await Promise.all(guesses.map((item, at) => own[at]!.maskItems([item])));
  const list = Buffer.concat(masked.toSorted(Buffer.compare));
  // What an asker brings back to whoever counts: no more is needed, and it cannot tell.
  const again = await asker.port.remask(list);
  const found: string[] = [];
  for (const [at, item] of guesses.entries()) {
    const answered = await own[at]!.remask(asker.own.points);
    if (cardinalityOf(answered, again) > 0) found.push(item);
  }
  expect(found).toEqual(items(4, 8));
});

test("what travels is masked items and nothing else: no item, no hash of one, and never the same for two runs", async () => {
  const names = items(30);
  const { run, asker } = await runOf("intersection", names, names);
  const frames = Buffer.concat(framesOf(asker.own.list, asker.own.points));
  const unmasked = maskingOf(
    Uint8Array.from({ length: 32 }, (_, i) => (i === 31 ? 1 : 0)),
    run,
    slowP256,
  ).maskItems(names);
  for (const [i, name] of names.entries()) {
    expect(frames.includes(name)).toBe(false);
    expect(frames.includes(Buffer.from(unmasked.subarray(POINT_BYTES * i, POINT_BYTES * (i + 1))))).toBe(false);
  }
  const again = await partyOf(run, "intersection", "asker", names);
  expect(Buffer.compare(again.own.points, asker.own.points)).not.toBe(0);
  expect(frames.length).toBe(29 + 30 * POINT_BYTES);
});

test("a list longer than a frame goes in order, whichever its length", () => {
  for (const size of [4095, 4096, 4097]) {
    const points = randomBytes(POINT_BYTES * size);
    const sorted = inOrder(points, sortedOrder(points));
    const list = { kind: "own", run: new Uint8Array(16), size } as const;
    const coming = incomingList(list, { sorted: true });
    expect(Buffer.concat(framesOf(list, sorted).map((frame) => coming.take(frame))).equals(sorted)).toBe(true);
    expect(coming.end()).toHaveLength(size > 4096 ? 2 : 1);
  }
});

test("sorting is that of the bytes, also where many begin alike", () => {
  const points = randomBytes(POINT_BYTES * 200);
  for (let i = 0; i < 200; i++) points.fill(i % 3, POINT_BYTES * i, POINT_BYTES * i + 4);
  const rows = Array.from({ length: 200 }, (_, i) => points.subarray(POINT_BYTES * i, POINT_BYTES * (i + 1)));
  expect(inOrder(points, sortedOrder(points))).toEqual(new Uint8Array(Buffer.concat(rows.toSorted(Buffer.compare))));
});

test("a party that changes its list after its commitment is found out", async () => {
  const run = new Uint8Array(16);
  const party = await partyOf(run, "intersection", "holder", items(50));
  const { commitment, salt, list, points } = party.own;
  const other = await ownList({ variant: "intersection", side: "holder", run, salt }, party.port, items(50, 1));
  const COMMITMENT = coded("ERR_PSI_COMMITMENT");
  expect(firstRound(party, run)).toHaveLength(50 * POINT_BYTES);
  expect(() => received(commitment, run, framesOf(list, other.points), salt)).toThrow(COMMITMENT);
  expect(() => received(commitment, run, framesOf(list, points), randomBytes(32))).toThrow(COMMITMENT);
});

test("a list that ends early, goes on, comes twice or out of order is refused", async () => {
  const run = new Uint8Array(16);
  const list = { kind: "own", run, size: 5000 } as const;
  const random = randomBytes(POINT_BYTES * 5000);
  const points = inOrder(random, sortedOrder(random));
  const [first, second] = framesOf(list, points) as [Uint8Array, Uint8Array];
  const STREAM = coded("ERR_PSI_STREAM");
  const MESSAGE = coded("ERR_PSI_MESSAGE");
  const coming = () => incomingList(list, { sorted: true });
  const after = coming();
  after.take(first);
  expect(() => after.end()).toThrow(STREAM);
  expect(() => after.take(second.subarray(0, -1))).toThrow(MESSAGE);
  expect(() => after.take(second.subarray(0, -POINT_BYTES))).toThrow(MESSAGE);
  expect(() => coming().take(second)).toThrow(MESSAGE);
  const whole = incomingList({ ...list, size: 4096 }, { sorted: true });
  whole.take(first);
  expect(() => whole.take(first)).toThrow(STREAM);
  for (const place of [0, 4, 5, 28]) {
    const altered = first.with(place, first[place]! ^ 1);
    expect(() => coming().take(altered)).toThrow(STREAM);
  }
  const twice = points.slice();
  twice.copyWithin(POINT_BYTES, 0, POINT_BYTES);
  expect(() => coming().take(framesOf(list, twice)[0]!)).toThrow(STREAM);
  // Across two frames as well.
  twice.set(points);
  twice.copyWithin(POINT_BYTES * 4096, POINT_BYTES * 4095, POINT_BYTES * 4096);
  const across = coming();
  across.take(first);
  expect(() => across.take(framesOf(list, twice)[1]!)).toThrow(STREAM);
});

test("what is no point of the curve is refused, and its holder multiplies nothing", async () => {
  const { remask } = portOf(new Uint8Array(16));
  const [good] = [await portOf(new Uint8Array(16)).maskItems(["a"])];
  await expect(remask(good!)).resolves.toHaveLength(POINT_BYTES);
  const POINT = coded("ERR_PSI_POINT");
  // No point has x = 1; p and above are no elements of the field.
  const none = [
    `${"0".repeat(63)}1`,
    "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    "f".repeat(64),
  ];
  for (const hex of none) await expect(remask(Buffer.from(hex, "hex"))).rejects.toThrow(POINT);
  await expect(remask(good!.subarray(1))).rejects.toThrow(coded("ERR_PSI_MESSAGE"));
});

test.each([
  ["that is there twice", ["a", "b", "a"]],
  ["that is empty", ["a", ""]],
  ["of 257 bytes", ["a".repeat(257)]],
  ["that is no Unicode text", ["\ud800"]],
])("an own item %s is refused before anything is sent", async (_, list) => {
  await expect(partyOf(new Uint8Array(16), "intersection", "asker", list)).rejects.toThrow(coded("ERR_PSI_INPUT"));
});

test("a list without items is refused", async () => {
  await expect(partyOf(new Uint8Array(16), "intersection", "asker", [])).rejects.toThrow(coded("ERR_PSI_SIZE"));
});

test("a commitment is of this run, variant and side, and of no other form", async () => {
  const { own } = await partyOf(new Uint8Array(16), "cardinality", "holder", ["a"]);
  const wanted = { run: own.commitment.run, variant: "cardinality", side: "holder" } as const;
  const sizes = { least: 1, most: 10_000_000 };
  const parse = (change: object, about = wanted) =>
    parseCommitment(JSON.stringify({ ...own.commitment, ...change }), about, sizes);
  expect(parse({})).toEqual(own.commitment);
  for (const change of [
    { size: 0 },
    { size: 10_000_001 },
    { size: 1.5 },
    { root: "x" },
    { more: 1 },
    { run: undefined },
  ]) {
    expect(() => parse(change)).toThrow(coded("ERR_PSI_MESSAGE"));
  }
  for (const change of [{ side: "asker" }, { variant: "intersection" }, { run: `${"B".repeat(21)}A` }]) {
    expect(() => parse(change)).toThrow(coded("ERR_PSI_COMMITMENT"));
  }
  expect(() => parseCommitment("{", wanted, sizes)).toThrow(coded("ERR_PSI_MESSAGE"));
  expect(() => parse({ more: "x".repeat(600) })).toThrow(coded("ERR_PSI_SIZE"));
});

test("a list that is shorter or longer than this side allows is refused by its commitment", async () => {
  const run = new Uint8Array(16);
  const sizes = { least: 5, most: 8 };
  const sized = async (size: number) => {
    const { own } = await partyOf(run, "cardinality", "asker", items(size));
    return parseCommitment(JSON.stringify(own.commitment), own.commitment, sizes).size;
  };
  const SIZE = coded("ERR_PSI_SIZE");
  expect([await sized(5), await sized(8)]).toEqual([5, 8]);
  // One item asks after one entity.
  for (const size of [1, 4, 9]) await expect(sized(size)).rejects.toThrow(SIZE);
});

test("the run is in what is hashed: one key masks an item differently in two runs", async () => {
  const key = psiKey(randomBytes(48));
  const [one, other] = [portOf(new Uint8Array(16), key), portOf(new Uint8Array(16).fill(1), key)];
  expect(await one.maskItems(["a"])).not.toEqual(await other.maskItems(["a"]));
  expect(await one.maskItems(["a"])).toEqual(await portOf(new Uint8Array(16), key).maskItems(["a"]));
});

test("a key is a scalar of the group, and of 48 random bytes only", () => {
  expect(psiKey(new Uint8Array(48)).at(-1)).toBe(1);
  expect(() => psiKey(new Uint8Array(32))).toThrow(RangeError);
});
