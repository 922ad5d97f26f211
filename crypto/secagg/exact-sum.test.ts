import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { C, createNetwork, type Network, names, plainSum, R, type World } from "./_network.ts";
import type { MessageType } from "./messages.ts";

const one = [{ name: "all", size: 1 }];

function world(n: number, over: Partial<World> = {}): World {
  const members = names(n);
  return {
    members,
    mode: "counted",
    dimensions: one,
    values: Object.fromEntries(members.map((member, i) => [member, [[BigInt(i + 1)]]])),
    constants: { colluders: 0, minimumOrganisations: 3, need: 3, drops: 0 },
    ...over,
  };
}

function expectExact(w: World, network: Network): void {
  const decoded = network.decoded;
  expect(network.problems.map(({ party, problem }) => `${party} ${problem.message}`)).toEqual([]);
  expect(decoded).toBeDefined();
  for (const cell of decoded!.cells) {
    const wanted = w.values[w.members[0]!]![cell.atom]!.map((_, k) =>
      String(plainSum(w, decoded!.survivors, cell.atom, k)),
    );
    expect(cell.values).toEqual(wanted);
  }
}

const stages = (network: Network) => [...network.members.values()].map(({ stage }) => stage);

test("the sum is exact for random n, random cells, signed values at the bounds and two-word carries", () => {
  const bounded = (words: 1 | 2, n: number) => {
    const bound = 2n ** BigInt(64 * words - 1) / BigInt(n) - 1n;
    const near = fc.bigInt({ min: 0n, max: 3n });
    return fc.oneof(
      near.map((x) => bound - x),
      near.map((x) => x - bound),
      fc.bigInt({ min: -bound, max: bound }),
      fc.constantFrom(2n ** 63n / BigInt(n), -1n, 1n),
    );
  };
  const worlds = fc
    .tuple(
      fc.integer({ min: 3, max: 12 }),
      fc.constantFrom<"registry" | "counted">("registry", "counted"),
      fc.array(fc.constantFrom<1 | 2>(1, 2), { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 3 }),
    )
    .chain(([n, mode, components, atoms]) =>
      fc
        .array(
          fc.tuple(...Array.from({ length: atoms }, () => fc.tuple(...components.map((words) => bounded(words, n))))),
          {
            minLength: n,
            maxLength: n,
          },
        )
        .map((values) => {
          const members = names(n);
          return world(n, {
            mode,
            components,
            dimensions: [{ name: "cell", size: atoms }],
            values: Object.fromEntries(members.map((member, i) => [member, values[i]!])),
          });
        }),
    );
  fc.assert(
    fc.property(worlds, (w) => {
      const network = createNetwork(w);
      network.run();
      expectExact(w, network);
      expect(network.decoded!.survivors).toEqual(w.members);
      expect(new Set(stages(network))).toEqual(new Set(["finished"]));
    }),
    { numRuns: 8 },
  );
});

const MEMBER_MESSAGES: readonly MessageType[] = [
  "keys",
  "shares",
  "accept",
  "contribution-1",
  "view-1",
  "unmask-1",
  "contribution-2",
  "view-2",
  "unmask-2",
];

