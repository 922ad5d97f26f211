/**
 * Fingerprints above 10^6 words (specification §6): what a member checks, one lie per test. The checks do not depend on
 * the size, so most tests fold a small run; the last ones run the protocol above the bound.
 */
import { describe, expect, test } from "vitest";
import { fromBase64url, toBase64url } from "../suites/encoding.ts";
import { messagesOf, smallWorld, watched } from "./_adversary.ts";
import { C, createNetwork, names, plainSum, START, type World } from "./_network.ts";
import { usesFingerprints } from "./constants.ts";
import { closingDigest } from "./context.ts";
import { type CoordinatorState, stepCoordinator } from "./coordinator.ts";
import {
  FINGERPRINT_PRIME,
  type FoldedSum,
  fingerprinter,
  fingerprintOfSum,
  fingerprintOfText,
  fingerprintOfWords,
  fingerprintPoint,
  foldContributions,
  foldedDigest,
  textOfFingerprint,
  textOfFolded,
  viewsDigest,
} from "./fingerprint.ts";
import { stepMember } from "./member.ts";
import { graphIn } from "./member-setup.ts";
import type { Fingerprint } from "./messages.ts";
import type { RecordOf } from "./opened.ts";
import { countsShape } from "./phase-facts.ts";
import { redoPhase1 } from "./phase1-sum.ts";
import { wordsOfText } from "./words.ts";

/** A run of seven members as if it had been above the bound: close-1 commits to the sum, everyone signs a fingerprint. */
function foldedRun() {
  const watch = watched(smallWorld(7));
  const network = createNetwork(watch.world);
  network.run();
  const insider = watch.states.get("m001")!;
  const { message } = { message: messagesOf(network, "result-1")[0]! };
  const vectors = message.contributions.map(({ words }) => wordsOfText(words, "words", 2));
  const sum = foldContributions(vectors, 2);
  const record = network.records.find((r) => r.record === "close" && r.phase === 1) as RecordOf<"close">;
  const close = { ...record, sum: foldedDigest(sum) };
  const closing = closingDigest(insider.opened.computation, close);
  const views = viewsDigest(messagesOf(network, "views-1")[0]!.views);
  const graph = graphIn(insider);
  const about = { ...insider, keys: insider.keyset, graph, close, closing, views, shape: countsShape(insider.layout) };
  const at = fingerprinter(fingerprintPoint(closing, views));
  const sign = (member: string, value: bigint, over = {}): Fingerprint =>
    network.sign(member)("secagg-message", {
      type: "fingerprint",
      computation: insider.opened.computation,
      request: insider.opened.request,
      phase: 1,
      context: insider.context1,
      body: { closing, views, value: textOfFingerprint(value), ...over },
    });
  const fingerprints = message.contributions.map(({ member }, i) => sign(member, fingerprintOfWords(at, vectors[i]!)));
  const folded = { ...textOfFolded(sum), fingerprints };
  const result = { ...message, contributions: [] as typeof message.contributions, folded };
  return { watch, network, about, at, sign, message, result, sum, fingerprints, vectors };
}

