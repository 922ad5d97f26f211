/**
 * A figure that an encrypted query asks for, as coefficients of the words of the one provider's cells: whole numbers, so
 * that the sum is exact, and one factor that makes a figure of it.
 */

import { LARGEST_VALUE, MOST_CELLS } from "../../crypto/he/query.ts";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import type { Measure } from "../../policies/model/query.ts";
import { RESULT_DIGITS } from "../statistics/decode.ts";
import { scaledInteger } from "../statistics/elements.ts";
import { atomIndex, type Layout, layoutWords } from "../statistics/layout.ts";
import { linearsOf, whole } from "../statistics/linear.ts";
import { exactDecimal, multiply, type Rational, rational, roundedDecimal } from "../statistics/rational.ts";
import { conversionFactor } from "../statistics/units.ts";
import { readElement } from "../statistics/vector.ts";
import { wordsOf } from "../statistics/words.ts";

/** weight × the figure of this measure in the cell of this group. */
export interface AskedTerm {
  readonly group: Readonly<Record<string, string>>;
  readonly measure: string;
  readonly weight: string;
}

export interface Coefficients {
  /** One for each cell and measure, in the order of the layout. */
  readonly list: readonly bigint[];
  /** The figure is this times the sum. */
  readonly factor: Rational;
  /** No sum of cells within their declared bounds is beyond it, either way. */
  readonly most: bigint;
  /** Atoms with a coefficient that is not zero. */
  readonly atoms: readonly number[];
}

export class QueryError extends Error {
  override readonly name = "QueryError";
}

const WEIGHT_DIGITS = 6;

/** Throws QueryError where the cells of a query are not ones that can be asked for so. */
export function assertCells(layout: Layout): void {
  if (layoutWords(layout) !== layout.atoms * layout.components.length)
    throw new QueryError("cells: too wide for a sum");
  if (layout.components.some(({ bound }) => BigInt(bound) >= LARGEST_VALUE)) {
    throw new QueryError("cells: their bounds are too wide for a sum");
  }
  if (layoutWords(layout) > MOST_CELLS) throw new QueryError(`cells: at most ${MOST_CELLS} of all measures together`);
}

/** Throws QueryError. */
export function coefficientsOf(layout: Layout, asked: readonly AskedTerm[]): Coefficients {
  const placed = asked.map(({ group, measure: id, weight }) => {
    const measure = layout.query.measures.find((one) => one.id === id);
    if (measure === undefined) throw new QueryError(`measure: ${id} is none of the request's`);
    const names = layout.domains.map(({ name }) => name);
    const atom = atomIndex(
      layout,
      names.map((name) => group[name] ?? ""),
    );
    if (atom === undefined || Object.keys(group).length !== names.length) {
      throw new QueryError(`group: wanted one code of each of ${names.join(", ") || "nothing"}`);
    }
    const stated = rational(scaledInteger(weight, WEIGHT_DIGITS, "exact")!, 10n ** BigInt(WEIGHT_DIGITS));
    const place = atom * layout.components.length + componentOf(layout, measure);
    return { atom, place, coefficient: multiply(stated, factorOf(layout, measure)) };
  });
  const used = placed.filter(({ coefficient }) => coefficient.numerator !== 0n);
  if (used.length === 0) throw new QueryError("terms: at least one weight that is not zero");
  if (new Set(used.map(({ place }) => place)).size < used.length) throw new QueryError("terms: name a cell twice");
  const numbers = whole(used.map(({ coefficient }) => coefficient));
  const list = new Array<bigint>(layoutWords(layout)).fill(0n);
  let most = 0n;
  for (const [i, { place }] of used.entries()) {
    const number = numbers[i]!;
    list[place] = number;
    most += (number < 0n ? -number : number) * BigInt(layout.components[place % layout.components.length]!.bound);
  }
  if (most >= LARGEST_VALUE)
    throw new QueryError("weights: the sum may be larger than an answer holds; use fewer digits");
  const { coefficient } = used[0]!;
  return {
    list,
    most,
    factor: rational(coefficient.numerator, coefficient.denominator * numbers[0]!),
    atoms: [...new Set(used.map(({ atom }) => atom))],
  };
}

const componentOf = (layout: Layout, measure: Measure): number => {
  const wanted = canonicalJson(wordsOf(measure, layout.elements)[0]);
  return layout.components.findIndex(({ word }) => canonicalJson(word) === wanted);
};

function factorOf(layout: Layout, measure: Measure): Rational {
  const { statistic } = measure;
  if (statistic.kind === "weighted-sum") return linearsOf(measure, layout.elements)[0]!.factor;
  if (statistic.kind !== "sum") return rational(1n);
  const common = layout.elements.find(({ element }) => element === statistic.element)!;
  const unit = conversionFactor(common.unit, measure.units?.[statistic.element] ?? common.unit)!;
  return rational(unit.numerator, unit.denominator * 10n ** BigInt(common.scale));
}

export function figureOf(sum: bigint, factor: Rational): string {
  const value = multiply(rational(sum), factor);
  return exactDecimal(value) ?? roundedDecimal(value, RESULT_DIGITS);
}

/** Cells of words as the query's plaintext has them; those of atoms that are left out are zero. */
export function cellsOf(layout: Layout, values: BigUint64Array, leftOut: ReadonlySet<number>): readonly bigint[] {
  const each = layout.components.length;
  return Array.from(values, (_, place) => (leftOut.has(Math.floor(place / each)) ? 0n : readElement(values, place, 1)));
}
