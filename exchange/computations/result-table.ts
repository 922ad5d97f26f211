/**
 * What a result is made of: the cells of the layout and, where totals are asked for, the margins that add them up. All of
 * them are numbered in one row, cells first, so that rules and figures need not tell them apart.
 */
import { inAtom } from "../../crypto/secagg/cells.ts";
import type { Parties } from "../../crypto/secagg/opened.ts";
import type { Decoded, DecodedCell } from "../../crypto/secagg/step.ts";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { type DecodeOptions, decode, type ResultCell } from "../statistics/decode.ts";
import {
  aboveOf,
  atomCodes,
  type CellCodes,
  componentPlaces,
  expandIncluded,
  type Layout,
  type LayoutDomain,
  sumRecords,
  termRecords,
} from "../statistics/layout.ts";
import { type Margin, marginsOf } from "../statistics/margins.ts";
import { add, rational } from "../statistics/rational.ts";
import { readElement, writeElement } from "../statistics/vector.ts";
import { magnitudesOf, squaresOf, totalOf, totalsOf } from "../statistics/words.ts";
import type { OpenBody } from "./opening.ts";

export interface TableInputs {
  readonly opened: OpenBody;
  readonly layout: Layout;
  readonly parties: Pick<Parties, "attributes">;
  readonly decoded: Decoded;
  readonly dropped: number;
}

export interface ResultTable {
  /** As the layout has them, with as many atoms as there are cells and margins. */
  readonly layout: Layout;
  /** In the order of atoms; only what is included is to be read. */
  readonly vector: BigUint64Array;
  readonly included: ReadonlySet<number>;
  /** What is included. */
  readonly cells: readonly DecodedCell[];
  /** Certain contributors of each atom. */
  readonly counts: readonly number[];
  readonly margins: readonly Margin[];
  codesOf(atom: number): CellCodes;
  groupOf(atom: number): Record<string, string>;
  recordOf(atom: number, component: number): string;
  termsOf(atom: number, component: number): readonly string[];
  contributorsOf(atom: number): readonly string[];
  /** Atoms of the layout in an atom: itself, or the parts of a margin. */
  partsOf(atom: number): readonly number[];
  /** Figures from this or another vector of the same atoms. */
  decoded(vector: BigUint64Array, options: Pick<DecodeOptions, "colluders" | "variance">): readonly ResultCell[];
}

export function resultTable(inputs: TableInputs): ResultTable {
  const { layout, decoded, dropped } = inputs;
  const isIn = new Set(decoded.cells.map(({ atom }) => atom));
  const flags = Array.from({ length: layout.atoms }, (_, atom) => isIn.has(atom));
  const sums = isIn.size === layout.atoms ? decoded.words : expandIncluded(layout, decoded.words, flags);
  const contributorsTo = (atom: number): readonly string[] =>
    decoded.survivors.filter((member) =>
      inAtom(inputs.opened.cells.dimensions, inputs.parties.attributes[member] ?? {}, atom),
    );
  const margins = marginsOf(layout);
  const extended = margins.length === 0 ? undefined : extend(inputs, margins, { isIn, sums, contributorsTo });
  const whole = extended?.layout ?? layout;
  const cells = extended?.cells ?? decoded.cells;
  const included = new Set(cells.map(({ atom }) => atom));
  const counts = new Array<number>(whole.atoms).fill(0);
  for (const { atom, organisations } of cells) counts[atom] = Math.max(0, organisations - dropped);
  const codesOf = (atom: number): CellCodes =>
    atom < layout.atoms ? atomCodes(layout, atom) : margins[atom - layout.atoms]!.codes;
  const groupOf = (atom: number) =>
    Object.fromEntries(
      codesOf(atom).flatMap((code, i) => (code === undefined ? [] : [[layout.domains[i]!.name, code]])),
    );
  const [records, terms] = [sumRecords(layout), termRecords(layout)];
  const partsOf = (atom: number) => (atom < layout.atoms ? [atom] : margins[atom - layout.atoms]!.atoms);
  return {
    layout: whole,
    vector: extended?.vector ?? sums,
    included,
    cells,
    counts,
    margins,
    codesOf,
    groupOf,
    recordOf: (atom, component) => records(codesOf(atom), component),
    termsOf: (atom, component) => terms(codesOf(atom), component),
    contributorsOf: (atom) =>
      atom < layout.atoms ? contributorsTo(atom) : [...new Set(partsOf(atom).flatMap(contributorsTo))].sort(),
    partsOf,
    decoded(vector, { variance, ...options }) {
      const inSum = variance && summed(variance, partsOf, isIn);
      const all = decode(
        whole,
        vector,
        Array.from({ length: whole.atoms }, (_, atom) => included.has(atom)),
        { ...options, counts, complements: decoded.complements, ...(inSum === undefined ? {} : { variance: inSum }) },
      );
      return extended === undefined ? all : all.map((cell) => ({ ...cell, group: groupOf(Number(cell.group[PLACE])) }));
    },
  };
}

/** Name of the one dimension of a table with margins. */
const PLACE = "place";

const summed =
  (variance: NonNullable<DecodeOptions["variance"]>, partsOf: ResultTable["partsOf"], isIn: ReadonlySet<number>) =>
  (atom: number, component: number) =>
    partsOf(atom)
      .filter((part) => isIn.has(part))
      .reduce((sum, part) => add(sum, variance(part, component)), rational(0n));

interface Base {
  readonly isIn: ReadonlySet<number>;
  readonly sums: BigUint64Array;
  readonly contributorsTo: (atom: number) => readonly string[];
}