describe("members check the sum of the fingerprints against C's sum and carries, and expand the masks themselves", () => {
  const { about, at, sign, message, result, sum, fingerprints, vectors } = foldedRun();
  const { folded } = result;
  const claim = (lie: FoldedSum, signed = fingerprints, close = about.close) =>
    redoPhase1({ ...about, close }, { ...result, folded: { ...textOfFolded(lie), fingerprints: signed } });
  const committed = (lie: FoldedSum) => ({ ...about.close, sum: foldedDigest(lie) });

  test("a true sum gives the counts that the whole transcript gives", () => {
    expect([...redoPhase1(about, result)]).toEqual([7n, 7n]);
    const { sum: _none, ...plain } = about.close;
    expect(redoPhase1({ ...about, close: plain }, message)).toEqual(redoPhase1(about, result));
  });

  test("a wrong sum is caught, committed to or not", () => {
    const lie = { ...sum, words: sum.words.map((word, j) => (j === 0 ? word + 1n : word)) };
    expect(() => claim(lie)).toThrow(/not the sum that close-1 commits to/);
    expect(() => claim(lie, fingerprints, committed(lie))).toThrow(/not that of the contributions/);
  });

  test("wrong carries are caught, committed to or not, and none may exceed what the survivors can give", () => {
    const lie = { ...sum, carries: sum.carries.map((carry) => (carry + 1) % 7) };
    expect(() => claim(lie)).toThrow(/not the sum that close-1 commits to/);
    expect(() => claim(lie, fingerprints, committed(lie))).toThrow(/not that of the contributions/);
    const large = { ...sum, carries: sum.carries.map(() => 7) };
    expect(() => claim(large, fingerprints, committed(large))).toThrow(/a carry that so many contributions/);
  });

  test("a fingerprint that its survivor did not sign is caught", () => {
    const [first, ...rest] = fingerprints;
    const body = { ...first!.statement.body, value: textOfFingerprint(5n) };
    const altered = { ...first!, statement: { ...first!.statement, body } };
    const foreign = { ...sign("m002", 5n), signer: "m001" };
    for (const forged of [altered, foreign]) {
      const lie = { ...result, folded: { ...folded, fingerprints: [forged, ...rest] } };
      expect(() => redoPhase1(about, lie)).toThrow(/not signed by m001/);
    }
  });

  test("a wrong fingerprint that its survivor signed is caught by members, too", () => {
    const signed = fingerprints.map((one) => (one.signer === "m003" ? sign("m003", 5n) : one));
    expect(() => claim(sum, signed)).toThrow(/not that of the contributions/);
  });

  test("an omitted survivor is caught, and one that comes twice", () => {
    const without = { ...result, folded: { ...folded, fingerprints: fingerprints.slice(1) } };
    expect(() => redoPhase1(about, without)).toThrow(/one fingerprint or contribution of each survivor/);
    const twice = { ...result, folded: { ...folded, fingerprints: [...fingerprints.slice(1), fingerprints[1]!] } };
    expect(() => redoPhase1(about, twice)).toThrow(/one fingerprint or contribution of each survivor/);
    const both = { ...result, contributions: message.contributions.slice(0, 1) };
    expect(() => redoPhase1(about, both)).toThrow(/one fingerprint or contribution of each survivor/);
    const stranger = { ...sign("m001", 5n), signer: "stranger" };
    const other = { ...result, folded: { ...folded, fingerprints: [...fingerprints.slice(1), stranger] } };
    expect(() => redoPhase1(about, other)).toThrow(/nothing of the survivor m001/);
  });

  test("fingerprints at another point are caught: another closing set, other views, another phase or computation", () => {
    const other = toBase64url(new Uint8Array(32).fill(9));
    for (const over of [{ views: other }, { closing: other }]) {
      const signed = fingerprints.map((one) =>
        one.signer === "m001" ? sign("m001", fingerprintOfText(one.statement.body.value), over) : one,
      );
      expect(() => claim(sum, signed)).toThrow(/fingerprint of m001: at another point/);
    }
    expect(() => redoPhase1({ ...about, views: other }, result)).toThrow(/at another point/);
  });

  test("a survivor that signed none is shown whole, and only its own contribution will do", () => {
    const shown = { ...result, contributions: message.contributions.slice(0, 2) };
    const rest = { ...shown, folded: { ...folded, fingerprints: fingerprints.slice(2) } };
    expect([...redoPhase1(about, rest)]).toEqual([7n, 7n]);
    const swapped = rest.contributions.map((one, i) => ({ ...one, words: message.contributions[1 - i]!.words }));
    expect(() => redoPhase1(about, { ...rest, contributions: swapped })).toThrow(/differs from its signed header/);
  });

  test("sum and fingerprints come exactly where close-1 names a sum", () => {
    const { sum: _none, ...plain } = about.close;
    expect(() => redoPhase1({ ...about, close: plain }, result)).toThrow(/exactly where close-1 names a sum/);
    expect(() => redoPhase1(about, message)).toThrow(/exactly where close-1 names a sum/);
  });

  test("C commits before the point is known: else C and one survivor could choose the counts after they are open", () => {
    // Counts are open now; C wants seven more, and m007 signs whatever makes the equation hold.
    const wanted = { ...sum, words: sum.words.map((word, j) => (j === 0 ? word + 7n : word)) };
    const others = fingerprints
      .slice(0, 6)
      .reduce((total, one) => total + fingerprintOfText(one.statement.body.value), 0n);
    const missing =
      (((fingerprintOfSum(at, wanted) - others) % FINGERPRINT_PRIME) + FINGERPRINT_PRIME) % FINGERPRINT_PRIME;
    const signed = [...fingerprints.slice(0, 6), sign("m007", missing)];
    expect([...claim(wanted, signed, committed(wanted))]).toEqual([14n, 7n]);
    expect(() => claim(wanted, signed)).toThrow(/not the sum that close-1 commits to/);
  });

  test("what C and a lying survivor can still do is what that survivor alone could: another contribution, made blindly", () => {
    // Committed before anything is open, the lie is a fixed shift of the masked sum, as if m007 had sent other words.
    const shifted = [...vectors.slice(0, 6), vectors[6]!.map((word, j) => (j === 0 ? word + 3n : word))];
    const lie = foldContributions(shifted, 2);
    const signed = [...fingerprints.slice(0, 6), sign("m007", fingerprintOfWords(at, shifted[6]!))];
    expect([...claim(lie, signed, committed(lie))]).toEqual([10n, 7n]);
  });
});

test("C alone cannot place a sum: with the point unknown when it commits, another sum passes at no point tried", () => {
  const { sum, vectors } = foldedRun();
  const lie = { ...sum, words: sum.words.map((word) => word + 1n) };
  for (let attempt = 0; attempt < 100; attempt++) {
    const at = fingerprinter(fingerprintPoint(foldedDigest(lie), `views ${attempt}`));
    const total = vectors.reduce((value, vector) => value + fingerprintOfWords(at, vector), 0n);
    expect(total % FINGERPRINT_PRIME).not.toBe(fingerprintOfSum(at, lie));
  }
});

