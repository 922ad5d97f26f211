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

/** Contributors per atom among `members`, from the registry; atoms with equal registry digits share one list. */
export function registryContributors(
  opened: Opened,
  parties: Parties,
  members: readonly string[],
  atoms: number,
): (readonly string[])[] {
  const { dimensions } = opened.cells;
  const byClass = new Map<string, readonly string[]>();
  return Array.from({ length: atoms }, (_, atom) => {
    const name = registryClass(dimensions, atom);
    const known = byClass.get(name);
    if (known !== undefined) return known;
    const found = members.filter((member) => inAtom(dimensions, parties.attributes[member] ?? {}, atom));
    byClass.set(name, found);
    return found;
  });
}

function registryClass(dimensions: readonly CellDimension[], atom: number): string {
  let name = "";
  let rest = atom;
  for (let i = dimensions.length - 1; i >= 0; i--) {
    const { size, attribute } = dimensions[i]!;
    if (attribute !== undefined) name += `${rest % size},`;
    rest = Math.floor(rest / size);
  }
  return name;
}

/** Atoms that differ in one dimension only: every line of the table, dimension by dimension. */
function* lines(dimensions: readonly CellDimension[], atoms: number): Generator<number[]> {
  let stride = atoms;
  for (const { size } of dimensions) {
    stride /= size;
    for (let start = 0; start < atoms; start++) {
      if (Math.floor(start / stride) % size !== 0) continue;
      yield Array.from({ length: size }, (_, digit) => start + digit * stride);
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
  const kept = new Set(included);
  const settle = (line: readonly number[]): boolean => {
    const before = kept.size;
    for (;;) {
      const inside = line.filter((atom) => kept.has(atom));
      const held = rule.joint(line.filter((atom) => !kept.has(atom)));
      if (inside.length === 0 || held === 0 || held >= rule.need) return kept.size < before;
      kept.delete(inside.reduce((least, atom) => (rule.size(atom) < rule.size(least) ? atom : least)));
    }
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const line of lines(dimensions, atoms)) changed = settle(line) || changed;
  }
  return included.filter((atom) => kept.has(atom));
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
  const fit = new Set(registryFitting(contributors, constants, layout));
  const included = contract.filter((atom) => fit.has(atom));
  return leaveOut(dimensions, layout.atoms, included, {
    need: constants.need,
    size: (atom) => contributors[atom]!.length,
    // Atoms of one class share their list, so there are few lists however many atoms.
    joint: (leftOut) => new Set([...new Set(leftOut.map((atom) => contributors[atom]!))].flat()).size,
  });
}

/** Registry mode: atoms that their own contributors would let open, whatever is left out beside them. */
export function registryFitting(
  contributors: readonly (readonly string[])[],
  constants: Constants,
  layout: Layout,
): number[] {
  const excluded = new Set(layout.excluded);
  const need = cellNeed(constants, layout);
  return [...contributors.keys()].filter((atom) => !excluded.has(atom) && contributors[atom]!.length >= need);
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
  return cells.included.find((atom) => cells.least(atom) < need);
}
