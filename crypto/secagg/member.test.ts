import { expect, test } from "vitest";
import { messagesOf, reasonOf, smallWorld, watched } from "./_adversary.ts";
import { C, createNetwork, names, START, type World } from "./_network.ts";
import { stepMember } from "./member.ts";
import type { MemberInput } from "./step.ts";

const sectors: World = smallWorld(7, {
  mode: "registry",
  attributes: Object.fromEntries(names(7).map((member, i) => [member, { sector: i < 4 ? "x" : "y" }])),
  dimensions: [{ name: "sector", size: 2, attribute: { name: "sector", values: ["x", "y"] } }],
  values: Object.fromEntries(names(7).map((member, i) => [member, i < 4 ? [[3n], [0n]] : [[0n], [9n]]])),
});
const answering = (w: World, kind: string, input: MemberInput): World => ({
  ...w,
  answer: (member, effect) => (member === "m002" && effect.kind === kind ? [input] : undefined),
});
const problemOf = (w: World) => {
  const network = createNetwork(w);
  network.run();
  expect(network.sent.some(({ from, message }) => from === "m002" && message.type === "contribution-2")).toBe(false);
  return network.problems.find(({ party }) => party === "m002")?.problem.message;
};
const words = (...values: bigint[]) => ({ kind: "values" as const, index: 0, words: BigUint64Array.from(values) });

test("a member sends zeros outside its own cell, and a non-zero measure inside it", () => {
  expect(problemOf(answering(sectors, "compute-values", words(3n, 1n)))).toMatch(/atom 1 is not this member's/);
  expect(problemOf(answering(sectors, "compute-values", words(0n, 0n)))).toMatch(/atom 0 is declared non-zero/);
  expect(problemOf(answering(sectors, "compute-values", words(3n)))).toMatch(/expected 2 words, got 1/);
});

test("counted mode: what was counted as absent in phase 1 cannot appear in phase 2", () => {
  const absent: MemberInput = { kind: "counts", present: [0], units: [0] };
  expect(problemOf(answering(smallWorld(7), "compute-counts", absent))).toMatch(/atom 0 is not this member's/);
});

test.each([
  { present: [2], units: [1] },
  { present: [1], units: [2] },
  { present: [0], units: [1] },
  { present: [1], units: [0.5] },
  { present: [1, 1], units: [1, 1] },
])("counts are 0 or 1 with units of at most w: $present, $units", (own) => {
  expect(problemOf(answering(smallWorld(7), "compute-counts", { kind: "counts", ...own }))).toMatch(/counts: atom/);
});

test("a value that is lost after the mask set costs the member its contribution, not the others their sum", () => {
  const network = createNetwork(answering(sectors, "compute-values", { kind: "refuse", reason: "source-unavailable" }));
  network.run();
  expect(network.decoded!.survivors).not.toContain("m002");
  expect(network.decoded!.cells.map(({ values }) => values)).toEqual([["9"], ["27"]]);
});

test("only C speaks to members, and only about this computation", () => {
  const watch = watched(smallWorld(5));
  const network = createNetwork(watch.world);
  network.run();
  const deps = { now: START, sign: network.sign("m001"), random: (k: number) => new Uint8Array(k), history: [] };
  const message = messagesOf(network, "keyset")[0]!;
  const step = (from: string, given: typeof message) =>
    stepMember(watch.at("m001", "keys"), { kind: "message", from, message: given }, deps);
  expect(() => step("m002", message)).toThrow(/only the coordinator/);
  expect(() => step(C, { ...message, computation: network.opened.request })).toThrow(/only the coordinator/);
  expect(step(C, message).send).toEqual([]);
});

test("documents whose digests are not the ledger's are not even shown for review", () => {
  const network = createNetwork(
    smallWorld(5, {
      intercept: (sent) =>
        sent.message.type === "documents" && sent.to === "m002"
          ? [{ ...sent, message: { ...sent.message, policy: { ...sent.message.policy, document: { policy: 2 } } } }]
          : [sent],
    }),
  );
  network.run();
  expect(network.problems.map(({ problem }) => problem.message)).toContain(
    "documents.policy: digest differs from the ledger's",
  );
  expect(network.sent.some(({ from }) => from === "m002")).toBe(false);
  expect(reasonOf(network, "m002")).toMatch(/released/);
});

test("a kept message that turns out false does not cost the record that exposes it", () => {
  const watch = watched(smallWorld(5));
  const network = createNetwork(watch.world);
  network.run();
  const deps = { now: START, sign: network.sign("m001"), random: (k: number) => new Uint8Array(k), history: [] };
  const before = watch.at("m001", "keys");
  const keyset = messagesOf(network, "keyset")[0]!;
  const record = network.records.find((one) => one.record === "keyset")!;
  const early = stepMember(
    before,
    { kind: "message", from: C, message: { ...keyset, keys: keyset.keys.slice(1) } },
    deps,
  );
  const exposed = stepMember(early.state, { kind: "ledger", record }, deps);
  expect(exposed.effects).toMatchObject([{ kind: "blame", member: C }]);
  expect(exposed.state).toMatchObject({ stage: "revealed", facts: { keyset: record } });
  expect(stepMember(exposed.state, { kind: "message", from: C, message: keyset }, deps).state.stage).toBe("shared");
});
