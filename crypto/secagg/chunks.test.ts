import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { signingIdentity, signStatement } from "../suites/signed.ts";
import { C, createNetwork, type Network, names, plainSum, R, sumUp, type World } from "./_network.ts";
import { assertChunk, assertChunks, chunkHash, chunksRoot } from "./chunks.ts";
import { stepCoordinator } from "./coordinator.ts";
import type { CoordinatorState } from "./coordinator-state.ts";
import { chunkAt, chunksOf, wholeAtoms } from "./cut.ts";
import { applyMask } from "./masks.ts";
import type { MessageOf } from "./messages.ts";
import { stepReceiver } from "./receiver.ts";
import type { ReceiverEffect } from "./step.ts";
import { arithmeticOf, bytesOfText, bytesOfWords, periodOf, wordsOfText } from "./words.ts";

const ATOMS = 7;
const LATE = "m007";
const members = names(7);

/** Seven cells of three words, two cells to a chunk: four chunks, the last one shorter. */
const chunked = (over: Partial<World> = {}): World => ({
  members,
  values: Object.fromEntries(
    members.map((member, i) => [
      member,
      Array.from({ length: ATOMS }, (_, atom) => [BigInt(i + 1), (BigInt(atom + 1) << 70n) + BigInt(i)]),
    ]),
  ),
  components: [1, 2],
  mode: "registry",
  dimensions: [{ name: "cell", size: ATOMS }],
  layout: { chunkWords: 7 },
  ...over,
});

function run(world: World): Network {
  const network = createNetwork(world);
  network.run();
  return network;
}

function expectExact(world: World, network: Network): void {
  expect(network.decoded!.cells).toHaveLength(ATOMS);
  for (const { atom, values } of network.decoded!.cells) {
    const wanted = [0, 1].map((k) => String(plainSum(world, network.decoded!.survivors, atom, k)));
    expect(values).toEqual(wanted);
  }
}

test("chunks are whole atoms that make up the vector, and every one but the last is full", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 20 }), (words, chunkWords) => {
      const vector = BigUint64Array.from({ length: words }, (_, i) => BigInt(i));
      const chunks = chunksOf(vector, { words, chunkWords });
      expect(chunks.flatMap((chunk) => [...chunk])).toEqual([...vector]);
      expect(chunks.slice(0, -1).every((chunk) => chunk.length === chunkWords)).toBe(true);
    }),
  );
});

describe("a header commits to every chunk at its place", () => {
  const identity = signingIdentity("m001", "intl", new Uint8Array(32).fill(1));
  const cut = { words: 5, chunkWords: 2 };
  const chunks = chunksOf(new BigUint64Array([1n, 2n, 3n, 4n, 5n]), cut).map(bytesOfWords);
  const hashes = chunks.map(chunkHash);
  const header = signStatement(identity, "secagg-message", {
    type: "contribution-2" as const,
    computation: "c",
    context: "x",
    bytes: 40,
    digest: chunksRoot(hashes),
  });

  test.each([
    ["one left out", hashes.slice(1), /wanted 3 chunks, got 2/],
    ["one more", [...hashes, hashes[0]!], /wanted 3 chunks, got 4/],
    ["two swapped", [hashes[1]!, hashes[0]!, hashes[2]!], /differs from its signed header/],
    ["one altered", [hashes[0]!, hashes[1]!, hashes[1]!], /differs from its signed header/],
  ])("a list with %s is not believed", (_name, list, problem) => {
    expect(() => assertChunks(header, list, cut)).toThrow(problem);
  });

  test.each([
    ["another place", 0, chunks[1]!, /chunk 0 of m001: differs/],
    ["a byte less", 0, chunks[0]!.subarray(1), /wanted 16 bytes, got 15/],
    ["a byte more", 2, new Uint8Array(9), /wanted 8 bytes, got 9/],
    ["no place", 3, new Uint8Array(0), /wanted 0 bytes, got 0/],
  ])("bytes of %s are not taken for the chunk", (_name, index, bytes, problem) => {
    expect(() => assertChunk("m001", hashes, cut, index, bytes)).toThrow(problem);
  });

  test("the true ones are", () => {
    assertChunks(header, hashes, cut);
    for (const [index, bytes] of chunks.entries()) assertChunk("m001", hashes, cut, index, bytes);
    expect(chunkAt(cut, 2)).toEqual({ start: 4, words: 1 });
  });
});

test("P-only-sums: no stretch of a mask is used twice: chunks are masked as the whole vector is", () => {
  const key = new Uint8Array(32).fill(5);
  for (const pattern of [[1], [2], [1, 2], [1, 1, 2]] as const) {
    const arithmetic = arithmeticOf(pattern);
    const words = 9 * periodOf(pattern);
    const whole = new BigUint64Array(words).fill(2n ** 64n - 1n);
    const pieces = whole.slice();
    applyMask(whole, key, "add", arithmetic);
    const cut = { words, chunkWords: wholeAtoms(7, periodOf(pattern)) };
    chunksOf(pieces, cut).forEach((chunk, index) => {
      applyMask(chunk, key, "add", arithmetic, chunkAt(cut, index).start);
    });
    expect(pieces).toEqual(whole);
  }
});

