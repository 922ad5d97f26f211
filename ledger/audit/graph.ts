/**
 * Who shared secrets with whom in cohorts of more than 129 members (secure-aggregation.md sections 2 and 6, row 4),
 * written apart from the nodes' own code: commitments, seed and the 128-regular graph that follows from it.
 */
import { createCipheriv } from "node:crypto";
import { canonicalJson, digestOf, sha256 } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url, utf8 } from "../../crypto/suites/encoding.ts";
import { SUITE } from "./contexts.ts";

/** k of section 2; cohorts of at most one more member form the complete graph. */
export const NEIGHBOURS = 128;
/** t of k. */
export const NEIGHBOUR_THRESHOLD = 86;

export const graphKind = (members: number): "complete" | "neighbours" =>
  members <= NEIGHBOURS + 1 ? "complete" : "neighbours";

/** What a keys message carries before anyone reveals. */
export const nonceCommitment = (context: string, member: string, nonce: string): string =>
  toBase64url(sha256(utf8(canonicalJson({ label: "sealane/secagg/nonce/v1", context, member, nonce }))));

export const graphSeed = (
  context: string,
  { members, root }: { readonly members: readonly string[]; readonly root: string },
  nonces: readonly string[],
): string => digestOf({ suite: SUITE, graph: "neighbours", context, keyset: { members, root }, nonces });

/** Adjacency of U, by index: `rows[i].has(j)`. */
export function neighbourRows(members: number, seed: string): readonly ReadonlySet<number>[] {
  const others = (i: number) => new Set(Array.from({ length: members }, (_, j) => j).filter((j) => j !== i));
  if (members <= NEIGHBOURS + 1) return Array.from({ length: members }, (_, i) => others(i));
  const random = drawsFrom(seed);
  const missing = members - 1 - NEIGHBOURS;
  const drawsMissing = NEIGHBOURS > missing;
  const rows = mixed(ring(permutation(members, random), drawsMissing ? missing : NEIGHBOURS), members, random);
  return drawsMissing ? rows.map((row, i) => new Set([...others(i)].filter((j) => !row.has(j)))) : rows;
}

type Draw = (bound: number) => number;

/** 32-bit little-endian numbers of AES-256-CTR under the seed, IV 0; those in the uneven end are skipped. */
function drawsFrom(seed: string): Draw {
  const stream = createCipheriv("aes-256-ctr", fromBase64url(seed, "seed", 32), new Uint8Array(16));
  let buffer = Buffer.alloc(0);
  let at = 0;
  const next = () => {
    if (at === buffer.length) {
      buffer = stream.update(new Uint8Array(65_536));
      at = 0;
    }
    at += 4;
    return buffer.readUInt32LE(at - 4);
  };
  return (bound) => {
    const end = Math.floor(2 ** 32 / bound) * bound;
    let number = next();
    while (number >= end) number = next();
    return number % bound;
  };
}

function permutation(length: number, random: Draw): number[] {
  const places = Array.from({ length }, (_, i) => i);
  for (let last = length - 1; last > 0; last--) {
    const chosen = random(last + 1);
    const kept = places[last] ?? 0;
    places[last] = places[chosen] ?? 0;
    places[chosen] = kept;
  }
  return places;
}

type Edge = [number, number];

/** Everyone with the nearest places on either side, and with the opposite one where the degree is odd. */
function ring(places: readonly number[], degree: number): Edge[] {
  const at = (place: number) => places[place % places.length] ?? 0;
  return places.flatMap((node, place): Edge[] => {
    const near = Array.from({ length: Math.floor(degree / 2) }, (_, i): Edge => [node, at(place + i + 1)]);
    const half = places.length / 2;
    return degree % 2 === 1 && place < half ? [...near, [node, at(place + half)]] : near;
  });
}

/** Ten times as many exchanges of partners as there are edges, each only where it makes two new edges. */
function mixed(edges: Edge[], members: number, random: Draw): Set<number>[] {
  const rows = Array.from({ length: members }, () => new Set<number>());
  const row = (node: number) => rows[node] as Set<number>;
  const join = (a: number, b: number) => row(a).add(b) && row(b).add(a);
  const part = (a: number, b: number) => row(a).delete(b) && row(b).delete(a);
  for (const [a, b] of edges) join(a, b);
  for (let turn = 0; turn < 10 * edges.length; turn++) {
    const first = edges[random(edges.length)] as Edge;
    const second = edges[random(edges.length)] as Edge;
    const [a, b] = first;
    const [c, d] = random(2) === 0 ? second : [second[1], second[0]];
    if (a === c || b === d || a === d || b === c || row(a).has(c) || row(b).has(d)) continue;
    part(a, b);
    part(c, d);
    join(a, c);
    join(b, d);
    first[1] = c;
    second[0] = b;
    second[1] = d;
  }
  return rows;
}
