/** Computations of suite intl-pq: the seeds of pair masks are encapsulated (docs/decisions/450). */
import { describe, expect, test } from "vitest";
import { SECRET, smallWorld, VICTIM, watched } from "./_adversary.ts";
import { createNetwork, type Network, plainSum, seededRandom, type World } from "./_network.ts";
import { keyAgreement, publicKeyOf } from "./key-agreement.ts";
import { acceptedDealers } from "./keyset.ts";
import { applyMask, deriveKey } from "./masks.ts";
import { graphIn } from "./member-setup.ts";
import type { Accept, Message, MessageType } from "./messages.ts";
import { openSeed, pairSeed, sealSeeds } from "./pair-seeds.ts";
import { envelopeKey, maskContribution, secretFits } from "./sum.ts";
import { arithmeticOf, decodeElements, wordsOfText } from "./words.ts";

const hybrid = (over: Partial<World> = {}, n = 7): World => smallWorld(n, { opened: { suite: "intl-pq" }, ...over });
const run = (world: World): Network => {
  const network = createNetwork(world);
  network.run();
  return network;
};
const vanishing =
  (when: Readonly<Record<string, MessageType>>): World["intercept"] =>
  (sent, network) => {
    if (when[sent.from] !== sent.message.type) return [sent];
    network.silent.add(sent.from);
    return [];
  };
/** Another message in place of the one of this type. */
const changing =
  <T extends Message["type"]>(type: T, change: (message: Extract<Message, { type: T }>, from: string) => void) =>
  (sent: { from: string; to: string; message: Message }) => {
    if (sent.message.type !== type) return [sent];
    const message = structuredClone(sent.message) as Extract<Message, { type: T }>;
    change(message, sent.from);
    return [{ ...sent, message }];
  };
const random = seededRandom("nonces");
const another = (text: string): string => `${text.slice(0, 20)}${text[20] === "A" ? "B" : "A"}${text.slice(21)}`;

describe("the sum is exact", () => {
  // The smallest, the greatest and one between: a seed's giver, its taker, and both at once.
  test.each([
    ["nobody drops out", {}],
    ["members drop out before they count", { m001: "contribution-1", m007: "contribution-1" }],
    ["members drop out between the phases", { m001: "contribution-2", m004: "contribution-2" }],
    ["the greatest id drops out", { m006: "contribution-2", m007: "contribution-2" }],
    ["one drops out in each phase", { m003: "contribution-1", m005: "contribution-2" }],
  ] as const)("where %s", (_when, gone) => {
    const world = hybrid({ intercept: vanishing(gone)! });
    const network = run(world);
    expect(network.problems).toEqual([]);
    expect(network.blames).toEqual([]);
    const { survivors, cells } = network.decoded!;
    expect(survivors).toHaveLength(7 - Object.keys(gone).length);
    expect(cells[0]!.values).toEqual([String(plainSum(world, survivors, 0, 0))]);
  });

  test("in registry mode, where phase 1 has no seeds", () => {
    const world = hybrid({ mode: "registry", intercept: vanishing({ m002: "contribution-2" })! });
    const network = run(world);
    expect(network.problems).toEqual([]);
    const { survivors, cells } = network.decoded!;
    expect(cells[0]!.values).toEqual([String(plainSum(world, survivors, 0, 0))]);
    const shares = network.sent.flatMap(({ message }) => (message.type === "shares" ? [message] : []));
    expect(shares.map(({ seeds }) => seeds?.map((boxes) => boxes.length))).toEqual(
      [6, 5, 4, 3, 2, 1, 0].map((takers) => Array(takers).fill(1)),
    );
  });
});

describe("what X25519 alone opens, once somebody can break it", () => {
  /** All private keys of X25519, every self seed and R's key: the victim's contribution without the masks that these give. */
  const read = (suite: "intl" | "intl-pq") => {
    const watch = watched(smallWorld(7, { mode: "registry", opened: { suite } }));
    const network = run(watch.world);
    const { keys, keyset, secrets, context2, contribution2, survivors1, opened } = watch.states.get(VICTIM)!;
    const base = { suite, context: context2, phase: 2 as const };
    const arithmetic = arithmeticOf([1]);
    const words = wordsOfText(contribution2!.words, "words", 1);
    const mask = new BigUint64Array(1);
    maskContribution(mask, base, arithmetic, { keys, seed: secrets.seed2, pairPrivateKey: secrets.pair2 }, []);
    const own = { privateKey: network.receiverPrivateKey, side: "receiver" as const };
    applyMask(mask, envelopeKey(base, opened, keys, own), "add", arithmetic);
    const agree = keyAgreement(suite, secrets.pair2);
    for (const other of keyset.filter(({ signer }) => signer !== VICTIM && survivors1.includes(signer))) {
      const [low, high] = VICTIM < other.signer ? [keys, other] : [other, keys];
      const ofPair = [low, high].map(({ statement }) => statement.body.pair2) as [string, string];
      const use = { ...base, kind: "pair" as const, ids: [low.signer, high.signer] as const, keys: ofPair };
      const key = deriveKey(agree(other.statement.body.pair2), use);
      applyMask(mask, key, VICTIM < other.signer ? "add" : "subtract", arithmetic);
    }
    arithmetic.subtract(words, mask);
    return decodeElements(words, [1])[0]!;
  };

  test("is every contribution of a computation in suite intl", () => {
    expect(read("intl")).toBe(SECRET);
  });

  test("is no contribution of one in suite intl-pq", () => {
    expect(read("intl-pq")).not.toBe(SECRET);
  });

  test("the private key of X25519 is not the secret that seeds follow from", () => {
    const secret = "A".repeat(43);
    expect(publicKeyOf("intl-pq", secret).endsWith(publicKeyOf("intl", secret).slice(-40))).toBe(false);
    expect(pairSeed(secret, 1, "a", "b")).not.toBe(pairSeed(secret, 2, "a", "b"));
    expect(pairSeed(secret, 1, "a", "b")).not.toBe(pairSeed(secret, 1, "a", "c"));
  });
});

