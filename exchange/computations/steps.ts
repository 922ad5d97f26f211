/** What one of a sum's whole numbers is: cohorts whose assets have other scales and units count in other steps. */
import { canonicalJson } from "../../crypto/suites/digest.ts";
import type { Layout, Word } from "../statistics/layout.ts";
import { multiply, type Rational, rational } from "../statistics/rational.ts";
import { conversionFactor } from "../statistics/units.ts";

/** 10^-scale of the unit. */
export interface Step {
  readonly unit: string | null;
  readonly scale: number;
}

/** By element of the sum; a sum of none counts something. */
export function stepsOf(word: Word, { elements }: Pick<Layout, "elements">): readonly Step[] {
  const named = word.kind === "linear" ? word.terms.map(({ element }) => element) : elementsIn(word);
  return named.map((element): Step => {
    const { unit, scale } = elements.find((one) => one.element === element)!;
    return { unit, scale };
  });
}

const elementsIn = (word: Word): readonly string[] => (word.kind === "moment" ? word.factors : []);

/**
 * One of `steps` in units of `like`: 10^-scale of it; undefined where they are not known or of another kind. Of a sum of
 * several elements only where all are equal.
 */
export function stepSize(steps: readonly Step[] | undefined, like: readonly Step[] | undefined): Rational | undefined {
  if (steps === undefined || like === undefined) return undefined;
  if (canonicalJson(steps) === canonicalJson(like)) return powers(like);
  const [step, model] = [steps[0], like[0]];
  if (step === undefined || model === undefined || steps.length !== 1 || like.length !== 1) return undefined;
  const factor = conversionFactor(step.unit, model.unit);
  return factor && multiply(rational(factor.numerator, factor.denominator), powers(steps));
}

const powers = (steps: readonly Step[]): Rational =>
  rational(1n, 10n ** BigInt(steps.reduce((digits, { scale }) => digits + scale, 0)));
