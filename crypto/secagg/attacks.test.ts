/**
 * Each test is named after the attack of specification §7 it guards against. Where it says "would", the same secrets
 * or answers that the rule withholds are handed to the adversary and open the victim's value.
 */
import { describe, expect, test } from "vitest";
import { toBase64url } from "../suites/encoding.ts";
import {
  interpolate,
  messagesOf,
  openContribution,
  reasonOf,
  SECRET,
  smallWorld,
  VICTIM,
  watched,
} from "./_adversary.ts";
import { C, createNetwork, type Network, names, R, START, sumUp, uuid, type World } from "./_network.ts";
import { twoThirds } from "./constants.ts";
import { maskContext, valueContext } from "./context.ts";
import { publicKeyOf } from "./key-agreement.ts";
import { masksetRoot } from "./keyset.ts";
import { applyMask } from "./masks.ts";
import { startMember, stepMember } from "./member.ts";
import { graphIn } from "./member-setup.ts";
import type { MemberState } from "./member-state.ts";
import { statementsRoot } from "./merkle.ts";
import type { LedgerRecord, RecordOf } from "./opened.ts";
import { type ReceiverState, stepReceiver } from "./receiver.ts";
import type { ReceiverEffect } from "./step.ts";
import { envelopeKey, maskContribution, unmaskSum } from "./sum.ts";
import { arithmeticOf, decodeElements, wordsOfText } from "./words.ts";

/** Of nobody in the cohort: only its missing signature tells it from a member's own. */
const STRANGERS_KEY = publicKeyOf("intl", toBase64url(new Uint8Array(32).fill(7)));

const run = (w: World): Network => {
  const network = createNetwork(w);
  network.run();
  return network;
};
const swallow =
  (type: string, from: string): World["intercept"] =>
  (sent) =>
    sent.message.type === type && sent.from === from ? [] : [sent];
const secretOf = (message: { secrets: readonly { member: string; kind: string; secret: string }[] }, kind: string) =>
  message.secrets.find((secret) => secret.member === VICTIM && secret.kind === kind)?.secret;
const nobodySent = (network: Network, type: string) => !network.sent.some(({ message }) => message.type === type);

test("P-closed-out: drop between phases: secrets of one phase open nothing of another", () => {
  const watch = watched(smallWorld(7, { intercept: swallow("contribution-2", VICTIM) }));
  const network = run(watch.world);
  const victim = watch.states.get(VICTIM)!;
  const [contribution] = messagesOf(network, "contribution-2", VICTIM);
  const seed1 = secretOf(messagesOf(network, "result-1")[0]!, "self")!;
  const pair2 = secretOf(messagesOf(network, "result-2")[0]!, "pair")!;
  expect(network.decoded!.survivors).not.toContain(VICTIM);
  expect([seed1, pair2]).toEqual([victim.secrets.seed1, victim.secrets.pair2]);
  expect(openContribution(network, victim, contribution!, { seed: seed1, pair: pair2 })).not.toBe(SECRET);
  // One self seed for both phases would have been this one:
  expect(openContribution(network, victim, contribution!, { seed: victim.secrets.seed2, pair: pair2 })).toBe(SECRET);
  // t − 1 colluding members add nothing to what C and R hold.
  const colluders = names(7)
    .filter((member) => member !== VICTIM)
    .slice(0, twoThirds(7) - 1);
  expect(interpolate(watch, colluders, VICTIM, "self2")).not.toBe(victim.secrets.seed2);
  expect(interpolate(watch, [...colluders, VICTIM], VICTIM, "self2")).toBe(victim.secrets.seed2);
});

test("P-closed-out: a late contribution opens with nothing that was revealed, because the self mask stays on", () => {
  let late: Parameters<NonNullable<World["intercept"]>>[0] | undefined;
  const watch = watched(
    smallWorld(7, {
      intercept: (sent, network) => {
        if (sent.message.type === "contribution-2" && sent.from === VICTIM) {
          late = sent;
          return [];
        }
        return sent.message.type === "views-2" && late !== undefined && network.records.length > 4
          ? [sent, late]
          : [sent];
      },
    }),
  );
  const network = run(watch.world);
  expect(network.problems.map(({ problem }) => problem.message)).toContain(
    "contribution-2: too late, the set is closed",
  );
  expect(network.decoded!.survivors).not.toContain(VICTIM);
  const victim = watch.states.get(VICTIM)!;
  const [contribution] = messagesOf(network, "contribution-2", VICTIM);
  const pair = secretOf(messagesOf(network, "result-2")[0]!, "pair")!;
  const colluders = names(7)
    .filter((member) => member !== VICTIM)
    .slice(0, twoThirds(7) - 1);
  const guess = interpolate(watch, colluders, VICTIM, "self2") ?? toBase64url(new Uint8Array(32));
  expect(openContribution(network, victim, contribution!, { seed: guess, pair })).not.toBe(SECRET);
  // Without a self mask the pair key alone would open it.
  expect(openContribution(network, victim, contribution!, { seed: victim.secrets.seed2, pair })).toBe(SECRET);
});