describe("who lies about a seed", () => {
  test("a giver whose box does not open takes at most one other along; the sum of the rest is exact", () => {
    const spoil = changing("shares", (message, from) => {
      if (from === "m002") message.seeds![1]![1] = another(message.seeds![1]![1]!);
    });
    const world = hybrid({ intercept: spoil });
    const network = run(world);
    const { survivors, cells } = network.decoded!;
    expect(survivors).toEqual(["m001", "m003", "m004", "m005", "m006", "m007"]);
    expect(cells[0]!.values).toEqual([String(plainSum(world, survivors, 0, 0))]);
  });

  test("a giver whose seeds are not those that it committed to is not accepted, nor does its secret fit", () => {
    const watch = watched(hybrid());
    run(watch.world);
    const { keyset, secrets, context0, opened } = watch.states.get("m002")!;
    const [giver, taker] = [keyset[1]!, keyset[4]!];
    const sealing = { suite: "intl-pq" as const, context0, cohort: opened.cohort };
    const theirs = watch.states.get("m005")!.secrets;
    const boxesOf = (own: typeof secrets) => sealSeeds(sealing, { keys: giver, secrets: own }, [taker], [1, 2], random);
    const open = (boxes: string[][]) => openSeed(sealing, 2, { giver, taker }, theirs.pair2, boxes[0]![1]!);
    expect(open(boxesOf(secrets)).seed).toBe(pairSeed(secrets.pair2, 2, "m002", "m005"));
    expect(() => open(boxesOf({ ...secrets, pair2: theirs.seal }))).toThrow(/not what its keys message commits to/);
    const fits = (seeds2: string) => {
      const body = { ...giver.statement.body, seeds2 };
      const owner = { ...giver, statement: { ...giver.statement, body } };
      const about = { suite: "intl-pq" as const, context: context0, phase: 2 as const, cohort: opened.cohort };
      return secretFits(owner, about, { kind: "pair", secret: secrets.pair2 });
    };
    expect(fits(giver.statement.body.seeds2!)).toBe(true);
    expect(fits(giver.statement.body.seeds1!)).toBe(false);
  });

  test("a coordinator that shows R another seed, or none, is refused", () => {
    for (const change of [
      (seeds: { seed: string }[]) => seeds.splice(0, 1),
      (seeds: { seed: string }[]) => {
        seeds[0]!.seed = another(seeds[0]!.seed);
      },
    ]) {
      const lie = changing("result-2", ({ secrets }) => change(secrets.find(({ kind }) => kind === "pair")!.seeds!));
      const vanish = vanishing({ m005: "contribution-2" })!;
      const intercept: World["intercept"] = (sent, network) => vanish(sent, network).flatMap((one) => lie(one));
      const network = run(hybrid({ intercept }));
      expect(network.decoded).toBeUndefined();
      expect(network.problems.map(({ problem }) => problem.message).join()).toMatch(/seed of m00\d for m005/);
    }
  });
});

test("of members that dispute a box the one in most disputes leaves, and nobody else needs to", () => {
  const watch = watched(hybrid());
  const network = run(watch.world);
  const insider = watch.states.get("m001")!;
  const members = insider.keyset.map(({ signer }) => signer);
  const accepts = network.sent.flatMap(({ message }) => (message.type === "accept" ? [message.accept] : []));
  /** Without the bits that say that `taker` accepted `giver`. */
  const without = (pairs: Readonly<Record<string, readonly string[]>>): Accept[] =>
    accepts
      .toSorted((a, b) => (a.signer < b.signer ? -1 : 1))
      .map((accept) => {
        const bits = Buffer.from(accept.statement.body.accepted, "base64url");
        for (const giver of pairs[accept.signer] ?? []) bits[0]! &= ~(1 << members.indexOf(giver));
        const body = { accepted: bits.toString("base64url") };
        return { ...accept, statement: { ...accept.statement, body } };
      });
  const dealers = (pairs: Readonly<Record<string, readonly string[]>>) =>
    acceptedDealers(network.opened, members, graphIn(insider), { accepts: without(pairs), refusals: [] });
  expect(dealers({})).toEqual(members);
  // m007 says of two honest ones that their boxes do not open.
  expect(dealers({ m007: ["m001", "m002"] })).toEqual(members.slice(0, 6));
  expect(dealers({ m004: ["m002"], m005: ["m002"] })).toEqual(members.filter((one) => one !== "m002"));
  // Who has a smaller id gave no seed: not having its shares is no dispute.
  expect(dealers({ m001: ["m007"] })).toEqual(members);
});