test("P-only-sums: equal values in every chunk leave a member as words that are all different", () => {
  const sent: bigint[] = [];
  const values = Object.fromEntries(members.map((member) => [member, Array.from({ length: ATOMS }, () => [7n, 7n])]));
  run(
    chunked({
      values,
      chunk: ({ from, index, words }) => {
        if (from === LATE) sent.push(...new BigUint64Array(words.slice().buffer));
        return [{ index, words }];
      },
      intercept: (message) => {
        const { message: said } = message;
        if (message.from === LATE && said.type === "contribution-2") sent.push(...wordsOfText(said.words, "words", 6));
        return [message];
      },
    }),
  );
  expect(sent).toHaveLength(3 * ATOMS);
  expect(new Set(sent).size).toBe(3 * ATOMS);
});

test("the sum of many chunks is exact, carries and all, in both modes", () => {
  for (const mode of ["registry", "counted"] as const) {
    const world = chunked({ mode });
    const network = run(world);
    const contribution = network.sent.find(({ message }) => message.type === "contribution-2")!.message;
    expect(contribution).toMatchObject({ chunks: { length: 4 } });
    expectExact(world, network);
  }
});

test("P-once: killed with chunks on their way, every party goes on with the same bytes", () => {
  for (const [party, steps] of [
    [members[0]!, [6, 9]],
    [C, [30, 45]],
  ] as const) {
    for (const at of steps) {
      // What members sent, and what C stored and receipted: at each place one thing.
      const seen = new Map<string, Set<string>>();
      const see = (place: string, what: string) => seen.set(place, (seen.get(place) ?? new Set()).add(what));
      const world = chunked({
        crash: (who, count) => who === party && count === at,
        chunk: ({ from, index, words }) => {
          see(`sent ${from} ${index}`, chunkHash(words));
          return [{ index, words }];
        },
        kept: ({ phase, member, index, words }) => see(`kept ${phase} ${member} ${index}`, chunkHash(words)),
        intercept: (message) => {
          const { message: said } = message;
          if ("receipt" in said) see(`receipt ${message.to}`, said.receipt.statement.header);
          return [message];
        },
      });
      const network = run(world);
      expect(network.decoded!.survivors).toEqual(members);
      expectExact(world, network);
      // Per member three chunks sent, four kept, one receipt.
      expect(seen.size).toBe(8 * members.length);
      expect([...seen].filter(([, ways]) => ways.size !== 1)).toEqual([]);
    }
  }
});

test("P-sum-checked: chunks that are altered, cut off, swapped, too long or early are refused by name, then the true ones count", () => {
  const seen = new Map<string, Uint8Array>();
  const world = chunked({
    chunk: ({ from, index, words }) => {
      if (from !== "m002") return [{ index, words }];
      seen.set(String(index), words);
      const altered = Uint8Array.from(words, (byte, i) => (i === 0 ? byte ^ 1 : byte));
      const longer = new Uint8Array(words.length + 8);
      const other = seen.get("1")!;
      return [
        { index, words: altered },
        { index, words: words.subarray(8) },
        { index, words: longer },
        ...(index === 1 ? [] : [{ index, words: other }]),
        // Replayed: it is there already, and taken once.
        { index: 1, words: other },
        { index, words },
      ];
    },
  });
  const network = run(world);
  const problems = network.problems.filter(({ party }) => party === C).map(({ problem }) => problem.message);
  expect(problems).toEqual([
    "chunk 1 of m002: differs from its signed header",
    "chunk 1 of m002: wanted 48 bytes, got 40",
    "chunk 1 of m002: wanted 48 bytes, got 56",
    "chunk 2 of m002: differs from its signed header",
    "chunk 2 of m002: wanted 48 bytes, got 40",
    "chunk 2 of m002: wanted 48 bytes, got 56",
    "chunk 2 of m002: differs from its signed header",
    "chunk 3 of m002: differs from its signed header",
    "chunk 3 of m002: wanted 24 bytes, got 16",
    "chunk 3 of m002: wanted 24 bytes, got 32",
    "chunk 3 of m002: wanted 24 bytes, got 48",
  ]);
  expect(network.decoded!.survivors).toEqual(members);
  expectExact(world, network);
});