describe.each(["counted", "registry"] as const)("dropouts at every message, %s mode", (mode) => {
  const messages = MEMBER_MESSAGES.filter((type) => mode === "counted" || !type.endsWith("-1"));
  test.each(messages)("two of seven members vanish instead of sending %s: the sum of the rest is exact", (type) => {
    const w = world(7, {
      mode,
      intercept: (sent, network) => {
        const vanishes = sent.message.type === type && (sent.from === "m002" || sent.from === "m005");
        if (vanishes) network.silent.add(sent.from);
        return vanishes ? [] : [sent];
      },
    });
    const network = createNetwork(w);
    network.run();
    expectExact(w, network);
    const contributed = ["view-2", "unmask-2"].includes(type);
    expect(network.decoded!.survivors).toHaveLength(contributed ? 7 : 5);
  });

  test.each(messages)("with too few left at %s nothing is released and nothing hangs", (type) => {
    const gone = new Set(["m001", "m003", "m006"]);
    const w = world(7, {
      mode,
      intercept: (sent, network) => {
        const vanishes = sent.message.type === type && gone.has(sent.from);
        if (vanishes) network.silent.add(sent.from);
        return vanishes ? [] : [sent];
      },
    });
    const network = createNetwork(w);
    network.run();
    expect(network.decoded).toBeUndefined();
    expect(network.problems).toEqual([]);
    const waiting = ["view-1", "unmask-1", "view-2", "unmask-2"].includes(type);
    if (waiting) network.now += 8 * 24 * 3_600_000;
    for (const member of w.members) network.give(member, { kind: "tick" });
    expect(stages(network).filter((stage, i) => stage !== "finished" && !gone.has(w.members[i]!))).toEqual([]);
  });
});

test("every party survives being killed after any step: it resumes with the same bytes", () => {
  for (const mode of ["counted", "registry"] as const) {
    const bytes = new Map<string, string>();
    for (const victim of ["m001", "m004", C]) {
      // Killed at every second step: persisted, nothing sent, then resumed.
      const w = world(4, { mode, crash: (party, count) => party === victim && count % 2 === 0 });
      const network = createNetwork(w);
      network.run();
      expectExact(w, network);
      for (const { from, to, message } of network.sent) {
        if (!/^(keys|shares|accept|contribution|view-|unmask)/.test(message.type)) continue;
        const key = `${mode}/${victim}/${from}/${to}/${message.type}`;
        expect(bytes.get(key) ?? JSON.stringify(message)).toBe(JSON.stringify(message));
        bytes.set(key, JSON.stringify(message));
      }
    }
  }
});

test("a coordinator that is killed at any step goes on from what it had to save, and nobody is the worse for it", () => {
  for (const mode of ["counted", "registry"] as const) {
    for (let every = 1; every <= 9; every += 1) {
      // From the second step on, as often as a run without a crash has steps: else one that is killed always never ends.
      const w = world(4, { mode, forgets: (step) => step > 1 && step < 60 && step % every === 0 });
      const network = createNetwork(w);
      network.run();
      const about = { mode, every };
      const wanted = [String(plainSum(w, w.members, 0, 0))];
      expect({ ...about, sum: network.decoded?.cells[0]?.values }).toEqual({ ...about, sum: wanted });
      expect({ ...about, blames: network.blames }).toEqual({ ...about, blames: [] });
      expect(network.coordinator.stage).toBe("finished");
      expect(new Set(stages(network))).toEqual(new Set(["finished"]));
    }
  }
});

test("a coordinator that is killed after it has shown the views shows the same ones again, though its replica lagged", () => {
  for (const mode of ["counted", "registry"] as const) {
    // Every view is there before the closing record: the record alone completes the set that is shown.
    const shown: string[][] = [];
    let wasShown = false;
    const w = world(5, {
      mode,
      constants: { colluders: 0, minimumOrganisations: 3, need: 3, drops: 0, quorum: 4, threshold: 4 },
      lags: ({ record }) => record === "close",
      intercept: (sent) => {
        const { message } = sent;
        if (message.type !== "views-1" && message.type !== "views-2") return [sent];
        wasShown ||= !shown.some(([type]) => type === message.type);
        shown.push([message.type, message.views.map(({ signer }) => signer).join()]);
        return [sent];
      },
      forgets: () => {
        const isKilled = wasShown;
        wasShown = false;
        return isKilled;
      },
    });
    const network = createNetwork(w);
    network.run();
    expectExact(w, network);
    expect(network.blames).toEqual([]);
    expect(network.coordinator.stage).toBe("finished");
    const phases = mode === "counted" ? ["views-1", "views-2"] : ["views-2"];
    for (const phase of phases) {
      const ofPhase = shown.filter(([type]) => type === phase);
      expect(ofPhase.length).toBeGreaterThan(w.members.length);
      expect(new Set(ofPhase.map(([, signers]) => signers)).size).toBe(1);
    }
  }
});