test("P-shrinking: survivors that shrink below a cell's minimum: nothing of phase 2 opens", () => {
  const members = names(9);
  const sector = (i: number) => (i < 5 ? "big" : "small");
  const dropped = ["m008", "m009"];
  const base = smallWorld(9, {
    mode: "registry",
    attributes: Object.fromEntries(members.map((member, i) => [member, { sector: sector(i) }])),
    dimensions: [{ name: "sector", size: 2, attribute: { name: "sector", values: ["big", "small"] } }],
    values: Object.fromEntries(members.map((m, i) => [m, i < 5 ? [[1n], [0n]] : [[0n], [BigInt(100 + i)]]])),
    intercept: (sent) => (sent.message.type === "contribution-2" && dropped.includes(sent.from) ? [] : [sent]),
    // A lying C does not report the failure.
    submit: (record) => (record.record === "fail" ? undefined : record),
  });
  const watch = watched(base);
  const network = run(watch.world);
  for (const member of members) expect(reasonOf(network, member)).toBe("aborted cell-below-minimum");
  expect(nobodySent(network, "view-2") && nobodySent(network, "unmask-2")).toBe(true);
  expect(network.decoded).toBeUndefined();
  // Had t holders answered, C and R would have read the sum of m006 and m007 alone, and m006 as soon as m007 colludes.
  const holders = members.slice(0, twoThirds(9));
  const insider = watch.states.get("m001")!;
  const close = network.records.find((record) => record.record === "close") as RecordOf<"close">;
  const survivors = close.headers.map(({ signer }) => signer);
  const secrets = members.map((member) => {
    const kind = survivors.includes(member) ? ("self" as const) : ("pair" as const);
    return { member, kind, secret: interpolate(watch, holders, member, `${kind}2`)! };
  });
  const contributions = survivors.map((member) => ({
    member,
    words: messagesOf(network, "contribution-2", member)[0]!.words,
  }));
  const mask = { suite: "intl" as const, context: insider.context2, phase: 2 as const };
  const arithmetic = arithmeticOf([1]);
  const sum = unmaskSum({
    base: mask,
    context0: insider.context0,
    cohort: network.opened.cohort,
    arithmetic,
    words: 2,
    chunkWords: 2,
    keys: insider.keyset,
    graph: graphIn(insider),
    masked: members,
    headers: close.headers,
    contributions,
    secrets,
  });
  for (const keys of insider.keyset.filter(({ signer }) => survivors.includes(signer))) {
    const own = { privateKey: network.receiverPrivateKey, side: "receiver" as const };
    applyMask(sum, envelopeKey(mask, network.opened, keys, own), "subtract", arithmetic);
  }
  expect(decodeElements(sum, [1])).toEqual([5n, 105n + 106n]);
  expect(interpolate(watch, holders.slice(1), "m006", "self2")).not.toBe(watch.states.get("m006")!.secrets.seed2);
});

describe("unequal views never cancel", () => {
  const watch = watched(smallWorld(3));
  run(watch.world);
  const insiders = names(3).map((member) => watch.states.get(member) ?? watch.states.get("m001")!);
  const residue = (contexts: readonly string[]): bigint => {
    const arithmetic = arithmeticOf([1]);
    const sum = new BigUint64Array(1);
    insiders.forEach(({ keys, secrets, keyset }, i) => {
      const owner = { keys, seed: secrets.seed2, pairPrivateKey: secrets.pair2 };
      const base = { suite: "intl" as const, context: contexts[i]!, phase: 2 as const };
      const words = new BigUint64Array(1);
      maskContribution(words, base, arithmetic, owner, keyset);
      const self = new BigUint64Array(1);
      maskContribution(self, base, arithmetic, owner, []);
      arithmetic.subtract(words, self);
      arithmetic.add(sum, words);
    });
    return sum[0]!;
  };
  const { context1, cells } = insiders[0]!;
  const closing = insiders[0]!.closing1!;

  test("P-unequal-views: unequal bitmaps: pair masks of members that see other cells do not cancel", () => {
    const common = valueContext(context1, closing, cells.bitmap);
    const other = valueContext(context1, closing, "AA");
    expect(residue([common, common, common])).toBe(0n);
    expect(residue([common, other, common])).not.toBe(0n);
  });

  test("P-unequal-views: unequal contexts: another key set, mask set, graph, closing set or opening changes every mask", () => {
    const keyset = { members: ["a", "b"], root: "r" };
    const contexts = [
      maskContext("0", keyset, keyset, null),
      maskContext("1", keyset, keyset, null),
      maskContext("0", { ...keyset, root: "s" }, keyset, null),
      maskContext("0", keyset, { ...keyset, members: ["a"] }, null),
      maskContext("0", keyset, keyset, "graph"),
      maskContext("0", keyset, keyset, "another graph"),
      valueContext("0", "close", "AA"),
      valueContext("0", null, "AA"),
    ];
    expect(new Set(contexts).size).toBe(contexts.length);
    for (const context of contexts.slice(1)) {
      expect(residue([contexts[0]!, contexts[0]!, contexts[0]!])).toBe(0n);
      expect(residue([contexts[0]!, context, contexts[0]!])).not.toBe(0n);
    }
  });
});