describe("a chunk counts at its turn", () => {
  const sent: { index: number; words: Uint8Array }[] = [];
  let waiting: CoordinatorState | undefined;
  const world = chunked({
    chunk: ({ from, index, words }) => {
      if (from !== LATE) return [{ index, words }];
      sent.push({ index, words });
      return [];
    },
    intercept: (message, network) => {
      if (message.from === C && message.message.type === "receipt-2") waiting = network.coordinator;
      return [message];
    },
  });
  const network = run(world);
  const deps = (held: number, kept: (index: number) => Uint8Array = () => new Uint8Array()) => ({
    now: network.now - 24 * 3_600_000,
    sign: network.sign(C),
    random: (bytes: number) => new Uint8Array(bytes),
    kept: (_phase: 1 | 2, _member: string, index: number) => kept(index),
    held: () => held,
  });
  const { message } = network.sent.find(({ from, message: { type } }) => from === LATE && type === "contribution-2")!;
  const chunkOf = (index: number) => {
    const first = (message as MessageOf<"contribution-2">).words;
    return index === 0 ? bytesOfText(first, "words") : sent.find((one) => one.index === index)!.words;
  };
  const take = (state: CoordinatorState, held: number, kept?: (index: number) => Uint8Array) =>
    stepCoordinator(state, { kind: "message", from: LATE, message }, deps(held, kept));
  const begun = take(waiting!, 1).state;
  const give = (index: number, held: number) =>
    stepCoordinator(
      begun,
      { kind: "chunk", from: LATE, phase: 2, index, words: sent.find((one) => one.index === index)!.words },
      deps(held),
    );

  test("one that comes before another is put off, and the answer says where to go on", () => {
    expect(() => give(3, 1)).toThrow(/chunk 3 of m007: comes before chunk 1/);
    expect(give(1, 1).effects).toMatchObject([{ kind: "keep", index: 1 }]);
    expect(give(1, 2)).toMatchObject({ state: begun, effects: [] });
  });

  test("the last one brings the receipt; so does the message again, where the coordinator died in between", () => {
    expect(give(3, 3).send).toMatchObject([{ to: LATE, message: { type: "receipt-2" } }]);
    expect(take(begun, 4, chunkOf).send).toMatchObject([{ to: LATE, message: { type: "receipt-2" } }]);
    expect(take(begun, 3)).toMatchObject({ state: begun, send: [], effects: [] });
  });

  test("P-omission: no receipt leaves for words that are not those of the header: the member begins anew", () => {
    const again = { state: begun, send: [], effects: [{ kind: "keep", index: 0, words: chunkOf(0) }] };
    for (const other of [0, 1, 2, 3]) {
      expect(take(begun, 4, (index) => chunkOf(index === other ? 1 + (other % 2) : index))).toMatchObject(again);
    }
    expect(take(begun, 0)).toMatchObject(again);
  });

  test("P-omission: what was not whole at the deadline has no receipt and is not in the set", () => {
    expect(network.decoded!.survivors).toEqual(members.filter((member) => member !== LATE));
    expect(network.sent.some(({ to, message }) => to === LATE && message.type === "receipt-2")).toBe(false);
    expectExact(world, network);
  });
});

test("a contribution ahead of C's own record is not kept in its state: its sender brings it again", () => {
  let waiting: CoordinatorState | undefined;
  const network = run(
    chunked({
      timed: (party, { state }) => {
        if (party === C && (state as CoordinatorState).stage === "maskset") waiting = state as CoordinatorState;
      },
    }),
  );
  expect(network.decoded!.survivors).toEqual(members);
  const { from, message } = network.sent.find(({ message: { type } }) => type === "contribution-2")!;
  const deps = {
    now: network.now,
    sign: network.sign(C),
    random: (bytes: number) => new Uint8Array(bytes),
    kept: () => new Uint8Array(),
    held: () => 0,
  };
  expect(() => stepCoordinator(waiting!, { kind: "message", from, message }, deps)).toThrow(
    expect.objectContaining({ code: "ERR_SECAGG_ORDER" }),
  );
});

test("P-sum-checked: R does not add a chunk that its member did not sign, blames C, and takes the true ones later", () => {
  const world = chunked({
    submit: (record) => (record.record === "release" ? undefined : record),
  });
  const states: Network["receiver"][] = [];
  const network = run({
    ...world,
    intercept: (sent, net) => {
      if (sent.to === R) states.push(net.receiver);
      return [sent];
    },
  });
  const { message } = network.sent.find(({ to }) => to === R)!;
  const deps = { now: network.now, sign: network.sign(R) };
  const summing = stepReceiver(states[0]!, { kind: "message", from: C, message }, deps);
  const [effect] = summing.effects as [Extract<ReceiverEffect, { kind: "sum" }>];
  const failed = stepReceiver(
    summing.state,
    sumUp(effect.plan, () => new Uint8Array(48)),
    deps,
  );
  expect(failed.state.stage).toBe("waiting");
  expect(failed.effects).toEqual([
    { kind: "blame", member: C, reason: "chunk 1 of m001: differs from its signed header" },
  ]);
  expect(stepReceiver(failed.state, { kind: "message", from: C, message }, deps).effects).toMatchObject([
    { kind: "sum" },
  ]);
});
