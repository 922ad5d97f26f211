/** One decoded figure with the facts that the output rules look at. */
import type { DecodedCell } from "../../crypto/secagg/step.ts";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import type { Figure, Rational } from "../../policies/disclosure/output-rules.ts";
import type { Measure } from "../../policies/model/query.ts";
import type { ResultCell } from "../statistics/decode.ts";
import { boundsOf, multiplierOf, numericFieldOf } from "../statistics/elements.ts";
import { elementsIn, type Layout, type Word } from "../statistics/layout.ts";
import { readElement } from "../statistics/vector.ts";
import { elementsOf, moment } from "../statistics/words.ts";
import type { LayoutDocument } from "./documents.ts";

export interface FigureInputs {
  readonly id: string;
  readonly measure: Measure;
  readonly layout: Layout;
  readonly assets: LayoutDocument["assets"];
  readonly cell: DecodedCell;
  /** Sums of all atoms, in the order of the layout. */
  readonly vector: BigUint64Array;
  /** Proven lower bound of distinct contributing organisations. */
  readonly organisations: number;
  /** What decode made of it: one cell, or one per part of a regression. */
  readonly results: readonly ResultCell[];
  readonly sums: readonly string[];
}

export function figureOf(inputs: FigureInputs): Figure {
  const { measure, cell, organisations } = inputs;
  const { statistic } = measure;
  const elements = elementsOf(statistic);
  const rows = sumOf(inputs, moment([], elements));
  const value = comparedValue(inputs);
  const bounds = isPlain(measure) ? declaredBounds(inputs, elements[0]!) : undefined;
  const parts = statistic.kind === "ratio" ? ratioParts(inputs, statistic) : undefined;
  return {
    id: inputs.id,
    statistic,
    organisations,
    // Every contributing organisation holds at least one unit.
    units: Math.max(cell.units ?? 0, organisations),
    ...(rows === undefined ? {} : { rows: Number(rows) }),
    ...(value === undefined ? {} : { value }),
    ...(bounds === undefined ? {} : { bounds }),
    ...(parts === undefined ? {} : { parts }),
    ...(statistic.kind === "regression" ? { exactFit: isExactFit(inputs.results) } : {}),
    ...(explains(statistic).some((element) => isBinary(inputs, elements, element)) ? { hasBinary: true } : {}),
    sums: inputs.sums,
  };
}

/** Variables whose two groups a model would compare. */
function explains(statistic: Measure["statistic"]): readonly string[] {
  if (statistic.kind === "regression") return statistic.independents;
  return statistic.kind === "correlation" ? [statistic.x, statistic.y] : [];
}

/** With bounds a and b, Σ(x − a)(b − x) is nothing exactly where each row is at one of them. */
function isBinary(inputs: FigureInputs, elements: readonly string[], element: string): boolean {
  const bounds = declaredBounds(inputs, element);
  const rows = sumOf(inputs, moment([], elements));
  const sum = sumOf(inputs, moment([element], elements));
  const squares = sumOf(inputs, moment([element, element], elements));
  if (bounds === undefined || rows === undefined || sum === undefined || squares === undefined) return false;
  const [a, b] = [bounds.minimum.numerator, bounds.maximum.numerator];
  return (a + b) * sum - squares - rows * a * b === 0n;
}

/** Bounds are compared only where the figure is stated in the layout's own unit. */
const isPlain = ({ statistic, units }: Measure): boolean =>
  (statistic.kind === "sum" || statistic.kind === "mean") && units === undefined;

function sumOf({ layout, cell, vector }: FigureInputs, word: Word): bigint | undefined {
  const wanted = canonicalJson(word);
  const index = layout.components.findIndex((component) => canonicalJson(component.word) === wanted);
  if (index < 0) return undefined;
  const before = layout.components.slice(0, index);
  const offset = before.reduce((words, component) => words + component.words * elementsIn(component), 0);
  return readElement(vector, cell.atom * layout.wordsPerAtom + offset, layout.components[index]!.words);
}

function comparedValue({ measure, results }: FigureInputs): Rational | undefined {
  const text = results[0]?.value;
  if (text === undefined || text === null) return undefined;
  const value = rationalOf(text);
  const { kind } = measure.statistic;
  return kind === "correlation" || kind === "standard-deviation" ? squared(value) : value;
}

function declaredBounds({ layout, assets }: FigureInputs, element: string): Figure["bounds"] {
  const common = layout.elements.find((candidate) => candidate.element === element);
  if (common === undefined) return undefined;
  const denominator = 10n ** BigInt(common.scale);
  const ranges = assets.map((asset) => {
    const field = numericFieldOf(asset, element);
    const multiplier = multiplierOf(field, common) ?? 1n;
    const { minimum, maximum } = boundsOf(field);
    return { minimum: minimum * multiplier, maximum: maximum * multiplier };
  });
  const [minimum] = ranges.map((range) => range.minimum).sort(ascending);
  const maximum = ranges
    .map((range) => range.maximum)
    .sort(ascending)
    .at(-1);
  if (minimum === undefined || maximum === undefined) return undefined;
  return { minimum: { numerator: minimum, denominator }, maximum: { numerator: maximum, denominator } };
}

const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

function ratioParts(
  inputs: FigureInputs,
  statistic: { readonly numerator: string; readonly denominator: string },
): Figure["parts"] {
  const part = (element: string): Rational | undefined => {
    const sum = sumOf(inputs, moment([element], [element]));
    const scale = inputs.layout.elements.find((candidate) => candidate.element === element)?.scale ?? 0;
    return sum === undefined ? undefined : { numerator: sum, denominator: 10n ** BigInt(scale) };
  };
  const numerator = part(statistic.numerator);
  const denominator = part(statistic.denominator);
  return numerator === undefined || denominator === undefined ? undefined : { numerator, denominator };
}

const isExactFit = (results: readonly ResultCell[]): boolean =>
  results.some((cell) => cell.undefined === "singular" || (cell.part === "r-squared" && cell.value === "1"));

function rationalOf(decimal: string): Rational {
  const [whole = "0", fraction = ""] = decimal.replace("-", "").split(".");
  const numerator = BigInt(whole + fraction);
  return { numerator: decimal.startsWith("-") ? -numerator : numerator, denominator: 10n ** BigInt(fraction.length) };
}

const squared = ({ numerator, denominator }: Rational): Rational => ({
  numerator: numerator * numerator,
  denominator: denominator * denominator,
});
