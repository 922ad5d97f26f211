/**
 * Who shares secrets and pair masks with whom (specification §2). Up to 129 members everyone with everyone; beyond, a
 * random graph in which each member of U has k = 128 neighbours (Bell et al. 2020, section 3), drawn from nonces that all
 * of U committed to before the first was revealed. Why this construction: docs/decisions/106.
 */
import { digestOf } from "../suites/digest.ts";
import { fromBase64url } from "../suites/encoding.ts";
import { NEIGHBOURS } from "./constants.ts";
import { SUITE } from "./context.ts";
import { maskWords } from "./masks.ts";

export interface Graph {
  /** Neighbours each member has: k, or all others where there are no more than that. */
  readonly degree: number;
  areNeighbours(a: string, b: string): boolean;
  /** Ascending, without the member itself. */
  neighboursOf(member: string): readonly string[];
  /** Who keeps shares of a member's secrets: itself and its neighbours, ascending. */
  holdersOf(member: string): readonly string[];
}

/** The graph of U. `seed` is null for the complete graph. */
export function graphOf(members: readonly string[], seed: string | null): Graph {
  if (seed === null || members.length <= NEIGHBOURS + 1) return completeGraph(members);
  // 0.2 s at 1,000 members, and every step of a computation asks for the same one.
  const known = drawn.get(seed);
  if (known !== undefined) return known;
  const graph = graphFrom(members, drawEdges(members.length, NEIGHBOURS, seed));
  if (drawn.size >= KEPT_GRAPHS) drawn.delete([...drawn.keys()][0]!);
  drawn.set(seed, graph);
  return graph;
}

const KEPT_GRAPHS = 4;
const drawn = new Map<string, Graph>();

/** What the graph is drawn from: the opening, the key set on the ledger and every nonce, in the order of U. */
export const graphSeed = (
  context0: string,
  keyset: { readonly members: readonly string[]; readonly root: string },
  nonces: readonly string[],
): string => digestOf({ suite: SUITE, graph: "neighbours", context: context0, keyset: { ...keyset }, nonces });

function completeGraph(members: readonly string[]): Graph {
  return Object.freeze({
    degree: members.length - 1,
    areNeighbours: (a: string, b: string) => a !== b,
    neighboursOf: (member: string) => members.filter((other) => other !== member),
    holdersOf: () => members,
  });
}

function graphFrom(members: readonly string[], edges: Uint8Array): Graph {
  const n = members.length;
  const index = new Map(members.map((member, i) => [member, i]));
  const isEdge = (a: number, b: number) => edges[a * n + b] === 1;
  const lists = (withItself: boolean) =>
    members.map((_, i) => members.filter((_other, j) => (i === j ? withItself : isEdge(i, j))));
  const neighbours = lists(false);
  const holders = lists(true);
  return Object.freeze({
    degree: NEIGHBOURS,
    areNeighbours: (a: string, b: string) => isEdge(index.get(a) ?? -1, index.get(b) ?? -1),
    neighboursOf: (member: string) => neighbours[index.get(member) ?? -1] ?? [],
    holdersOf: (member: string) => holders[index.get(member) ?? -1] ?? [],
  });
}

// ---- drawing

/** Proposed exchanges per edge: each edge is met about twenty times. */
const EXCHANGES_PER_EDGE = 10;

/**
 * Adjacency (n × n, 0 or 1) of a k-regular graph on n nodes: a circulant graph on a random permutation, whose edges then
 * change partners at random (a–b, c–d become a–c, b–d where both are new). Dense graphs are drawn as complements.
 */
function drawEdges(n: number, k: number, seed: string): Uint8Array {
  const below = uniform(fromBase64url(seed, "seed", 32));
  const isDense = 2 * k > n - 1;
  const degree = isDense ? n - 1 - k : k;
  const edges = new Uint8Array(n * n);
  const ends = circulantEnds(shuffled(n, below), degree);
  const join = (a: number, b: number, value: 0 | 1) => {
    edges[a * n + b] = value;
    edges[b * n + a] = value;
  };
  for (let at = 0; at < ends.length; at += 2) join(ends[at]!, ends[at + 1]!, 1);
  const count = ends.length / 2;
  for (let turn = 0; turn < EXCHANGES_PER_EDGE * count; turn++) {
    const first = 2 * below(count);
    const second = 2 * below(count);
    const flip = below(2);
    const a = ends[first]!;
    const b = ends[first + 1]!;
    const c = ends[second + flip]!;
    const d = ends[second + 1 - flip]!;
    if (a === c || b === d || a === d || b === c || edges[a * n + c] === 1 || edges[b * n + d] === 1) continue;
    join(a, b, 0);
    join(c, d, 0);
    join(a, c, 1);
    join(b, d, 1);
    ends[first + 1] = c;
    ends[second] = b;
    ends[second + 1] = d;
  }
  if (isDense) for (let at = 0; at < edges.length; at++) edges[at] = at % (n + 1) === 0 ? 0 : 1 - edges[at]!;
  return edges;
}