test("P-small-cells: unequal bitmaps: a member whose ledger shows other counts refuses before it sends values", () => {
  const w = smallWorld(7);
  const network = createNetwork({
    ...w,
    submit: (r) => (r.record === "counts" ? { ...r, digest: "A".repeat(43) } : r),
  });
  network.run();
  for (const member of w.members) expect(reasonOf(network, member)).toBe("aborted counts-differ");
  expect(nobodySent(network, "contribution-2")).toBe(true);
});

test("P-counts-checked: unequal bitmaps: a false phase-1 transcript is not believed", () => {
  const w = smallWorld(7, {
    intercept: (sent) => {
      if (sent.message.type !== "result-1" || sent.to !== "m002") return [sent];
      const contributions = sent.message.contributions.map((one, i) =>
        i === 0 ? { ...one, words: toBase64url(new Uint8Array(16).fill(1)) } : one,
      );
      return [{ ...sent, message: { ...sent.message, contributions } }];
    },
  });
  const network = run(w);
  expect(network.blames).toMatchObject([{ member: C, reason: expect.stringContaining("signed header") }]);
  expect(network.sent.some(({ from, message }) => from === "m002" && message.type === "contribution-2")).toBe(false);
});

test("P-one-question: unequal contexts: keys made for another opening are refused and their sender named", () => {
  const w = smallWorld(5);
  const network = createNetwork(w);
  const other = { ...network.opened, minimum: 1, queryDigest: "A".repeat(43) };
  network.members.set("m002", startMember({ self: "m002", opened: other, parties: network.parties }));
  network.run();
  // It refuses the documents already: their digest is not the one on its ledger.
  expect(
    network.problems.some(({ party, problem }) => party === "m002" && /documents.query/.test(problem.message)),
  ).toBe(true);
  expect(network.decoded!.survivors).not.toContain("m002");
});

describe("two closing sets", () => {
  const n = 7;
  const watch = watched(smallWorld(n));
  const network = run(watch.world);
  const close = network.records.find((r) => r.record === "close" && r.phase === 2) as RecordOf<"close">;
  const headers = close.headers.filter(({ signer }) => signer !== VICTIM);
  const second: LedgerRecord = { ...close, headers, root: statementsRoot(headers), position: close.position + 50 };
  const deps = (member: string) => ({
    now: START + 5 * 3_600_000,
    sign: network.sign(member),
    random: (bytes: number) => new Uint8Array(bytes),
    history: [],
  });

  test("P-one-closing-set: a member that sees a second closing set for one phase stops and answers neither", () => {
    for (const type of ["view-2", "unmask-2"] as const) {
      const { state, send } = stepMember(watch.at("m001", type), { kind: "ledger", record: second }, deps("m001"));
      expect(state).toMatchObject({ stage: "finished", outcome: "aborted", reason: "two-histories" });
      expect(send).toEqual([]);
    }
  });

  test("P-one-kind: answers to both sets would have opened the value; answers to one do not", () => {
    const holders = names(n).slice(0, twoThirds(n));
    const victim = watch.states.get(VICTIM)!;
    const [contribution] = messagesOf(network, "contribution-2", VICTIM);
    const both = {
      seed: interpolate(watch, holders, VICTIM, "self2")!,
      pair: interpolate(watch, holders, VICTIM, "pair2")!,
    };
    expect(openContribution(network, victim, contribution!, both)).toBe(SECRET);
    // In the run no holder ever gave a pair share of a survivor.
    for (const { unmask } of messagesOf(network, "unmask-2")) {
      expect(unmask.statement.body.shares.find(({ dealer }) => dealer === VICTIM)?.kind).toBe("self");
    }
    const colluders = names(n)
      .filter((m) => m !== VICTIM)
      .slice(0, twoThirds(n) - 1);
    const pair = interpolate(watch, colluders, VICTIM, "pair2") ?? toBase64url(new Uint8Array(32).fill(1));
    expect(openContribution(network, victim, contribution!, { ...both, pair })).not.toBe(SECRET);
  });

  test("P-one-closing-set: shares are released only against q views of the set the member signed itself", () => {
    const viewed = watch.at("m001", "view-2");
    const views = messagesOf(network, "views-2")[0]!;
    const false1 = { ...views, views: views.views.slice(1) };
    const digest = toBase64url(new Uint8Array(32));
    const forged = views.views.map((view) =>
      view.signer === "m002" ? network.sign("m002")("view", { ...view.statement, digest }) : view,
    );
    const twice = [...views.views.slice(1), views.views[1]!];
    for (const message of [false1, { ...views, views: forged }, { ...views, views: twice }]) {
      expect(() => stepMember(viewed, { kind: "message", from: C, message }, deps("m001"))).toThrow(/view/);
    }
    expect(stepMember(viewed, { kind: "message", from: C, message: views }, deps("m001")).state.stage).toBe(
      "unmasked-2",
    );
  });

  test("P-one-closing-set: two quorums for two sets need at least 2q − n members that sign twice", () => {
    for (let members = 3; members <= 129; members++) {
      const q = twoThirds(members);
      expect(2 * q - members).toBeGreaterThanOrEqual(Math.floor(members / 3));
      expect(q).toBeLessThanOrEqual(members);
    }
  });
});

