/** Cohorts of more than 129 members (specification §1, §2, §6 rows 3, 4, 8, 20): one run, and one attack per sentence. */
import { describe, expect, test } from "vitest";
import { toBase64url } from "../suites/encoding.ts";
import { messagesOf, smallWorld, VICTIM, watched } from "./_adversary.ts";
import { C, createNetwork, type Network, names, plainSum, START, uuid, type World } from "./_network.ts";
import { encodeBitmap } from "./cells.ts";
import { constantsFor, keysetMinimum, twoThirds } from "./constants.ts";
import { graphOf, graphSeed } from "./graph.ts";
import { acceptedDealers } from "./keyset.ts";
import { stepMember } from "./member.ts";
import { graphIn } from "./member-setup.ts";
import { statementsRoot } from "./merkle.ts";
import type { Accept, MessageType } from "./messages.ts";
import type { RecordOf } from "./opened.ts";

const N = 140;
const registry = (over: Partial<World> = {}): World => smallWorld(N, { mode: "registry", sharing: true, ...over });
const run = (world: World): Network => {
  const network = createNetwork(world);
  network.run();
  return network;
};
/** From the moment it would send this, a member is gone. */
const vanishing =
  (when: Readonly<Record<string, MessageType>>): World["intercept"] =>
  (sent, network) => {
    if (when[sent.from] !== sent.message.type) return [sent];
    network.silent.add(sent.from);
    return [];
  };

describe("140 members, one in ten of whom drops out on the way", () => {
  const steps = ["keys", "shares", "accept", "contribution-1", "view-1", "contribution-2", "view-2"] as const;
  const gone = Object.fromEntries(
    steps.flatMap((type, i) => [
      [`m${101 + i}`, type],
      [`m${121 + i}`, type],
    ]),
  );
  const watch = watched(smallWorld(N, { sharing: true, intercept: vanishing(gone) }));
  const network = run(watch.world);
  const insider = watch.states.get("m001")!;
  const members = insider.keyset.map(({ signer }) => signer);
  const deps = (member: string) => ({
    now: START + 5 * 3_600_000,
    sign: network.sign(member),
    random: (bytes: number) => new Uint8Array(bytes),
    history: [],
  });
  const keyset = messagesOf(network, "keyset")[0]!;
  const give = (message: typeof keyset) =>
    stepMember(watch.at("m001", "reveal"), { kind: "message", from: C, message }, deps("m001"));

  test("the sum of the rest is exact, phase 1 included", () => {
    expect(network.opened).toMatchObject({ graph: "neighbours", constants: { threshold: 86, quorum: 94 } });
    expect(network.problems).toEqual([]);
    expect(network.blames).toEqual([]);
    const { survivors, cells } = network.decoded!;
    expect(survivors).toHaveLength(N - 12);
    expect(cells[0]!.values).toEqual([String(plainSum(watch.world, survivors, 0, 0))]);
  });

  test("shares go to neighbours only", () => {
    for (const { boxes, leaves } of messagesOf(network, "shares")) {
      expect([boxes.length, leaves.length]).toEqual([129, 129]);
    }
    for (const { unmask } of messagesOf(network, "unmask-2")) {
      expect(unmask.statement.body.shares.length).toBeLessThanOrEqual(129);
    }
  });

  test("nonces are committed to in `keys` and revealed only when the key set is on the ledger", () => {
    const first = network.sent.findIndex(({ message }) => message.type === "reveal");
    const last = network.sent.findLastIndex(({ message }) => message.type === "keys");
    expect(first).toBeGreaterThan(last);
    const record = network.records.find(({ record: kind }) => kind === "keyset") as RecordOf<"keyset">;
    for (const { reveal } of messagesOf(network, "reveal")) {
      expect(reveal.statement.body.root).toBe(record.root);
    }
    const before = watch.at("m001", "keys");
    const message = { kind: "message" as const, from: C, message: keyset };
    expect(stepMember(before, message, deps("m001")).send).toEqual([]);
  });

  test("late nonce choice: another nonce than the committed one is refused, by C with its name and by every member", () => {
    const [first, ...rest] = keyset.reveals!;
    const chosen = { ...first!.statement.body, nonce: toBase64url(new Uint8Array(32).fill(5)) };
    const late = network.sign("m001")("secagg-message", { ...first!.statement, body: chosen });
    expect(() => give({ ...keyset, reveals: [late, ...rest] })).toThrow(/reveal of m001: not what it committed to/);
    const other = { ...first!.statement.body, root: "A".repeat(43) };
    const moved = network.sign("m001")("secagg-message", { ...first!.statement, body: other });
    expect(() => give({ ...keyset, reveals: [moved, ...rest] })).toThrow(/for another key set/);
    expect(() => give({ ...keyset, reveals: rest })).toThrow(/the reveal of every member is needed/);
    expect(give(keyset).send.map(({ message }) => message.type)).toEqual(["shares"]);
  });

  test("late nonce choice would let the last one choose its neighbours among as many graphs as it tries", () => {
    const nonces = keyset.reveals!.map((reveal) => reveal.statement.body.nonce);
    const keyset200 = { members: names(200), root: "r" };
    const colludes = (member: string) => Number(member.slice(1)) % 3 === 0;
    const around = (last: string) => {
      const seed = graphSeed(insider.context0, keyset200, [...nonces.slice(1), last]);
      return graphOf(keyset200.members, seed).neighboursOf(VICTIM).filter(colludes).length;
    };
    const tries = Array.from({ length: 30 }, (_, i) => around(`try ${i}`));
    expect(Math.max(...tries)).toBeGreaterThan(Math.min(...tries) + 4);
  });

  test("a key set of fewer than nine tenths is refused: colluders could fill the neighbourhoods of the rest", () => {
    const { graph, constants } = network.opened;
    expect(keysetMinimum({ graph, constants })).toBe(126);
    expect(keysetMinimum({ graph: "complete", constants: constantsFor({ members: 100 }) })).toBe(67);
    const few = run(registry({ intercept: vanishing(Object.fromEntries(names(15).map((m) => [m, "keys" as const]))) }));
    expect(few.records).toMatchObject([{ record: "fail", reason: "too-few-keys" }]);
    expect(messagesOf(few, "reveal")).toEqual([]);
  });

  test("a dealer is in the mask set from ⌈(t + k) / 2⌉ = 107 accepting neighbours on; others' accepts do not count", () => {
    const graph = graphIn(insider);
    const strangers = members.filter((member) => member !== VICTIM && !graph.areNeighbours(member, VICTIM));
    const accepts = (holders: readonly string[]) =>
      holders.map((signer) => ({
        signer,
        statement: { body: { accepted: encodeBitmap(members.length, [members.indexOf(VICTIM)]) } },
      })) as unknown as Accept[];
    const dealers = (holders: readonly string[]) =>
      acceptedDealers(network.opened, members, graph, { accepts: accepts(holders), refusals: [] });
    const neighbours = graph.neighboursOf(VICTIM);
    expect(dealers([...neighbours.slice(0, 106), ...strangers, VICTIM])).toEqual([]);
    expect(dealers([...neighbours.slice(0, 107), VICTIM])).toEqual([VICTIM]);
    expect(dealers(neighbours)).toEqual([]);
  });

  test("boxes of a dealer that is no neighbour are not taken", () => {
    const before = watch.at("m001", "shares");
    const boxes = network.sent.find(({ to, message }) => to === "m001" && message.type === "boxes")!.message;
    const stranger = members.find((member) => member !== "m001" && !graphIn(insider).areNeighbours(member, "m001"))!;
    const [, ...rest] = (boxes as { boxes: { shares: object }[] }).boxes;
    const shares = messagesOf(network, "shares", stranger)[0]!.shares;
    const lie = { ...boxes, boxes: [{ ...rest[0]!, shares }, ...rest.slice(1)] } as typeof boxes;
    const input = { kind: "message" as const, from: C, message: lie };
    expect(() => stepMember(before, input, deps("m001"))).toThrow(/a dealer that this member holds nothing of/);
  });

  test("isolated neighbourhood: with too few live holders of one member nothing of phase 2 opens", () => {
    const honest = network.records.find(
      (record) => record.record === "close" && record.phase === 2,
    ) as RecordOf<"close">;
    const graph = graphIn(insider);
    const contributed = new Set(honest.headers.map(({ signer }) => signer));
    const closeWithout = (away: number) => {
      const dropped = graph.neighboursOf(VICTIM).filter((member) => contributed.has(member) && member !== "m001");
      const headers = honest.headers.filter(({ signer }) => !dropped.slice(0, away).includes(signer));
      const record = {
        ...honest,
        headers,
        root: statementsRoot(headers),
        time: new Date(START + 5 * 3_600_000).toISOString(),
      };
      return stepMember(watch.at("m001", "contribution-2"), { kind: "ledger", record }, deps("m001"));
    };
    // The quorum of 94 would allow it; 86 live holders of the victim would not be left.
    const isolated = closeWithout(34);
    expect(honest.headers.length - 34).toBe(twoThirds(N));
    expect(isolated.state).toMatchObject({ stage: "finished", outcome: "aborted", reason: "holders-missing" });
    expect(isolated.send).toEqual([]);
    expect(closeWithout(20).state.stage).toBe("viewed-2");
  });

  test("no two quorums of views without 2q − n members that sign twice, over the whole cohort", () => {
    for (let members = 130; members <= 1000; members += 29) {
      const { quorum } = constantsFor({ members });
      expect(quorum).toBe(twoThirds(members));
      expect(2 * quorum - members).toBeGreaterThanOrEqual(Math.floor(members / 3));
    }
  });
});

