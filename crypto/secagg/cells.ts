/**
 * Which cells may be opened (specification §4): deterministic functions of data every party holds.
 * Bitmaps: bit i = byte[i >> 3] >> (i & 7) & 1, base64url.
 */
import { toBase64url } from "../suites/encoding.ts";
import { SecaggError } from "./errors.ts";
import type { Layout } from "./layout.ts";
import type { CellDimension, Constants, Opened, Parties } from "./opened.ts";
import { bytesOfText } from "./words.ts";

export function encodeBitmap(atoms: number, included: readonly number[]): string {
  const bytes = new Uint8Array(Math.ceil(atoms / 8));
  for (const atom of included) bytes[atom >> 3]! |= 1 << (atom & 7);
  return toBase64url(bytes);
}

/** Set bits, ascending. Throws ERR_SECAGG_MESSAGE for a wrong length or bits beyond the end. */
export function decodeBitmap(bitmap: string, atoms: number): number[] {
  const bytes = bytesOfText(bitmap, "bitmap", Math.ceil(atoms / 8));
  const included: number[] = [];
  for (let i = 0; i < bytes.length * 8; i++) {
    if (((bytes[i >> 3]! >> (i & 7)) & 1) === 0) continue;
    if (i >= atoms) throw new SecaggError("ERR_SECAGG_MESSAGE", `bitmap: bit ${i} lies beyond ${atoms} atoms`);
    included.push(i);
  }
  return included;
}

/** Registry mode: does the public record of an organisation put it into this atom? */
export function inAtom(
  dimensions: readonly CellDimension[],
  attributes: Readonly<Record<string, string>>,
  atom: number,
): boolean {
  let rest = atom;
  for (const dimension of dimensions.toReversed()) {
    const digit = rest % dimension.size;
    rest = Math.floor(rest / dimension.size);
    const { attribute } = dimension;
    if (attribute !== undefined && attributes[attribute.name] !== attribute.values[digit]) return false;
  }
  return true;
}

/** Contributors of an atom among `members`, from the registry; atoms with equal registry digits share one list. */
export function contributorsIn(
  { cells: { dimensions } }: Opened,
  parties: Parties,
  members: readonly string[],
): (atom: number) => readonly string[] {
  if (dimensions.every(({ attribute }) => attribute === undefined)) return () => members;
  const lists: (readonly string[])[] = [];
  const classes = registryClasses(dimensions);
  return (atom) =>
    (lists[classes[atom]!] ??= members.filter((member) => inAtom(dimensions, parties.attributes[member] ?? {}, atom)));
}

/** The same for every atom. */
export function registryContributors(
  opened: Opened,
  parties: Parties,
  members: readonly string[],
  atoms: number,
): (readonly string[])[] {
  const of = contributorsIn(opened, parties, members);
  const contributors = new Array<readonly string[]>(atoms);
  for (let atom = 0; atom < atoms; atom++) contributors[atom] = of(atom);
  return contributors;
}

/** A number per atom, row-major: equal where the registry digits are. */
function registryClasses(dimensions: readonly CellDimension[]): Uint32Array {
  let classes = new Uint32Array(1);
  for (const { size, attribute } of dimensions) {
    const finer = new Uint32Array(classes.length * size);
    for (let at = 0; at < finer.length; at++) {
      const coarse = classes[Math.floor(at / size)]!;
      finer[at] = attribute === undefined ? coarse : coarse * size + (at % size);
    }
    classes = finer;
  }
  return classes;
}

/** Atoms that differ in one dimension only: `size` of them from `start` on, `stride` apart. */
interface Line {
  readonly start: number;
  readonly stride: number;
  readonly size: number;
}

/** Every line of the table, dimension by dimension. */
function* lines(dimensions: readonly CellDimension[], atoms: number): Generator<Line> {
  let stride = atoms;
  for (const { size } of dimensions) {
    const block = stride;
    stride /= size;
    for (let from = 0; from < atoms; from += block) {
      for (let start = from; start < from + stride; start++) yield { start, stride, size };
    }
  }
}

/**
 * Left-out rule, for every line (the atoms a margin adds up): while its left-out atoms jointly hold between 1 and
 * need − 1 contributors and something of it is included, the included atom with the fewest (ties: lowest index) goes
 * too. Lines are taken in order until none changes.
 */