describe.each(["registry", "counted"] as const)("differencing over time, %s mode", (mode) => {
  const first = smallWorld(7, { mode });
  // Registry mode knows the contributors before anything is sent, counted mode after phase 1.
  const stopped = mode === "registry" ? "refused history" : "aborted history";
  const total = (network: Network) => BigInt(network.decoded!.cells[0]!.values[0]!);

  test("P-history: restart without one member: an earlier view-2 forbids a set that differs by one", () => {
    const histories = new Map();
    const before = run({ ...first, histories });
    const members = names(7).filter((member) => member !== VICTIM);
    const without: World = { ...first, members, computation: uuid(2), seed: "again" };
    // Without history the difference is the victim's value:
    expect(total(before) - total(run(without))).toBe(SECRET);
    const after = run({ ...without, histories });
    for (const member of members) expect(reasonOf(after, member)).toBe(stopped);
    expect(nobodySent(after, "contribution-2")).toBe(true);
  });

  test("P-history: revised asset: the same members with one revised table would reveal the revision", () => {
    const histories = new Map();
    const before = run({ ...first, histories });
    const revised: World = {
      ...first,
      computation: uuid(2),
      seed: "again",
      values: { ...first.values, [VICTIM]: [[SECRET + 77n]] },
      versions: { [VICTIM]: 2 },
    };
    expect(total(run(revised)) - total(before)).toBe(77n);
    const after = run({ ...revised, histories });
    for (const member of first.members) expect(reasonOf(after, member)).toBe(stopped);
  });

  test("P-history: the identical set may be released again", () => {
    const histories = new Map();
    const before = run({ ...first, histories });
    const again = run({ ...first, histories, computation: uuid(2), seed: "again" });
    expect(total(again)).toBe(total(before));
  });

  test("P-history: a run that failed before view-2 blocks nothing", () => {
    const histories = new Map();
    const failed = run({ ...first, histories, submit: (r) => (r.record === "close" && r.phase === 2 ? undefined : r) });
    expect(failed.decoded).toBeUndefined();
    expect(histories.size).toBe(0);
    const members = names(7).filter((member) => member !== VICTIM);
    expect(run({ ...first, members, histories, computation: uuid(2), seed: "again" }).decoded).toBeDefined();
  });

  test("P-history: a value release exists from view-2 on, delivered or not", () => {
    const histories = new Map();
    const undelivered = run({ ...first, histories, intercept: (sent) => (sent.to === R ? [] : [sent]) });
    expect(undelivered.decoded).toBeUndefined();
    const members = names(7).filter((member) => member !== VICTIM);
    const after = run({ ...first, members, histories, computation: uuid(2), seed: "again" });
    expect(reasonOf(after, "m001")).toBe(stopped);
  });
});