describe("a computation above 10^6 words over the cohort", () => {
  const atoms = 72_000;
  const members = names(7);
  const world: World = smallWorld(7, {
    dimensions: [{ name: "cell", size: atoms }],
    values: Object.fromEntries(
      members.map((member, i) => [member, Array.from({ length: atoms }, () => [BigInt(i + 1)])]),
    ),
  });
  let unmasking: CoordinatorState | undefined;
  const watch = watched({
    ...world,
    // m002 drops after close-1, m003 lies about its fingerprint.
    intercept: (sent, network) => {
      if (sent.to === C && sent.message.type === "unmask-1") unmasking = network.coordinator;
      if (sent.message.type !== "unmask-1") return [sent];
      if (sent.from === "m002") {
        network.silent.add("m002");
        return [];
      }
      if (sent.from !== "m003") return [sent];
      const { statement } = sent.message.fingerprint!;
      const body = { ...statement.body, value: textOfFingerprint(5n) };
      const fingerprint = network.sign("m003")("secagg-message", { ...statement, body });
      return [{ ...sent, message: { ...sent.message, fingerprint } }];
    },
  });
  const network = createNetwork(watch.world);
  network.run();
  const results = messagesOf(network, "result-1");

  test("phase 1 is checked by fingerprints, the sums are exact, and the result is far below a transcript", () => {
    expect(usesFingerprints(network.opened)).toBe(true);
    expect(network.problems).toEqual([]);
    expect(network.decoded!.survivors).toEqual(members.filter((member) => member !== "m002"));
    const [first] = network.decoded!.cells;
    expect(first!.values).toEqual([String(plainSum(world, network.decoded!.survivors, 0, 0))]);
    expect(network.decoded!.cells).toHaveLength(atoms);
    expect(JSON.stringify(results[0]).length).toBeLessThan(0.6 * 7 * 2 * atoms * 8 * (4 / 3));
  });

  test("a survivor that lies in its fingerprint is named with its signed words, and the run goes on", () => {
    expect(network.blames).toMatchObject([
      { member: "m003", reason: "wrong-fingerprint", evidence: { header: { signer: "m003" }, fingerprint: {} } },
    ]);
    expect(results[0]!.folded!.fingerprints.map(({ signer }) => signer)).toEqual([
      "m001",
      "m004",
      "m005",
      "m006",
      "m007",
    ]);
  });

  test("survivors that drop after close-1 are shown whole, up to 10^6 words; more of them fail phase 1 at its deadline", () => {
    expect(results[0]!.contributions.map(({ member }) => member)).toEqual(["m002", "m003"]);
    const step = (layoutAtoms: number, hours: number) => {
      const deps = {
        now: START + hours * 3_600_000,
        sign: network.sign(C),
        random: (bytes: number) => new Uint8Array(bytes),
        kept: (phase: 1 | 2, member: string) =>
          fromBase64url(messagesOf(network, `contribution-${phase}`, member)[0]!.words, "words"),
        held: () => 1,
      };
      let state = unmasking!;
      for (const message of messagesOf(network, "unmask-1")) {
        if (["m002", "m003"].includes(message.unmask.signer)) continue;
        const input = { kind: "message" as const, from: message.unmask.signer, message };
        state = stepCoordinator(state, input, { ...deps, now: START }).state;
      }
      const answered = state as CoordinatorState & { stage: "unmasking" };
      const layout = { ...answered.layout, atoms: layoutAtoms };
      return stepCoordinator({ ...answered, layout }, { kind: "tick" }, deps).state;
    };
    expect(unmasking).toMatchObject({ stage: "unmasking" });
    expect(step(300_000, 3.9).stage).toBe("unmasking");
    expect(step(300_000, 4.1)).toMatchObject({ stage: "failing", reason: "too-few-fingerprints" });
  });

  test("a member does not take a false sum, and blames the coordinator", () => {
    const deps = {
      now: START + 3 * 3_600_000,
      sign: network.sign("m001"),
      random: (bytes: number) => new Uint8Array(bytes),
      history: [],
    };
    const record = network.records.find(({ record }) => record === "counts")!;
    const { folded } = results[0]!;
    const lie = { ...results[0]!, folded: { ...folded!, sum: `B${folded!.sum.slice(1)}` } };
    const before = watch.at("m001", "unmask-1");
    const early = stepMember(before, { kind: "message", from: C, message: lie }, deps);
    const exposed = stepMember(early.state, { kind: "ledger", record }, deps);
    expect(exposed.effects).toMatchObject([{ kind: "blame", member: C, reason: /commits to/ }]);
    expect(exposed.state.stage).toBe("unmasked-1");
    const honest = stepMember(exposed.state, { kind: "message", from: C, message: results[0]! }, deps);
    expect(honest.state.stage).toBe("valuing");
  });
});
