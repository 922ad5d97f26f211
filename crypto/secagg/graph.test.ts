import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digestOf } from "../suites/digest.ts";
import { names } from "./_network.ts";
import { twoThirds } from "./constants.ts";
import { type Graph, graphOf, graphSeed, isConnected, survivorProblem } from "./graph.ts";

const seedOf = (name: unknown) => digestOf({ name });
const everyoneAccepts = () => true;

test.each([130, 131, 200, 257, 258, 300])("each of %i members has 128 neighbours, mutually, never itself", (n) => {
  const members = names(n);
  const graph = graphOf(members, seedOf(n));
  for (const member of members) {
    const neighbours = graph.neighboursOf(member);
    expect(neighbours).toHaveLength(128);
    expect(graph.holdersOf(member)).toEqual([...neighbours, member].toSorted());
    expect(neighbours.every((other) => other !== member && graph.areNeighbours(other, member))).toBe(true);
  }
  expect(isConnected(graph, members)).toBe(true);
});

test("up to 129 members everyone is everyone's neighbour, whatever the seed", () => {
  for (const graph of [graphOf(names(129), seedOf(1)), graphOf(names(5), null)]) {
    expect(graph.neighboursOf("m001")).toHaveLength(graph.degree);
    expect(graph.areNeighbours("m001", "m005") && !graph.areNeighbours("m001", "m001")).toBe(true);
  }
});

test("the graph is a function of opening, key set and every nonce", () => {
  const keyset = { members: ["a", "b"], root: "r" };
  const seeds = [
    graphSeed("0", keyset, ["x", "y"]),
    graphSeed("1", keyset, ["x", "y"]),
    graphSeed("0", { ...keyset, root: "s" }, ["x", "y"]),
    graphSeed("0", keyset, ["x", "z"]),
    graphSeed("0", keyset, ["y", "x"]),
  ];
  expect(new Set(seeds).size).toBe(seeds.length);
  const members = names(200);
  const edges = (seed: string) => members.map((member) => graphOf(members, seed).neighboursOf(member).join());
  expect(edges(seedOf("a"))).not.toEqual(edges(seedOf("b")));
  const again = edges(seedOf("a"));
  for (let i = 0; i < 5; i++) graphOf(members, seedOf(`another ${i}`));
  expect(edges(seedOf("a"))).toEqual(again);
});

/** Largest eigenvalue of the adjacency apart from k, by power iteration. */
function spread(graph: Graph, members: readonly string[]): number {
  const place = new Map(members.map((member, i) => [member, i]));
  const rows = members.map((member) => graph.neighboursOf(member).map((other) => place.get(other)!));
  let vector = members.map((_, i) => Math.sin(i * i + 1));
  let value = 0;
  for (let turn = 0; turn < 80; turn++) {
    const mean = vector.reduce((sum, x) => sum + x, 0) / members.length;
    const next = rows.map((row) => row.reduce((sum, j) => sum + vector[j]! - mean, 0));
    value = Math.hypot(...next) / Math.hypot(...vector.map((x) => x - mean));
    vector = next.map((x) => x / Math.hypot(...next));
  }
  return value;
}

/** What Bell et al. draw: a ring in which everyone is joined to the nearest places. */
function ringOf(members: readonly string[], k: number): Graph {
  const n = members.length;
  const place = new Map(members.map((member, i) => [member, i]));
  const steps = Array.from({ length: k }, (_, i) => (i < k / 2 ? i + 1 : n - 1 - (i - k / 2)));
  const neighboursOf = (member: string) => steps.map((step) => members[(place.get(member)! + step) % n]!);
  return {
    degree: k,
    neighboursOf,
    holdersOf: (member) => [...neighboursOf(member), member],
    areNeighbours: (a, b) => neighboursOf(a).includes(b),
  };
}

test("edges spread like those of a random graph: second eigenvalue near 2·√127, where a ring's is near k", () => {
  const members = names(400);
  expect(spread(graphOf(members, seedOf("spread")), members)).toBeLessThan(24);
  expect(spread(ringOf(members, 128), members)).toBeGreaterThan(90);
});