test("P-once: recomputed contribution after a crash: only the persisted bytes are ever resent", () => {
  const watch = watched(smallWorld(5));
  const network = run(watch.world);
  const deps = { now: START, sign: network.sign(VICTIM), random: (k: number) => new Uint8Array(k), history: [] };
  const sent = watch.at(VICTIM, "contribution-2");
  const again = stepMember(sent, { kind: "resume" }, deps);
  expect(again.send.map(({ message }) => message)).toEqual(messagesOf(network, "contribution-2", VICTIM));
  const other = { kind: "values" as const, index: 0, words: new BigUint64Array([SECRET + 5n]) };
  expect(() => stepMember(sent, other, deps)).toThrow(/already given once/);
  // A member that computed again under the same keys would reveal the difference of its two tables:
  const { contribution2, ...rest } = sent as MemberState & { stage: "contributed-2" };
  const before = { ...rest, stage: "valuing", masking: { chunks: [], first: "" } } as MemberState;
  const recomputed = stepMember(before, other, deps);
  const words = (recomputed.send[0]!.message as typeof contribution2)!.words;
  const difference = wordsOfText(words, "w", 1)[0]! - wordsOfText(contribution2!.words, "w", 1)[0]!;
  expect(BigInt.asIntN(64, difference)).toBe(5n);
});

test("P-envelope: C with R's homomorphic key does not read the sum: every member's words are under its mask with R too", () => {
  const members = names(5);
  const watch = watched(smallWorld(5));
  const network = run(watch.world);
  const arithmetic = arithmeticOf([1]);
  const envelope = { method: "bfv" as const, parameters: "bfv-4096-104-75" };
  const sum = new BigUint64Array(1);
  for (const member of members) {
    const deps = { now: START, sign: network.sign(member), random: (k: number) => new Uint8Array(k), history: [] };
    const sent = watch.at(member, "contribution-2") as MemberState & { stage: "contributed-2" };
    const { contribution2: _sent, ...rest } = sent;
    const opened = { ...rest.opened, envelope };
    const before = { ...rest, opened, stage: "valuing", masking: { chunks: [], first: "" } } as MemberState;
    const value = network.decoded!.survivors.indexOf(member) + 1;
    const words = BigUint64Array.of(member === VICTIM ? SECRET : BigInt(value));
    // What an encryption under R's homomorphic key holds, and all that whoever has that key gets out of it.
    const [effect] = stepMember(before, { kind: "values", index: 0, words }, deps).effects;
    if (effect?.kind !== "encrypt") throw new TypeError(`wanted an encryption, got ${effect?.kind}`);
    arithmetic.add(sum, effect.words);
    const { keys, secrets, keyset, context2 } = watch.states.get(member)!;
    const base = { suite: "intl" as const, context: context2, phase: 2 as const };
    const masks = new BigUint64Array(1);
    const owner = { keys, seed: secrets.seed2, pairPrivateKey: secrets.pair2 };
    maskContribution(masks, base, arithmetic, owner, keyset);
    arithmetic.subtract(sum, masks);
  }
  const total = 1n + 2n + 3n + SECRET + 5n;
  expect(sum[0]).not.toBe(total);
  const insider = watch.states.get("m001")!;
  for (const keys of insider.keyset) {
    const base = { suite: "intl" as const, context: insider.context2, phase: 2 as const };
    const own = { privateKey: network.receiverPrivateKey, side: "receiver" as const };
    applyMask(sum, envelopeKey(base, network.opened, keys, own), "subtract", arithmetic);
  }
  expect(sum[0]).toBe(total);
});

test("P-rollback: rolled-back store: a statement of ours that others hold and we do not know aborts the computation", () => {
  const watch = watched(smallWorld(5));
  const network = run(watch.world);
  const deps = { now: START, sign: network.sign(VICTIM), random: (k: number) => new Uint8Array(k), history: [] };
  const header = messagesOf(network, "contribution-2", VICTIM)[0]!.header;
  const view = messagesOf(network, "view-2", VICTIM)[0]!.view;
  const restored = watch.at(VICTIM, "unmask-1");
  for (const statement of [header, view]) {
    const { state } = stepMember(restored, { kind: "witnessed", statements: [statement] }, deps);
    expect(state).toMatchObject({ stage: "finished", outcome: "aborted", reason: "store-rolled-back" });
  }
  const current = watch.at(VICTIM, "unmask-2");
  expect(stepMember(current, { kind: "witnessed", statements: [header, view] }, deps).state).toEqual(current);
  const first = header.signature.startsWith("A") ? "B" : "A";
  const foreign = { ...header, signature: `${first}${header.signature.slice(1)}` };
  expect(stepMember(restored, { kind: "witnessed", statements: [foreign] }, deps).state.stage).not.toBe("finished");
});

test("P-attributed: wrong share: a returned share that misses its leaf convicts the holder, and the run goes on without it", () => {
  const w = smallWorld(7, {
    intercept: (sent, network) => {
      if (sent.message.type !== "unmask-2" || sent.from !== "m003") return [sent];
      const { statement } = sent.message.unmask;
      const shares = statement.body.shares.map((one, i) =>
        i === 0 ? { ...one, share: `AA${one.share.slice(2)}` } : one,
      );
      const lie = network.sign("m003")("secagg-message", { ...statement, body: { ...statement.body, shares } });
      return [{ ...sent, message: { ...sent.message, unmask: lie } }];
    },
  });
  const network = run(w);
  expect(network.blames).toMatchObject([{ member: "m003", reason: "wrong-share" }]);
  expect(network.decoded!.survivors).toEqual(w.members);
});

