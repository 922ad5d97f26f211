/**
 * Registry mode (secure-aggregation.md section 4): which atoms are included is a function of public registry
 * attributes, pinned at the opening, and of the mask set. A member contributes to one digit of every registry dimension
 * and, because its value is declared always present, to every digit of the others. So the atoms fall into classes by
 * their registry digits, classes have disjoint contributors, and every slice of the other dimensions is one partition
 * with the same counts: a class is included or left out as a whole.
 */
import { ContractError, demand } from "./errors.ts";
import type { NetworkState, PinnedMember } from "./records.ts";
import type { CellDimension, MemberRecord } from "./transactions.ts";

export const MAX_ATOMS = 1_048_576;

/** Row-major product; no dimension means one atom. */
export const atomCount = (dimensions: readonly CellDimension[]): number =>
  dimensions.reduce((product, { size }) => product * size, 1);

export function demandCells(dimensions: readonly CellDimension[], network: NetworkState): void {
  for (const [at, dimension] of dimensions.entries()) {
    const problem = problemOf(dimension, at, dimensions, network);
    if (problem !== undefined) {
      throw new ContractError("ERR_CONTRACT_CELLS", `cells.dimensions[${at}]: ${problem}`, "cells.dimensions");
    }
  }
  const atoms = atomCount(dimensions);
  demand(
    atoms <= MAX_ATOMS,
    "ERR_CONTRACT_CELLS",
    `cells.dimensions: expected at most ${MAX_ATOMS} atoms, got ${atoms}`,
    "cells.dimensions",
  );
}

function problemOf(
  { name, size, attribute }: CellDimension,
  at: number,
  dimensions: readonly CellDimension[],
  network: NetworkState,
): string | undefined {
  if (dimensions.findIndex((other) => other.name === name) !== at) return `${name} appears twice`;
  if (attribute === undefined) return undefined;
  const table = Object.hasOwn(network.attributes, attribute.name) ? network.attributes[attribute.name] : undefined;
  if (table === undefined) return `${attribute.name} is no registry attribute of the network`;
  if (attribute.values.length !== size) return `expected ${size} values, got ${attribute.values.length}`;
  if (new Set(attribute.values).size !== size) return "a value appears twice";
  const unknown = attribute.values.find((value) => !table.includes(value));
  return unknown === undefined ? undefined : `${unknown} is not in the code table of ${attribute.name}`;
}

/** The member's digit in every registry dimension, or null when one of its attributes is in none of the values. */
export function digitsOf(
  dimensions: readonly CellDimension[],
  attributes: MemberRecord["attributes"],
): readonly number[] | null {
  const digits: number[] = [];
  for (const { attribute } of dimensions) {
    if (attribute === undefined) continue;
    const value = Object.hasOwn(attributes, attribute.name) ? attributes[attribute.name] : undefined;
    const digit = value === undefined ? -1 : attribute.values.indexOf(value);
    if (digit < 0) return null;
    digits.push(digit);
  }
  return digits;
}

export interface Cells {
  readonly dimensions: readonly CellDimension[];
  readonly pinned: readonly PinnedMember[];
  readonly need: number;
}

/** `bitmap`: bit i = byte[i>>3] >> (i&7) & 1, base64url. `members` is the mask set V. */
export function registryBitmap(
  cells: Cells,
  members: readonly string[],
): { readonly bitmap: string; readonly atoms: number; readonly included: number } {
  const classes = includedClasses(cells, members);
  const atoms = atomCount(cells.dimensions);
  const bytes = Buffer.alloc(Math.ceil(atoms / 8));
  let included = 0;
  for (let atom = 0; atom < atoms; atom += 1) {
    if (!classes.has(classOfAtom(cells.dimensions, atom))) continue;
    bytes[atom >> 3] = (bytes[atom >> 3] ?? 0) | (1 << (atom & 7));
    included += 1;
  }
  return { bitmap: bytes.toString("base64url"), atoms, included };
}

/** Whether every cell included over the mask set still has `need` members among the survivors. */
export function keepsMinimum(cells: Cells, maskset: readonly string[], survivors: readonly string[]): boolean {
  const left = countByClass(cells.pinned, survivors);
  return [...includedClasses(cells, maskset)].every((name) => (left.get(name) ?? 0) >= cells.need);
}

/**
 * Included are classes with `need` members or more. In every line of the table of classes (those that differ in one
 * registry digit only, which is what a margin adds up): while its left-out classes jointly hold between 1 and need - 1
 * contributors, their sum would follow from the margin, so the line's smallest included class joins them; ties: lowest
 * atom. Lines are taken in order of dimension and start until nothing changes.
 */
function includedClasses({ dimensions, pinned, need }: Cells, members: readonly string[]): Set<string> {
  const counts = countByClass(pinned, members);
  const sizeOf = (name: string): number => counts.get(name) ?? 0;
  const included = new Set([...counts.keys()].filter((name) => sizeOf(name) >= need));
  const lines = linesOf([...counts.keys()], dimensions.filter(({ attribute }) => attribute !== undefined).length);
  for (let before = -1; before !== included.size; ) {
    before = included.size;
    for (const line of lines) {
      const smallestFirst = line.filter((name) => included.has(name));
      smallestFirst.sort((one, other) => sizeOf(one) - sizeOf(other) || compareClasses(one, other));
      let leftOut = line.reduce((sum, name) => (included.has(name) ? sum : sum + sizeOf(name)), 0);
      for (const name of smallestFirst) {
        if (leftOut === 0 || leftOut >= need) break;
        included.delete(name);
        leftOut += sizeOf(name);
      }
    }
  }
  return included;
}

/** Classes with members, by line: in order of dimension, then of the other digits. */
function linesOf(classes: readonly string[], registryDimensions: number): readonly (readonly string[])[] {
  return Array.from({ length: registryDimensions }, (_, dimension) => {
    const lines = new Map<string, string[]>();
    for (const name of classes) {
      const others = name.split(",").toSpliced(dimension, 1).join(",");
      lines.set(others, [...(lines.get(others) ?? []), name]);
    }
    return [...lines].sort(([one], [other]) => compareClasses(one, other)).map(([, line]) => line);
  }).flat();
}

function countByClass(pinned: readonly PinnedMember[], members: readonly string[]): Map<string, number> {
  const present = new Set(members);
  const counts = new Map<string, number>();
  for (const { member, digits } of pinned) {
    if (digits === null || !present.has(member)) continue;
    const name = digits.join(",");
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

function classOfAtom(dimensions: readonly CellDimension[], atom: number): string {
  const digits: number[] = [];
  let rest = atom;
  for (const { size, attribute } of [...dimensions].reverse()) {
    if (attribute !== undefined) digits.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return digits.join(",");
}

function compareClasses(a: string, b: string): number {
  const [left, right] = [a.split(",").map(Number), b.split(",").map(Number)];
  for (const [at, digit] of left.entries()) {
    const difference = digit - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
