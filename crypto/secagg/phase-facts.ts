/** What a phase looks like to everyone: its context, vector length, arithmetic, allowed survivors and result. */
import { saltedDigest } from "../suites/digest.ts";
import { fromBase64url } from "../suites/encoding.ts";
import {
  cellNeed,
  contributorsIn,
  countedFitting,
  countedIncluded,
  decodeBitmap,
  encodeBitmap,
  firstCellBelow,
  registryContributors,
  registryFitting,
  registryIncluded,
  unitWeight,
} from "./cells.ts";
import { CHUNK_WORDS, valuesCut } from "./constants.ts";
import type { Cut } from "./cut.ts";
import { SecaggError } from "./errors.ts";
import type { ContributingSet, HistoryEntry, ReleasedCell } from "./history.ts";
import type { Layout } from "./layout.ts";
import type { Cells } from "./member-state.ts";
import type { Opened, Parties } from "./opened.ts";
import { type Arithmetic, arithmeticOf } from "./words.ts";

const COUNT_PATTERN = [1] as const;
/** Counts travel as one-word elements: organisations of every atom, units of every atom, interleaved. */
export const countsVector = (own: { present: readonly number[]; units: readonly number[] }): BigUint64Array =>
  BigUint64Array.from(own.present.flatMap((k, atom) => [BigInt(k), BigInt(own.units[atom]!)]));

export interface Shape extends Cut {
  readonly arithmetic: Arithmetic;
}

export const countsShape = (layout: Layout): Shape => ({
  words: 2 * layout.atoms,
  // One chunk, because a layout has at most MAXIMUM_ATOMS.
  chunkWords: CHUNK_WORDS,
  arithmetic: arithmeticOf(COUNT_PATTERN),
});
export const valuesShape = (opened: Pick<Opened, "envelope">, layout: Layout, cells: Cells): Shape => ({
  ...valuesCut(opened, layout, cells.included.length),
  arithmetic: arithmeticOf(layout.components),
});

/** Registry mode: cells over S1 = V from the contract's bitmap. */
export function registryCells(
  opened: Opened,
  parties: Parties,
  layout: Layout,
  masked: readonly string[],
  bitmap: string,
): Cells {
  const contributors = registryContributors(opened, parties, masked, layout.atoms);
  const included = registryIncluded(
    opened.cells.dimensions,
    decodeBitmap(bitmap, layout.atoms),
    contributors,
    opened.constants,
    layout,
  );
  return { included, bitmap: encodeBitmap(layout.atoms, included) };
}

/** Counted mode: cells over S1 from the unmasked sum. Throws ERR_SECAGG_CONFLICT for counts no honest run gives. */
export function countedCells(opened: Opened, layout: Layout, survivors: readonly string[], sum: BigUint64Array): Cells {
  const mostUnits = survivors.reduce((total, member) => total + unitWeight(layout, opened.constants, member), 0);
  const counts: number[] = [];
  const units: number[] = [];
  for (let atom = 0; atom < layout.atoms; atom++) {
    const k = sum[2 * atom]!;
    const u = sum[2 * atom + 1]!;
    if (k > BigInt(survivors.length) || u > BigInt(mostUnits)) {
      throw new SecaggError("ERR_SECAGG_CONFLICT", `counts: atom ${atom} exceeds what its contributors may report`);
    }
    counts.push(Number(k));
    units.push(Number(u));
  }
  const included = countedIncluded(opened.cells.dimensions, survivors, counts, units, opened.constants, layout);
  return { included, bitmap: encodeBitmap(layout.atoms, included), counts, units };
}

/** Content of the `counts` record (16). */
export const countsDigest = (salt: string, survivors: readonly string[], cells: Cells): string =>
  saltedDigest(fromBase64url(salt, "salt", 32), {
    members: survivors,
    counts: cells.counts ?? [],
    units: cells.units ?? [],
    bitmap: cells.bitmap,
  });

interface SurvivorFacts {
  readonly opened: Opened;
  readonly parties: Parties;
  readonly layout: Layout;
  readonly cells: Cells;
  readonly survivors1: readonly string[];
  readonly survivors2: readonly string[];
}