test("P-one-kind P-attributed: wrong share: of the other kind, or of a member outside S1, is not counted either", () => {
  const w = smallWorld(7, {
    intercept: (sent, network) => {
      if (sent.message.type !== "unmask-2" || sent.from !== "m003") return [sent];
      const { statement } = sent.message.unmask;
      const shares = statement.body.shares.map((one) => ({ ...one, kind: "pair" as const }));
      const lie = network.sign("m003")("secagg-message", { ...statement, body: { ...statement.body, shares } });
      return [{ ...sent, message: { ...sent.message, unmask: lie } }];
    },
  });
  expect(run(w).blames).toMatchObject([{ member: "m003", reason: "wrong-set" }]);
});

test("P-attributed: wrong leaf: a dealer whose boxes miss their leaves is not in the mask set, and nobody is convicted", () => {
  const w = smallWorld(7, {
    intercept: (sent) => {
      if (sent.message.type !== "shares" || sent.from !== "m003") return [sent];
      // Boxes of other holders: they do not open, or do not match.
      const boxes = sent.message.boxes.toReversed();
      return [{ ...sent, message: { ...sent.message, boxes } }];
    },
  });
  const network = run(w);
  expect(network.records.find(({ record }) => record === "maskset")).toMatchObject({
    members: w.members.filter((member) => member !== "m003"),
  });
  expect(network.blames).toEqual([]);
  expect(network.decoded!.survivors).not.toContain("m003");
});

test.each(["seed1", "pair2"] as const)(
  "P-attributed: wrong seed: shares that match their leaves but give a wrong %s convict the dealer",
  (name) => {
    const w = smallWorld(7, {
      intercept: (sent, network) => {
        if (sent.message.type === "keyset" && sent.to === "m003") {
          const state = network.members.get("m003") as MemberState & { stage: "keyed" };
          const secrets = { ...state.secrets, [name]: toBase64url(new Uint8Array(32).fill(8)) };
          network.members.set("m003", { ...state, secrets });
        }
        return sent.message.type === "contribution-2" && sent.from === "m003" ? [] : [sent];
      },
    });
    const network = run(w);
    expect(network.blames).toMatchObject([{ member: "m003", reason: "wrong-secret" }]);
    expect(network.records.at(-1)).toMatchObject({ record: "fail", reason: "wrong-secret", blamed: "m003" });
    expect(network.decoded).toBeUndefined();
  },
);

describe("substituted or low-order key", () => {
  const lowOrder = toBase64url(new Uint8Array(32));

  test("P-keys: a key that C substitutes is not accepted, even under a root of its own", () => {
    const w = smallWorld(5, {
      intercept: (sent) => {
        if (sent.message.type !== "keyset") return [sent];
        const keys = sent.message.keys.map((one) =>
          one.signer === VICTIM
            ? {
                ...one,
                statement: {
                  ...one.statement,
                  body: { ...one.statement.body, pair2: STRANGERS_KEY },
                },
              }
            : one,
        );
        return [{ ...sent, message: { ...sent.message, keys } }];
      },
    });
    const network = run(w);
    expect(network.problems.filter(({ problem }) => /root differs/.test(problem.message))).toHaveLength(5);
    expect(nobodySent(network, "shares")).toBe(true);
    const rooted = createNetwork({
      ...w,
      submit: (record) => (record.record === "keyset" ? { ...record, root: rootOfLie(record) } : record),
    });
    const rootOfLie = (_record: LedgerRecord): string => {
      const state = rooted.coordinator as { keyset?: { signer: string; statement: { body: object } }[] };
      return statementsRoot(
        (state.keyset ?? []).map((one) =>
          one.signer === VICTIM
            ? {
                ...one,
                statement: {
                  ...one.statement,
                  body: { ...one.statement.body, pair2: STRANGERS_KEY },
                },
              }
            : one,
        ),
      );
    };
    rooted.run();
    expect(nobodySent(rooted, "shares")).toBe(true);
    expect(rooted.problems.some(({ problem }) => /not signed by m004/.test(problem.message))).toBe(true);
  });

  test.each(["low order", "repeats"])(
    "P-keys P-attributed: a member's own key message with a %s key keeps it out, by name",
    (kind) => {
      const w = smallWorld(7, {
        intercept: (sent, network) => {
          if (sent.message.type !== "keys" || sent.from !== "m003") return [sent];
          const { statement } = sent.message.keys;
          const pair1 = kind === "low order" ? lowOrder : statement.body.pair2;
          const lie = network.sign("m003")("secagg-message", { ...statement, body: { ...statement.body, pair1 } });
          return [{ ...sent, message: { ...sent.message, keys: lie } }];
        },
      });
      const network = run(w);
      expect(network.blames).toMatchObject([{ member: "m003", reason: "refused-keys" }]);
      expect(network.decoded!.survivors).not.toContain("m003");
    },
  );
});