test("every message may come twice and in the other order within a round", () => {
  const w = world(5, { intercept: (sent) => [sent, sent] });
  const network = createNetwork(w);
  network.run();
  const decoded = network.decoded!;
  expect(decoded.cells[0]!.values).toEqual([String(plainSum(w, w.members, 0, 0))]);
  expect(network.blames).toEqual([]);
});

test("members outside S1 may still answer shares and sign views", () => {
  for (const effect of ["compute-counts", "compute-values"] as const) {
    const w = world(5, {
      answer: (member, asked) => (member === "m003" && asked.kind === effect ? [{ kind: "abstain" }] : undefined),
      // Two others vanish after contributing, so that the quorum needs m003.
      intercept: (sent, network) => {
        const vanishes = sent.message.type === "view-2" && sent.from === "m005";
        if (vanishes) network.silent.add(sent.from);
        return vanishes ? [] : [sent];
      },
    });
    const network = createNetwork(w);
    network.run();
    expectExact(w, network);
    expect(network.decoded!.survivors).toEqual(["m001", "m002", "m004", "m005"]);
    const sent = network.sent.filter(({ from }) => from === "m003").map(({ message }) => message.type);
    expect(sent).toEqual(expect.arrayContaining(["view-1", "unmask-1", "view-2", "unmask-2"]));
    expect(sent).not.toContain("contribution-2");
  }
});

test("a coordinator that lost its mailboxes repeats every round; holders that are behind catch up", () => {
  // Everything that C sends to m002 after the documents is lost, until C restarts while it waits for views.
  let lost = true;
  const w = world(5, {
    constants: { colluders: 0, minimumOrganisations: 3, need: 3, drops: 0, quorum: 4, threshold: 4 },
    intercept: (sent, network) => {
      if (sent.from === C && sent.to === "m002" && sent.message.type === "views-1" && lost) return [];
      if (sent.from === "m001" && sent.message.type === "view-2") {
        network.silent.add("m001");
        return [];
      }
      return [sent];
    },
  });
  const network = createNetwork(w);
  network.run();
  expect(network.decoded).toBeUndefined();
  expect(network.members.get("m002")!.stage).toBe("viewed-1");
  lost = false;
  network.run();
  expect(network.problems).toEqual([]);
  expect(network.decoded!.cells[0]!.values).toEqual([String(plainSum(w, network.decoded!.survivors, 0, 0))]);
});

test("the unmasking of a fixed closed set stays open for seven days, with the same answers", () => {
  let held: Parameters<NonNullable<World["intercept"]>>[0][] | null = [];
  const w = world(5, {
    intercept: (sent) => {
      if (sent.message.type !== "views-2" || held === null) return [sent];
      held.push(sent);
      return [];
    },
  });
  const network = createNetwork(w);
  network.run();
  expect(stages(network)).toEqual(w.members.map(() => "viewed-2"));
  network.now += 6 * 24 * 3_600_000;
  for (const member of w.members) network.give(member, { kind: "tick" });
  const waiting = held;
  held = null;
  for (const { to, message } of waiting!) {
    network.give(to, { kind: "message", from: C, message });
    network.give(to, { kind: "message", from: C, message });
  }
  network.run();
  expectExact(w, network);
  for (const member of w.members) {
    const answers = network.sent.filter(({ from, message }) => from === member && message.type === "unmask-2");
    expect(answers.length).toBeGreaterThan(1);
    expect(new Set(answers.map((sent) => JSON.stringify(sent))).size).toBe(1);
  }
});