function leaveOut(
  dimensions: readonly CellDimension[],
  atoms: number,
  included: readonly number[],
  rule: { need: number; size: (atom: number) => number; joint: (leftOut: readonly number[]) => number },
): number[] {
  const kept = new Uint8Array(atoms);
  for (const atom of included) kept[atom] = 1;
  const settle = ({ start, stride, size }: Line): boolean => {
    for (let changed = false; ; changed = true) {
      const inside: number[] = [];
      const leftOut: number[] = [];
      for (let digit = 0, atom = start; digit < size; digit++, atom += stride) {
        (kept[atom] === 1 ? inside : leftOut).push(atom);
      }
      const held = rule.joint(leftOut);
      if (inside.length === 0 || held === 0 || held >= rule.need) return changed;
      kept[inside.reduce((least, atom) => (rule.size(atom) < rule.size(least) ? atom : least))] = 0;
    }
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const line of lines(dimensions, atoms)) changed = settle(line) || changed;
  }
  return included.filter((atom) => kept[atom] === 1);
}

export const cellNeed = (constants: Constants, layout: Pick<Layout, "minimumOrganisations">): number =>
  Math.max(constants.need, layout.minimumOrganisations);

/**
 * Registry mode: the contract's bitmap, narrowed by what the contract cannot know (atoms excluded by the layout, cells
 * too small for exact moments). Equal to the contract's where neither applies.
 */
export function registryIncluded(
  dimensions: readonly CellDimension[],
  contract: readonly number[],
  contributors: readonly (readonly string[])[],
  constants: Constants,
  layout: Layout,
): number[] {
  const included = contract.filter(registryFits(contributors, constants, layout));
  return leaveOut(dimensions, layout.atoms, included, {
    need: constants.need,
    size: (atom) => contributors[atom]!.length,
    // Atoms of one class share their list, so there are few lists however many atoms.
    joint: (leftOut) => new Set([...new Set(leftOut.map((atom) => contributors[atom]!))].flat()).size,
  });
}

/** Registry mode: atoms that their own contributors would let open, whatever is left out beside them. */
export const registryFitting = (
  contributors: readonly (readonly string[])[],
  constants: Constants,
  layout: Layout,
): number[] => [...contributors.keys()].filter(registryFits(contributors, constants, layout));

function registryFits(contributors: readonly (readonly string[])[], constants: Constants, layout: Layout) {
  const excluded = new Set(layout.excluded);
  const need = cellNeed(constants, layout);
  return (atom: number): boolean => contributors[atom]!.length >= need && !excluded.has(atom);
}

/** Weight of one member's units: 1 where the unit is the provider itself, else U. */
export const unitWeight = (layout: Layout, constants: Constants, member: string): number =>
  layout.units[member]?.kind === "provider" ? 1 : constants.minimumUnits;

/**
 * Counted mode: atoms that their own numbers would let open: k(S1) − d ≥ need and the units left after removing the
 * 1 + c + d largest weights are still ≥ U. With shared unit domains one unit may be reported by every contributor, so
 * Σu / N is tested.
 */
export function countedFitting(
  survivors: readonly string[],
  counts: readonly number[],
  units: readonly number[],
  constants: Constants,
  layout: Layout,
): number[] {
  const { colluders, drops, minimumUnits } = constants;
  const largest = survivors
    .map((member) => unitWeight(layout, constants, member))
    .toSorted((a, b) => b - a)
    .slice(0, 1 + colluders + drops)
    .reduce((sum, weight) => sum + weight, 0);
  const excluded = new Set(layout.excluded);
  const fits = (atom: number): boolean => {
    const k = counts[atom]!;
    const left = units[atom]! - largest;
    const enough = layout.sharedUnitDomains ? left >= minimumUnits * k : left >= minimumUnits;
    return k - drops >= cellNeed(constants, layout) && (minimumUnits === 0 || enough);
  };
  return [...counts.keys()].filter((atom) => !excluded.has(atom) && fits(atom));
}

/** Counted mode: what fits, without what the left-out rule takes. */
export function countedIncluded(
  dimensions: readonly CellDimension[],
  survivors: readonly string[],
  counts: readonly number[],
  units: readonly number[],
  constants: Constants,
  layout: Layout,
): number[] {
  const fit = countedFitting(survivors, counts, units, constants, layout);
  return leaveOut(dimensions, layout.atoms, fit, {
    need: constants.need,
    size: (atom) => counts[atom]!,
    // Counts do not tell how contributors overlap; the largest one is a lower bound of their union.
    joint: (leftOut) => leftOut.reduce((most, atom) => Math.max(most, counts[atom]!), 0),
  });
}

/** Phase-2 survivors keep every included cell at its minimum? Names the first atom that fails. */
export function firstCellBelow(
  cells: { readonly included: readonly number[]; readonly least: (atom: number) => number },
  need: number,
): number | undefined {
  for (const atom of cells.included) if (cells.least(atom) < need) return atom;
  return undefined;
}