test("P-omission: omitted receipt: a member left out although C had receipted it posts the receipt, and R withholds", () => {
  const w = smallWorld(7, {
    intercept: (sent, network) => {
      if (sent.message.type === "receipt-2" && sent.to === VICTIM) {
        // C forgets the contribution it has just receipted.
        const state = network.coordinator as typeof network.coordinator & { stage: "contributions" };
        const contributions = Object.fromEntries(
          Object.entries(state.round.contributions).filter(([m]) => m !== VICTIM),
        );
        network.coordinator = { ...state, round: { ...state.round, contributions } };
      }
      return [sent];
    },
  });
  const network = run(w);
  expect(network.records).toContainEqual(expect.objectContaining({ record: "omitted", phase: 2, member: VICTIM }));
  expect(network.sent.some(({ to, message }) => to === R && message.type === "omitted")).toBe(true);
  expect(network.withheld).toContain("omitted");
  expect(network.sent.some(({ from, message }) => from === VICTIM && message.type === "view-2")).toBe(false);
  expect(network.records.some(({ record }) => record === "release")).toBe(false);
});

test("P-omission: a closing set before the deadline without being complete is not valid", () => {
  const w = smallWorld(7, {
    intercept: swallow("contribution-1", VICTIM),
    submit: (record) =>
      record.record === "close" ? { ...record, time: new Date(START + 3 * 3_600_000 - 1000).toISOString() } : record,
  });
  const network = run(w);
  for (const member of w.members) expect(reasonOf(network, member)).toBe("aborted closing-set");
  expect(nobodySent(network, "view-1")).toBe(true);
});

test("P-omission: a view is signed only if the own clock is at the deadline, less a minute, or the set is complete", () => {
  const watch = watched(smallWorld(7, { intercept: swallow("contribution-2", VICTIM) }));
  const network = run(watch.world);
  const record = network.records.find((r) => r.record === "close" && r.phase === 2)!;
  const before = watch.at("m001", "contribution-2");
  const deadline = START + 4 * 3_600_000;
  const at = (now: number) =>
    stepMember(
      before,
      { kind: "ledger", record },
      { now, sign: network.sign("m001"), random: () => new Uint8Array(), history: [] },
    );
  const early = at(deadline - 60_001);
  expect(early.state.stage).toBe("contributed-2");
  expect(early.effects).toEqual([{ kind: "wake", at: deadline - 60_000 }]);
  expect(at(deadline - 60_000).state.stage).toBe("viewed-2");
});

test("P-keys: non-dealer in the key set: a mask set with a member whose shares were not accepted stops every member", () => {
  const watch = watched(smallWorld(7, { intercept: swallow("shares", VICTIM) }));
  const network = run(watch.world);
  const honest = network.records.find(({ record }) => record === "maskset") as RecordOf<"maskset">;
  expect(honest.members).not.toContain(VICTIM);
  const message = messagesOf(network, "maskset")[0]!;
  const deps = { now: START, sign: network.sign("m001"), random: (k: number) => new Uint8Array(k), history: [] };
  const step = (members: readonly string[], said = message) => {
    const { state } = stepMember(
      watch.at("m001", "accept"),
      { kind: "ledger", record: { ...honest, members, root: masksetRoot(said) } },
      deps,
    );
    return stepMember(state, { kind: "message", from: C, message: said }, deps).state;
  };
  expect(() => step(names(7))).toThrow(/not the dealers that were accepted/);
  expect(() => step([...honest.members, "stranger"])).toThrow(/not the dealers that were accepted/);
  // Nor can C make up accepts, or drop a dealer that was accepted.
  const forged = message.accepts.map((one) => ({ ...one, statement: { ...one.statement, body: { accepted: "fw" } } }));
  expect(() => step(names(7), { ...message, accepts: forged })).toThrow(/not signed by/);
  expect(() => step(honest.members.slice(1))).toThrow(/not the dealers that were accepted/);
  expect(step(honest.members).stage).toBe("counting");
});