/** A margin is there where every cell of it that anybody is in is. */
function extend({ layout, decoded }: TableInputs, margins: readonly Margin[], { isIn, sums, contributorsTo }: Base) {
  const atoms = layout.atoms + margins.length;
  const codes = Array.from({ length: atoms }, (_, atom) => String(atom));
  const whole: Layout = {
    ...layout,
    atoms,
    domains: [{ kind: "element", name: PLACE, codes }],
    dimensions: [{ name: PLACE, size: atoms }],
  };
  const vector = new BigUint64Array(atoms * layout.wordsPerAtom);
  vector.set(sums);
  const known = new Map(decoded.cells.map((cell) => [cell.atom, cell]));
  const isEmpty = new Map<number, boolean>();
  const empty = (atom: number): boolean => {
    const before = isEmpty.get(atom);
    if (before !== undefined) return before;
    const found = contributorsTo(atom).length === 0;
    isEmpty.set(atom, found);
    return found;
  };
  const cells = [...decoded.cells];
  for (const [index, { atoms: parts }] of margins.entries()) {
    const atom = layout.atoms + index;
    const there = parts.filter((part) => isIn.has(part));
    if (there.length === 0 || !parts.every((part) => isIn.has(part) || empty(part))) continue;
    // Who is in one code is in the others as well; nobody is in two values of an attribute.
    const classes = Map.groupBy(there, (part) => attributeCodes(layout, part));
    const most = (of: (part: number) => number) =>
      [...classes.values()].reduce((sum, same) => sum + Math.max(...same.map(of)), 0);
    const units = there.every((part) => known.get(part)!.units !== undefined)
      ? { units: most((part) => known.get(part)!.units!) }
      : {};
    cells.push({ atom, organisations: most((part) => known.get(part)!.organisations), ...units });
    addUp(layout, vector, { atom, there, classes: [...classes.values()] });
  }
  return { layout: whole, vector, cells };
}

const attributeCodes = (layout: Layout, atom: number): string =>
  JSON.stringify(atomCodes(layout, atom).filter((_, i) => layout.domains[i]!.kind === "attribute"));

/**
 * Sums add up. Squares of an organisation's totals over codes do not: the root of their sum is at most the sum of the roots
 * for each code (Minkowski), and larger squares only withhold more. So do smaller magnitudes, of which the total is the least.
 */
function addUp(
  layout: Layout,
  vector: BigUint64Array,
  {
    atom,
    there,
    classes,
  }: { readonly atom: number; readonly there: readonly number[]; readonly classes: readonly (readonly number[])[] },
): void {
  const places = componentPlaces(layout);
  const at = (one: number, offset: number) => one * layout.wordsPerAtom + offset;
  const sumOf = (parts: readonly number[], offset: number, words: 1 | 2) =>
    parts.reduce((sum, part) => sum + readElement(vector, at(part, offset), words), 0n);
  for (const { word } of layout.components) {
    const { offset, words } = places.get(canonicalJson(word))!;
    if (word.kind === "registers" || word.kind === "squares" || word.kind === "magnitudes") continue;
    writeElement(vector, at(atom, offset), words, sumOf(there, offset, words));
  }
  for (const name of totalsOf(layout.query.measures, layout.elements)) {
    const plain = places.get(canonicalJson(totalOf(name)))!;
    const total = readElement(vector, at(atom, plain.offset), plain.words);
    const squares = places.get(canonicalJson(squaresOf(name)));
    if (squares !== undefined) {
      const most = classes.reduce((sum, parts) => {
        const [first, ...others] = parts.map((part) => readElement(vector, at(part, squares.offset), squares.words));
        if (others.length === 0) return sum + first!;
        return sum + [first!, ...others].reduce((roots, one) => roots + rootAbove(one), 0n) ** 2n;
      }, 0n);
      const limit = 2n ** BigInt(64 * squares.words - 1) - 1n;
      writeElement(vector, at(atom, squares.offset), squares.words, most < limit ? most : limit);
    }
    const magnitudes = places.get(canonicalJson(magnitudesOf(name)));
    if (magnitudes !== undefined)
      writeElement(vector, at(atom, magnitudes.offset), magnitudes.words, total < 0n ? -total : total);
  }
}

/**
 * Each margin that is there, as the sum of what lies right below it in one dimension; what nobody is in is not a part.
 * `domains`: of the table.
 */
export function marginSums(
  { margins, layout, included, codesOf }: ResultTable,
  domains: readonly LayoutDomain[],
): readonly MarginSum[] {
  if (margins.length === 0) return [];
  const atoms = Array.from({ length: layout.atoms }, (_, atom) => atom);
  const byCodes = new Map(atoms.map((atom) => [keyOf(codesOf(atom)), atom]));
  const sums = new Map<string, { readonly total: number; readonly parts: number[] }>();
  for (const part of atoms) {
    if (!included.has(part)) continue;
    const codes = codesOf(part);
    for (const [dimension, code] of codes.entries()) {
      if (code === undefined) continue;
      const total = byCodes.get(keyOf(codes.with(dimension, aboveOf(domains[dimension]!, code))))!;
      if (!included.has(total)) continue;
      const key = `${total}/${dimension}`;
      const sum = sums.get(key) ?? { total, parts: [] };
      sums.set(key, sum);
      sum.parts.push(part);
    }
  }
  return [...sums.values()];
}

export interface MarginSum {
  readonly total: number;
  readonly parts: readonly number[];
}

const keyOf = (codes: CellCodes): string => JSON.stringify(codes.map((code) => code ?? null));

/** The least whole number that is not below the square root. */
function rootAbove(square: bigint): bigint {
  if (square <= 0n) return 0n;
  let root = 1n << BigInt(Math.ceil(square.toString(2).length / 2));
  for (;;) {
    const next = (root + square / root) >> 1n;
    if (next >= root) break;
    root = next;
  }
  return root * root === square ? root : root + 1n;
}