/** Edges of the ring in which everyone is joined to the nearest `degree` places, as pairs of nodes. */
function circulantEnds(places: readonly number[], degree: number): Int32Array {
  const n = places.length;
  const ends: number[] = [];
  for (let at = 0; at < n; at++) {
    for (let step = 1; step <= degree >> 1; step++) ends.push(places[at]!, places[(at + step) % n]!);
    // Only where n is even can a degree be odd: the opposite place completes it.
    if (degree % 2 === 1 && at < n / 2) ends.push(places[at]!, places[at + n / 2]!);
  }
  return Int32Array.from(ends);
}

/** Fisher–Yates. */
function shuffled(n: number, below: (bound: number) => number): number[] {
  const places = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = below(i + 1);
    [places[i], places[j]] = [places[j]!, places[i]!];
  }
  return places;
}

const BATCH_WORDS = 4096;

/** Uniform integers below a bound from the AES-256-CTR stream of the seed; 32 bits each, the uneven end is skipped. */
function uniform(key: Uint8Array): (bound: number) => number {
  let words: Uint32Array = new Uint32Array(0);
  let at = 0;
  let taken = 0;
  return (bound) => {
    const limit = 2 ** 32 - (2 ** 32 % bound);
    for (;;) {
      if (at === words.length) {
        words = new Uint32Array(maskWords(key, BATCH_WORDS, taken).buffer);
        taken += BATCH_WORDS;
        at = 0;
      }
      const word = words[at++]!;
      if (word < limit) return word % bound;
    }
  };
}

// ---- survivors

export type GraphProblem = "graph-disconnected" | "holders-missing";

/**
 * May the masks of this phase come off (§6, 20)? The survivors hang together, so that only their whole sum can be read,
 * and of everyone whose secret is wanted at least t holders that accepted its shares are among them.
 */
export function survivorProblem(
  graph: Graph,
  about: {
    readonly survivors: readonly string[];
    /** V in phase 1, S1 in phase 2. */
    readonly masked: readonly string[];
    readonly threshold: number;
    /** Did this holder accept the shares of this dealer? */
    readonly accepted: (holder: string, dealer: string) => boolean;
  },
): GraphProblem | undefined {
  const { survivors, masked, threshold, accepted } = about;
  const present = new Set(survivors);
  if (!isConnected(graph, survivors)) return "graph-disconnected";
  const live = (dealer: string) =>
    graph.holdersOf(dealer).filter((holder) => present.has(holder) && accepted(holder, dealer)).length;
  return masked.every((dealer) => live(dealer) >= threshold) ? undefined : "holders-missing";
}

/** Who accepted whose shares, from the bitmaps of messages 7 over U. */
export function acceptances(
  members: readonly string[],
  bitmaps: Readonly<Record<string, string>>,
): (holder: string, dealer: string) => boolean {
  const place = new Map(members.map((member, i) => [member, i]));
  const bits = new Map(Object.entries(bitmaps).map(([holder, text]) => [holder, fromBase64url(text, "accepted")]));
  return (holder, dealer) => {
    const at = place.get(dealer) ?? -1;
    return (((bits.get(holder)?.[at >> 3] ?? 0) >> (at & 7)) & 1) === 1;
  };
}

export function isConnected(graph: Graph, members: readonly string[]): boolean {
  const rest = new Set(members);
  const [start] = members;
  if (start === undefined) return true;
  rest.delete(start);
  for (const queue = [start]; queue.length > 0; ) {
    for (const next of graph.neighboursOf(queue.pop()!)) {
      if (rest.delete(next)) queue.push(next);
    }
  }
  return rest.size === 0;
}