test("P-small-cells: equal unit domains: assets that draw their units from one population, or name none, are not summed", () => {
  const units = (domain?: string) => ({ kind: "field" as const, ...(domain === undefined ? {} : { domain }) });
  const members = names(5);
  const layout = (list: readonly (string | undefined)[]) => ({
    units: Object.fromEntries(members.map((member, i) => [member, units(list[i])])),
  });
  const build = (list: readonly (string | undefined)[], over = {}) =>
    createNetwork(smallWorld(5, { layout: { ...layout(list), ...over } }));
  expect(() => build(["a", "b", "c", "d", "a"])).toThrow(/two assets draw their units from a/);
  expect(() => build(["a", "b", "c", "d", undefined])).toThrow(/declares no unit domain/);
  expect(() => build(["a", "b", "c", "d", "e"])).not.toThrow();
  expect(() => build(["a", "a", "c", "d", "e"], { sharedUnitDomains: true })).not.toThrow();
});

test("P-revocation: revocation stops a run only before view-2", () => {
  const watch = watched(smallWorld(5));
  const network = run(watch.world);
  const deps = { now: START, sign: network.sign("m001"), random: (k: number) => new Uint8Array(k), history: [] };
  const before = stepMember(watch.at("m001", "contribution-2"), { kind: "revoked" }, deps);
  expect(before.state).toMatchObject({ stage: "finished", outcome: "aborted", reason: "revoked" });
  expect(stepMember(watch.at("m001", "view-2"), { kind: "revoked" }, deps).state.stage).toBe("viewed-2");
});

test("P-attributed: a lying member is refused and named: wrong length, second contribution, out of cohort", () => {
  const w = smallWorld(7, {
    intercept: (sent, network) => {
      if (sent.message.type !== "contribution-1" || sent.from !== "m003") return [sent];
      const { statement } = sent.message.header;
      const longer = network.sign("m003")("secagg-message", { ...statement, bytes: 24 });
      const forged = { ...sent, message: { ...sent.message, header: longer, words: toBase64url(new Uint8Array(24)) } };
      const other = network.sign("m003")("secagg-message", { ...statement, digest: "A".repeat(43) });
      const second = { ...sent, message: { ...sent.message, header: other } };
      return [forged, sent, second, { ...sent, from: "sequencer" }];
    },
  });
  const network = run(w);
  expect(network.blames.map(({ member, reason }) => `${member} ${reason}`)).toEqual([
    "m003 refused-contribution-1",
    "m003 refused-contribution-1",
    "sequencer refused-contribution-1",
  ]);
  expect(network.decoded!.survivors).toEqual(w.members);
});

test("P-sum-checked: the result is decoded once: R refuses a second, different transcript, and one that misses the ledger", () => {
  const w = smallWorld(5);
  const states: ReceiverState[] = [];
  const network = run({
    ...w,
    intercept: (sent, net) => {
      if (sent.to === R) states.push(net.receiver);
      return [sent];
    },
    submit: (record) => (record.record === "release" ? undefined : record),
  });
  const message = messagesOf(network, "result-2")[0]!;
  const deps = { now: START, sign: network.sign(R) };
  const give = (state: ReceiverState, given: typeof message) =>
    stepReceiver(state, { kind: "message", from: C, message: given }, deps);
  const [contribution, ...rest] = message.contributions;
  const altered = { ...message, contributions: [{ ...contribution!, words: "AAAAAAAAAAA" }, ...rest] };
  const [secret, ...secrets] = message.secrets;
  const otherSecret = { ...message, secrets: [{ ...secret!, secret: "A".repeat(43) }, ...secrets] };
  expect(network.receiver.stage).toBe("decoded");
  expect(give(network.receiver, message).effects).toEqual([]);
  expect(() => give(network.receiver, altered)).toThrow(/decodes once/);
  const before = states[0]!;
  expect(before.stage).toBe("waiting");
  expect(() => give(before, altered)).toThrow(/signed header/);
  expect(() => give(before, otherSecret)).toThrow(/does not fit its keys message/);
  expect(() => give(before, { ...message, secrets })).toThrow(/one self seed per survivor/);
  expect(() => give(before, { ...message, views: message.views.slice(1) })).toThrow(/signers/);
  expect(() => give(before, { ...message, counts: { ...message.counts!, counts: [4] } })).toThrow(/counts/);
  const summing = give(before, message);
  expect(summing.effects).toMatchObject([{ kind: "sum" }]);
  const [effect] = summing.effects as [Extract<ReceiverEffect, { kind: "sum" }>];
  const { cells: _legible, ...decoded } = network.decoded!;
  const none = () => new Uint8Array();
  expect(stepReceiver(summing.state, sumUp(effect.plan, none), deps).effects).toMatchObject([
    { kind: "decoded", result: decoded },
  ]);
  expect(() => give(summing.state, altered)).toThrow(/decodes once/);
});