describe("withheld reveal", () => {
  const first = run(registry({ intercept: vanishing({ m003: "reveal", m009: "reveal" }) }));

  test("a missing reveal ends the key round before any share, and names who is missing", () => {
    expect(first.records.map(({ record }) => record)).toEqual(["keyset", "fail"]);
    expect(first.records[1]).toMatchObject({ reason: "reveal-missing", blamed: "m003", absent: ["m003", "m009"] });
    expect(messagesOf(first, "keyset")).toEqual([]);
    expect(messagesOf(first, "shares")).toEqual([]);
  });

  test("the round restarts without that member and with fresh nonces of all: no choice between two known graphs", () => {
    const members = names(N).filter((member) => !["m003", "m009"].includes(member));
    const again = run(
      registry({
        members,
        computation: uuid(2),
        seed: "again",
        opened: { restartOf: uuid(1) },
        intercept: (sent) => (sent.message.type === "keyset" ? [] : [sent]),
      }),
    );
    const nonceOf = (network: Network) =>
      new Set(messagesOf(network, "reveal").map(({ reveal }) => reveal.statement.body.nonce));
    expect(messagesOf(again, "keyset")[0]!.reveals!.map(({ signer }) => signer)).toEqual(members);
    expect([...nonceOf(again)].filter((nonce) => nonceOf(first).has(nonce))).toEqual([]);
    // Left out instead, the withholder would see both graphs before it decides:
    const nonces = [...nonceOf(first)];
    const keyset = { members, root: "r" };
    expect(graphSeed("0", keyset, nonces)).not.toBe(graphSeed("0", keyset, nonces.slice(1)));
  });
});
