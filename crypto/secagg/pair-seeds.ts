/**
 * Pair seeds of suites that encapsulate (docs/decisions/450): of a pair, the member with the smaller id chooses the 32
 * bytes that a phase's pair mask follows from. They are a function of its pair secret, so that its recovered secret gives
 * them again, and they reach the other under that one's pair key, so that its recovered secret opens them too. Their
 * Merkle root stands in the keys message: a seed is what its giver committed to before it knew anybody's key.
 */
import { hkdfSha256 } from "../suites/boxes.ts";
import { canonicalJson, digestOf, sha256 } from "../suites/digest.ts";
import { concat, fromBase64url, toBase64url, utf8 } from "../suites/encoding.ts";
import { type SuiteId, suiteOf } from "../suites/suite.ts";
import { refuseAuthenticity } from "./closing.ts";
import type { KeyUse } from "./context.ts";
import type { Graph } from "./graph.ts";
import { leafInRoot, leafPaths, leavesRoot } from "./merkle.ts";
import type { Keys } from "./messages.ts";
import type { Opened } from "./opened.ts";
import { openBox, sealBox } from "./share-box.ts";

type Phase = 1 | 2;

export const encapsulates = (suite: SuiteId): boolean => suiteOf(suite).encapsulation !== undefined;

/** Phase 1 runs where contributors are counted. */
export const phasesIn = ({ cells }: Pick<Opened, "cells">): readonly Phase[] =>
  cells.mode === "counted" ? [1, 2] : [2];

/** The seed that `giver` chooses for the pair with `taker`; base64url. */
export function pairSeed(secret: string, phase: Phase, giver: string, taker: string): string {
  const info = sha256(utf8(canonicalJson({ giver, label: "sealane/secagg/pair-seed/v1", phase, taker })));
  return toBase64url(hkdfSha256(fromBase64url(secret, "secret", 32), info));
}

const leafOf = (phase: Phase, giver: string, taker: string, seed: string): string =>
  digestOf({ giver, label: "sealane/secagg/pair-seed-leaf/v1", phase, seed, taker });

/** Neighbours that `giver` gives a seed to, in the order of U. */
export const takersIn = (graph: Graph, giver: string): string[] =>
  graph.neighboursOf(giver).filter((member) => member > giver);

/** Whose leaves are in the tree: everyone of the cohort whose id is greater, and `giver` itself, so that no tree is empty. */
const takersOf = (cohort: Opened["cohort"], giver: string): string[] =>
  cohort
    .map(({ member }) => member)
    .filter((member) => member >= giver)
    .toSorted();

const leavesOf = (cohort: Opened["cohort"], secret: string, phase: Phase, giver: string): string[] =>
  takersOf(cohort, giver).map((taker) => leafOf(phase, giver, taker, pairSeed(secret, phase, giver, taker)));

/** What a keys message commits to. */
export const seedsRoot = (cohort: Opened["cohort"], secret: string, phase: Phase, giver: string): string =>
  leavesRoot(leavesOf(cohort, secret, phase, giver));

/** A seed with the way from its leaf to the root in its giver's keys message. */
export interface GivenSeed {
  readonly giver: string;
  /** 32 bytes, base64url. */
  readonly seed: string;
  readonly path: readonly string[];
}

export function assertSeed(
  cohort: Opened["cohort"],
  phase: Phase,
  giver: Keys,
  taker: string,
  { seed, path }: Omit<GivenSeed, "giver">,
): void {
  const takers = takersOf(cohort, giver.signer);
  const root = giver.statement.body[`seeds${phase}`];
  const place = { leaf: leafOf(phase, giver.signer, taker, seed), index: takers.indexOf(taker), size: takers.length };
  if (root === undefined || place.index < 0 || !leafInRoot(root, { ...place, path })) {
    refuseAuthenticity(`seed of ${giver.signer} for ${taker}: not what its keys message commits to`);
  }
}

const pairOf = (keys: Keys, phase: Phase): string => keys.statement.body[`pair${phase}`];

const seedUse = (suite: SuiteId, context0: string, phase: Phase, giver: Keys, taker: Keys): KeyUse => ({
  suite,
  context: context0,
  kind: "pair-seed",
  phase,
  ids: [giver.signer, taker.signer],
  keys: [pairOf(giver, phase), pairOf(taker, phase)],
});

interface Sealing {
  readonly suite: SuiteId;
  readonly context0: string;
  readonly cohort: Opened["cohort"];
}

/** 5: boxes for each taker, one for each phase, in their orders; `random` gives nonces. */
export function sealSeeds(
  { suite, context0, cohort }: Sealing,
  giver: { readonly keys: Keys; readonly secrets: Readonly<Record<`pair${Phase}`, string>> },
  takers: readonly Keys[],
  phases: readonly Phase[],
  random: (bytes: number) => Uint8Array,
): string[][] {
  const everyone = takersOf(cohort, giver.keys.signer);
  const boxes = takers.map((): string[] => []);
  for (const phase of phases) {
    const secret = giver.secrets[`pair${phase}`];
    const paths = leafPaths(leavesOf(cohort, secret, phase, giver.keys.signer));
    takers.forEach((taker, i) => {
      const seed = pairSeed(secret, phase, giver.keys.signer, taker.signer);
      const path = paths[everyone.indexOf(taker.signer)]!;
      const plain = concat(...[seed, ...path].map((text) => fromBase64url(text, "seed", 32)));
      const use = seedUse(suite, context0, phase, giver.keys, taker);
      boxes[i]!.push(toBase64url(sealBox(secret, pairOf(taker, phase), use, plain, random(12))));
    });
  }
  return boxes;
}

/** 6, or with a recovered secret: throws ERR_SECAGG_AUTHENTICITY for what is not the committed seed. */
export function openSeed(
  { suite, context0, cohort }: Sealing,
  phase: Phase,
  { giver, taker }: { readonly giver: Keys; readonly taker: Keys },
  secret: string,
  box: string,
): GivenSeed {
  const use = seedUse(suite, context0, phase, giver, taker);
  const plain = openBox(secret, pairOf(giver, phase), use, fromBase64url(box, "seed box"));
  const texts = Array.from({ length: Math.floor(plain.length / 32) }, (_, i) =>
    toBase64url(plain.subarray(32 * i, 32 * (i + 1))),
  );
  const [seed = "", ...path] = texts;
  assertSeed(cohort, phase, giver, taker.signer, { seed, path });
  return { giver: giver.signer, seed, path };
}