describe("isolated neighbourhood: C drops members after the graph is known", () => {
  const n = 1000;
  const members = names(n);
  const mayDrop = n - twoThirds(n);
  // Every third member colludes and answers; nobody chose it after the graph.
  const colludes = (member: string) => Number(member.slice(1)) % 3 === 0;
  const honestBeyond = (graph: Graph, inside: ReadonlySet<string>) =>
    new Set([...inside].flatMap((member) => graph.neighboursOf(member)).filter((m) => !inside.has(m) && !colludes(m)));

  test("on a ring some eighty drops cut off a group whose members all keep their live holders", () => {
    const ring = ringOf(members, 128);
    const group = new Set(members.slice(200, 272).filter((member) => !colludes(member)));
    const dropped = honestBeyond(ring, group);
    const survivors = members.filter((member) => !dropped.has(member));
    expect(dropped.size).toBeLessThan(100);
    expect(dropped.size).toBeLessThan(mayDrop);
    const rule = { survivors, masked: survivors, threshold: 86, accepted: everyoneAccepts };
    expect(survivorProblem(ring, rule)).toBeUndefined();
    // Connected through colluders only: they know their masks, so the sum of the group alone can be read.
    const honest = survivors.filter((member) => !colludes(member));
    expect(isConnected(ring, honest)).toBe(false);
  });

  test("on the drawn graph a group of that size has more honest neighbours than may drop", () => {
    const graph = graphOf(members, seedOf("isolation"));
    for (let start = 0; start < n - 72; start += 97) {
      const group = new Set(members.slice(start, start + 72).filter((member) => !colludes(member)));
      expect(honestBeyond(graph, group).size).toBeGreaterThan(mayDrop);
    }
    const [start] = members as [string];
    const around = new Set([start, ...graph.neighboursOf(start)].filter((member) => !colludes(member)));
    expect(honestBeyond(graph, around).size).toBeGreaterThan(mayDrop);
  });

  test("one member without honest neighbours has too few live holders: nothing opens", () => {
    const graph = graphOf(members, seedOf("isolation"));
    const alone = members.find((member) => !colludes(member))!;
    const dropped = honestBeyond(graph, new Set([alone]));
    const survivors = members.filter((member) => !dropped.has(member));
    expect(dropped.size).toBeLessThan(mayDrop);
    const rule = { survivors, masked: survivors, threshold: 86, accepted: everyoneAccepts };
    expect(survivorProblem(graph, rule)).toBe("holders-missing");
  });
});

describe("survivors", () => {
  const members = names(200);
  const graph = graphOf(members, seedOf("survivors"));
  const rule = { masked: members, threshold: 86, accepted: everyoneAccepts };

  test("that fall apart open nothing", () => {
    const half = (member: string) => Number(member.slice(1)) <= 100;
    const split: Graph = {
      ...graph,
      neighboursOf: (member) => members.filter((other) => other !== member && half(other) === half(member)),
      holdersOf: (member) => members.filter((other) => half(other) === half(member)),
    };
    expect(survivorProblem(split, { ...rule, survivors: members })).toBe("graph-disconnected");
    const left = members.filter(half);
    expect(survivorProblem(split, { ...rule, survivors: left, masked: left })).toBeUndefined();
  });

  test("need t live holders that accepted, for whoever survives and whoever dropped", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 0, max: 60 }), (victim, away) => {
        const dealer = members[victim - 1]!;
        const gone = new Set(graph.neighboursOf(dealer).slice(0, away));
        const survivors = members.filter((member) => !gone.has(member));
        const accepted = (holder: string, of: string) => of !== dealer || holder !== dealer;
        const wanted = 128 - away >= 86 ? undefined : "holders-missing";
        const problem = survivorProblem(graph, { ...rule, survivors, masked: [dealer], accepted });
        expect(problem).toBe(wanted);
      }),
      { numRuns: 30 },
    );
  });
});