/** Left out although their own numbers are enough: with them, what is left out beside them would follow from a total. */
export function complementsOf({
  opened,
  parties,
  layout,
  cells,
  survivors1,
}: Omit<SurvivorFacts, "survivors2">): readonly number[] {
  const { constants } = opened;
  const fit =
    cells.counts === undefined || cells.units === undefined
      ? registryFitting(registryContributors(opened, parties, survivors1, layout.atoms), constants, layout)
      : countedFitting(survivors1, cells.counts, cells.units, constants, layout);
  const included = new Set(cells.included);
  return fit.filter((atom) => !included.has(atom));
}

const contributing = (facts: SurvivorFacts) =>
  registryContributors(facts.opened, facts.parties, facts.survivors2, facts.layout.atoms);

/** First included cell that the phase-2 survivors leave under its minimum; nothing of phase 2 opens then. */
export function cellBelowMinimum(facts: SurvivorFacts): number | undefined {
  const { opened, layout, cells, survivors1, survivors2 } = facts;
  const lost = survivors1.length - survivors2.length;
  const contributorsOf = contributorsIn(opened, facts.parties, survivors2);
  const { counts } = cells;
  const least = (atom: number) => (counts === undefined ? contributorsOf(atom).length : counts[atom]! - lost);
  return firstCellBelow({ included: cells.included, least }, cellNeed(opened.constants, layout));
}

/** The release as history remembers it: per included atom, who contributes, by asset version. */
export const releaseEntry = (facts: SurvivorFacts, closing: { digest: string; position: number }): HistoryEntry => ({
  computation: facts.opened.computation,
  ...closing,
  need: facts.opened.constants.need,
  ...releasedCells(facts),
  groups: Object.fromEntries(facts.opened.cohort.map(({ member, holdingGroup }) => [member, holdingGroup])),
});

type Released = Pick<HistoryEntry, "sets" | "cells">;
const latest = new WeakMap<Cells, { readonly facts: SurvivorFacts; readonly released: Released }>();

/** Asked for before values are sent and again before view-2, mostly with the same survivors. */
function releasedCells(facts: SurvivorFacts): Released {
  const known = latest.get(facts.cells);
  if (known !== undefined && isSame(known.facts, facts)) return known.released;
  const released = findReleased(facts);
  const { opened, parties, layout, cells, survivors1, survivors2 } = facts;
  latest.set(cells, { facts: { opened, parties, layout, cells, survivors1, survivors2 }, released });
  return released;
}

const isSame = (a: SurvivorFacts, b: SurvivorFacts): boolean =>
  a.opened === b.opened &&
  a.parties === b.parties &&
  a.layout === b.layout &&
  a.survivors1.join() === b.survivors1.join() &&
  a.survivors2.join() === b.survivors2.join();

function findReleased(facts: SurvivorFacts): Released {
  const { opened, layout, cells, survivors1, survivors2 } = facts;
  const pair = new Map(opened.cohort.map(({ member, asset, assetVersion }) => [member, `${asset}#${assetVersion}`]));
  const lost = survivors1.length - survivors2.length;
  const exact = cells.counts === undefined ? contributing(facts) : undefined;
  const candidates = survivors2.map((member) => pair.get(member)!).toSorted();
  const sets: ContributingSet[] = [];
  // Atoms with one list of contributors, or one count, share a set.
  const known = new Map<readonly string[] | number, number>();
  const setOf = (key: readonly string[] | number): ContributingSet =>
    typeof key === "number"
      ? { kind: "counted", pairs: candidates, least: Math.max(0, key - lost), most: Math.min(key, survivors2.length) }
      : { kind: "exact", pairs: key.map((member) => pair.get(member)!).toSorted() };
  const released: ReleasedCell[] = [];
  let last: readonly string[] | number | undefined;
  let set = 0;
  for (const atom of cells.included) {
    const key = exact?.[atom] ?? cells.counts?.[atom] ?? 0;
    // Neighbouring atoms mostly share theirs.
    if (key !== last) {
      set = known.get(key) ?? sets.push(setOf(key)) - 1;
      known.set(key, set);
      last = key;
    }
    for (const recordKey of layout.recordKeys[atom]!) released.push({ recordKey, set });
  }
  return { sets, cells: released };
}
