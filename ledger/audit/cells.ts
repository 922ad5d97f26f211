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
  /** Distinct contributors that a set of left-out atoms holds (counted mode: a lower bound of it). */
  joint(leftOut: (atom: number) => boolean): number;
}

export const cellFacts = (evidence: Evidence): CellFacts =>
  evidence.opened.cells.mode === "registry" ? registryFacts(evidence) : countedFacts(evidence);

function registryFacts({ opened, cohort, admitted, maskset, survivors2, body }: Evidence): CellFacts {
  const { dimensions } = opened.cells;
  const { need } = opened.constants;
  const pinned: PinnedMember[] = cohort.map(({ member, holdingGroup }) => ({
    member,
    holdingGroup,
    digits: digitsOf(dimensions, admitted.get(member)?.record.attributes ?? {}),
  }));
  const { atoms } = body.opened.layout.document.layout;
  const contract = bitsOf(registryBitmap({ dimensions, pinned, need }, maskset).bitmap, atoms);
  const inAtom = (digits: PinnedMember["digits"], atom: number): boolean => {
    if (digits === null) return false;
    let rest = atom;
    let registryAt = digits.length;
    for (const { size, attribute } of dimensions.toReversed()) {
      const digit = rest % size;
      rest = Math.floor(rest / size);
      if (attribute !== undefined && digits[--registryAt] !== digit) return false;
    }
    return true;
  };
  const among = (members: readonly string[], atom: number): string[] => {
    const present = new Set(members);
    return pinned.filter((p) => present.has(p.member) && inAtom(p.digits, atom)).map(({ member }) => member);
  };
  const facts = Array.from({ length: atoms }, (_, atom) => {
    const count = among(maskset, atom).length;
    return { count, least: among(survivors2, atom).length, fits: count >= need };
  });
  return {
    atoms: facts,
    contract,
    joint: (leftOut) => new Set(facts.flatMap((_, atom) => (leftOut(atom) ? among(maskset, atom) : []))).size,
  };
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
    joint: (leftOut) => counts.reduce((most, count, atom) => (leftOut(atom) ? Math.max(most, count) : most), 0),
  };
}
