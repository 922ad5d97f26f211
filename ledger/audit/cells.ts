/** Which atoms may be opened: re-derived from the ledger's registry or from the open counts, apart from the nodes' code. */
import { digitsOf, registryBitmap } from "../../chaincode/rules/cells.ts";
import type { PinnedMember } from "../../chaincode/rules/records.ts";
import type { Evidence } from "./evidence.ts";

/** Bits of a bitmap over `atoms`; undefined for another length, other encodings or bits beyond the end. */
export function bitsOf(bitmap: string, atoms: number): readonly boolean[] | undefined {
  const bytes = Buffer.from(bitmap, "base64url");
  if (bytes.toString("base64url") !== bitmap || bytes.length !== Math.ceil(atoms / 8)) return undefined;
  const bits = Array.from({ length: bytes.length * 8 }, (_, at) => (((bytes[at >> 3] ?? 0) >> (at & 7)) & 1) === 1);
  return bits.slice(atoms).some(Boolean) ? undefined : bits.slice(0, atoms);
}

export interface AtomFacts {
  /** Contributors that are certain to be in the released sum of this atom. */
  readonly least: number;
  /** Contributors over S1, on which inclusion was decided. */
  readonly count: number;
  /** Units suffice and `count` is enough, so that this atom may be opened by its own numbers. */
  readonly fits: boolean;
}

export interface CellFacts {
  readonly atoms: readonly AtomFacts[];
  /** Registry mode: what the contract computed from the mask set. */
  readonly contract: readonly boolean[] | undefined;
  /** Distinct contributors that these atoms hold together (counted mode: a lower bound of it). */
  joint(atoms: readonly number[]): number;
}

export const cellFacts = (evidence: Evidence): CellFacts =>
  evidence.opened.cells.mode === "registry" ? registryFacts(evidence) : countedFacts(evidence);

/** What margins add up: for each dimension, the atoms that differ in it only. */
export function* linesOf(dimensions: readonly { readonly size: number }[]): Generator<readonly number[]> {
  const atoms = dimensions.reduce((product, { size }) => product * size, 1);
  let stride = atoms;
  for (const { size } of dimensions) {
    stride /= size;
    for (let start = 0; start < atoms; start++) {
      if (Math.floor(start / stride) % size !== 0) continue;
      const first = start;
      yield Array.from({ length: size }, (_, digit) => first + digit * stride);
    }
  }
}

/**
 * Left-out rule (secure-aggregation.md section 4), worked out anew: the atoms it takes although their own numbers are
 * enough. Where every policy trusts the receiver with moments of small cells the plain minimum decides, else the one of
 * the moments; an atom that either of them explains is explained.
 */
export function complementsOf({ opened, body }: Evidence, facts: CellFacts): ReadonlySet<number> {
  const { dimensions } = opened.cells;
  const { need, colluders } = opened.constants;
  const { atoms, momentMargin } = body.opened.layout.document.layout;
  const all = Array.from({ length: atoms }, (_, atom) => atom);
  const countOf = (atom: number): number => facts.atoms[atom]?.count ?? 0;
  const taken = new Set<number>();
  for (const least of new Set([need, mostNeeded(need, colluders, momentMargin)])) {
    const fitting = all.filter((atom) => facts.atoms[atom]?.fits === true && countOf(atom) >= least);
    const kept = new Set(fitting.filter((atom) => facts.contract?.[atom] !== false));
    const settle = (line: readonly number[]): boolean => {
      const before = kept.size;
      for (;;) {
        const inside = line.filter((atom) => kept.has(atom));
        const held = facts.joint(line.filter((atom) => !kept.has(atom)));
        if (inside.length === 0 || held === 0 || held >= need) return kept.size < before;
        kept.delete(inside.reduce((fewest, atom) => (countOf(atom) < countOf(fewest) ? atom : fewest)));
      }
    };
    for (let changed = true; changed; ) {
      changed = false;
      for (const line of linesOf(dimensions)) changed = settle(line) || changed;
    }
    for (const atom of fitting) if (!kept.has(atom)) taken.add(atom);
  }
  return taken;
}

/** Organisations a cell needs where exact moments are asked for, too. */
export const mostNeeded = (need: number, colluders: number, momentMargin: number): number =>
  Math.max(need, momentMargin === 0 ? 0 : momentMargin + 1 + colluders);

/**
 * A member is in one class of registry digits and contributes to every atom of that class, so contributors of an atom
 * are those of its class, and classes share nobody.
 */
function registryFacts({ opened, cohort, admitted, maskset, survivors2, body }: Evidence): CellFacts {
  const { dimensions } = opened.cells;
  const { need } = opened.constants;
  const pinned: PinnedMember[] = cohort.map(({ member, holdingGroup }) => ({
    member,
    holdingGroup,
    digits: digitsOf(dimensions, admitted.get(member)?.record.attributes ?? {}),
  }));
  const { atoms } = body.opened.layout.document.layout;
  const countByClass = (members: readonly string[]): ReadonlyMap<string, number> => {
    const present = new Set(members);
    const counts = new Map<string, number>();
    for (const { member, digits } of pinned) {
      if (digits === null || !present.has(member)) continue;
      counts.set(digits.join(), (counts.get(digits.join()) ?? 0) + 1);
    }
    return counts;
  };
  const masked = countByClass(maskset);
  const surviving = countByClass(survivors2);
  const classes = Array.from({ length: atoms }, (_, atom) => classOf(dimensions, atom));
  return {
    atoms: classes.map((name) => {
      const count = masked.get(name) ?? 0;
      return { count, least: surviving.get(name) ?? 0, fits: count >= need };
    }),
    contract: bitsOf(registryBitmap({ dimensions, pinned, need }, maskset).bitmap, atoms),
    joint: (leftOut) =>
      [...new Set(leftOut.map((atom) => classes[atom] ?? ""))].reduce((sum, name) => sum + (masked.get(name) ?? 0), 0),
  };
}

function classOf(dimensions: Evidence["opened"]["cells"]["dimensions"], atom: number): string {
  const digits: number[] = [];
  let rest = atom;
  for (const { size, attribute } of dimensions.toReversed()) {
    if (attribute !== undefined) digits.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return digits.join();
}

// secure-aggregation.md section 4, counted mode.
function countedFacts({ opened, cohort, survivors1, survivors2, body }: Evidence): CellFacts {
  const { constants } = opened;
  const { counts, units } = body.phase1?.counts.counts.document ?? { counts: [], units: [] };
  const lost = survivors1.length - survivors2.length;
  const { assets } = body.opened.layout.document;
  const weightOf = (member: string): number => {
    const kind = assets[cohort.findIndex((entry) => entry.member === member)]?.unit.kind;
    return kind === "provider" ? Math.min(1, constants.minimumUnits) : constants.minimumUnits;
  };
  const largest = survivors1
    .map(weightOf)
    .toSorted((a, b) => b - a)
    .slice(0, 1 + constants.colluders + constants.drops)
    .reduce((sum, weight) => sum + weight, 0);
  const atoms = counts.map((count, atom) => ({
    count,
    least: count - lost,
    fits:
      count - constants.drops >= constants.need &&
      (constants.minimumUnits === 0 || (units[atom] ?? 0) - largest >= constants.minimumUnits),
  }));
  return {
    atoms,
    contract: undefined,
    // Counts do not tell how contributors overlap; the largest one is a lower bound of their union.
    joint: (leftOut) => leftOut.reduce((most, atom) => Math.max(most, counts[atom] ?? 0), 0),
  };
}