test("a member that refuses is out before anything of it exists; one that withdraws is out of the mask set", () => {
  const w = world(7, {
    mode: "registry",
    answer: (member, effect) =>
      member === "m003" && effect.kind === "review" ? [{ kind: "refuse", reason: "policy" }] : undefined,
    intercept: (sent, network) => {
      if (sent.from === "m006" && sent.message.type === "accept")
        network.give("m006", { kind: "refuse", reason: "value-missing" });
      return [sent];
    },
  });
  const network = createNetwork(w);
  network.run();
  expectExact(w, network);
  const maskset = network.records.find(({ record }) => record === "maskset");
  expect(maskset).toMatchObject({ members: ["m001", "m002", "m004", "m005", "m007"] });
  expect(network.sent.some(({ from, message }) => from === "m003" && message.type === "keys")).toBe(false);
});

test("the coordinator's transcript and state hold no plain sum: phase-2 sums stay under the envelopes", () => {
  const w = world(5, { values: Object.fromEntries(names(5).map((member) => [member, [[123_456_789n]]])) });
  const network = createNetwork(w);
  network.run();
  const sum = network.decoded!.cells[0]!.values[0]!;
  const words = Buffer.alloc(8);
  words.writeBigUInt64LE(BigInt(sum));
  const seen = JSON.stringify([network.coordinator, network.sent.filter(({ to, from }) => to === C || from === C)]);
  expect(sum).toBe("617283945");
  expect(seen).not.toContain(sum);
  expect(seen).not.toContain(words.toString("base64url"));
  expect(network.sent.filter(({ to }) => to === R).map(({ message }) => message.type)).toEqual(["result-2"]);
});

test("a release in two cells keeps atoms apart and leaves the small one out", () => {
  const members = names(9);
  const attributes = Object.fromEntries(members.map((member, i) => [member, { sector: i < 7 ? "big" : "small" }]));
  const w = world(9, {
    mode: "registry",
    attributes,
    dimensions: [{ name: "sector", size: 2, attribute: { name: "sector", values: ["big", "small"] } }],
    values: Object.fromEntries(members.map((member, i) => [member, i < 7 ? [[5n], [0n]] : [[0n], [7n]]])),
  });
  const network = createNetwork(w);
  network.run();
  // Two members in the small cell: it is below the minimum, and its complement goes with it.
  expect(network.coordinator).toMatchObject({ stage: "finished", outcome: "failed", reason: "no-cell" });
  const wide = {
    ...w,
    attributes: Object.fromEntries(members.map((member, i) => [member, { sector: i < 5 ? "big" : "small" }])),
  };
  const values = Object.fromEntries(members.map((member, i) => [member, i < 5 ? [[5n], [0n]] : [[0n], [7n]]]));
  const second = createNetwork({ ...wide, values });
  second.run();
  expect(second.decoded!.cells).toEqual([
    { atom: 0, values: ["25"], organisations: 5 },
    { atom: 1, values: ["28"], organisations: 4 },
  ]);
});

test.each(["counted", "registry"] as const)("R names what is left out only for others' sake, %s mode", (mode) => {
  const members = names(14);
  const cellOf = (i: number) => (i < 2 ? 0 : i < 7 ? 1 : 2);
  const codes = ["a", "b", "c"];
  const network = createNetwork(
    world(14, {
      mode,
      attributes: Object.fromEntries(members.map((member, i) => [member, { sector: codes[cellOf(i)]! }])),
      dimensions: [
        { name: "sector", size: 3, ...(mode === "registry" ? { attribute: { name: "sector", values: codes } } : {}) },
      ],
      values: Object.fromEntries(
        members.map((member, i) => [member, [0, 1, 2].map((a) => [a === cellOf(i) ? 3n : 0n])]),
      ),
    }),
  );
  network.run();
  // Two, five and seven contributors under a minimum of five: the five would give away the two.
  expect(network.decoded).toMatchObject({ cells: [{ atom: 2, values: ["21"], organisations: 7 }], complements: [1] });
});
