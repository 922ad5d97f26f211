/**
 * Totals that rules about the largest contributors withhold, with everything the receiver published or withheld before.
 * Each element and record by itself: cells of registry attributes and totals over them are sums over nested sets of
 * organisations. Codes and classes of a table are other records; what adds up there is the release guard's.
 */
import type { DecodedCell } from "../../crypto/secagg/step.ts";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import type { ConcentrationRule, Percent } from "../../policies/disclosure/concentration.ts";
import type { CellSums } from "../../policies/disclosure/contributors.ts";
import { type KnownRules, type KnownSum, type SumRule, withheldSums } from "../../policies/disclosure/known-sums.ts";
import type { Solver } from "../../policies/disclosure/solver.ts";
import { namesLargest, type OutputTerms } from "../../policies/model/output-terms.ts";
import { componentPlaces, type Layout } from "../statistics/layout.ts";
import { type Rational, rational } from "../statistics/rational.ts";
import { readElement } from "../statistics/vector.ts";
import { magnitudesOf, squaresOf, totalOf, totalsOf } from "../statistics/words.ts";
import type { SumEquation, TotalFacts } from "./release-check.ts";
import { stepSize, stepsOf } from "./steps.ts";

/** One total of this computation. */
export interface PresentTotal {
  readonly atom: number;
  /** Component of its plain sum. */
  readonly component: number;
  readonly record: string;
  readonly contributors: readonly string[];
  readonly facts: TotalFacts;
}

export interface TotalInputs {
  readonly layout: Layout;
  /** Sums of all atoms. */
  readonly vector: BigUint64Array;
  readonly cells: readonly DecodedCell[];
  /** Organisations that may be missing from any cell. */
  readonly dropped: number;
  readonly recordOf: (atom: number, component: number) => string;
  readonly contributorsOf: (atom: number) => readonly string[];
  /** Squares of the atom are only bounded. */
  readonly isBound?: (atom: number) => boolean;
}

/** Empty where the layout has no sums of squares. */
export function presentTotals({ layout, vector, cells, dropped, ...of }: TotalInputs): readonly PresentTotal[] {
  const places = componentPlaces(layout);
  const words = layout.components.map(({ word }) => canonicalJson(word));
  return totalsOf(layout.query.measures, layout.elements).flatMap((name) => {
    const plain = totalOf(name);
    const component = words.indexOf(canonicalJson(plain));
    const squares = places.get(canonicalJson(squaresOf(name)));
    const total = places.get(canonicalJson(magnitudesOf(name))) ?? places.get(canonicalJson(plain));
    if (squares === undefined || total === undefined || component < 0) return [];
    const steps = stepsOf(plain, layout);
    return cells.map(({ atom, organisations }): PresentTotal => {
      const read = ({ offset, words: width }: typeof total) =>
        readElement(vector, atom * layout.wordsPerAtom + offset, width);
      return {
        atom,
        component,
        record: of.recordOf(atom, component),
        contributors: of.contributorsOf(atom),
        facts: {
          steps,
          organisations,
          ...(dropped > 0 ? ({ mayBeFewer: true } as const) : {}),
          ...(of.isBound?.(atom) === true ? ({ isBound: true } as const) : {}),
          total: read(total).toString(),
          squares: read(squares).toString(),
        },
      };
    });
  });
}

export interface Judges {
  readonly output: OutputTerms;
  readonly need: number;
  /** Holding group by member; absent: its own. */
  readonly groups: Readonly<Record<string, string>>;
  /** Undefined: nothing can be proven of sums that are related. */
  readonly solver: Solver | undefined;
  /** Once it is, what is not judged yet is withheld. */
  readonly isLate: () => boolean;
  /** All totals of this computation were judged as one table: each record by itself only where it was told or withheld otherwise before. */
  readonly isJudged?: boolean;
}

/** Each withheld total with the rule. `earlier`: of the same records. */
export function judgeTotals(
  present: readonly PresentTotal[],
  earlier: readonly SumEquation[],
  { output, need, groups, solver, isLate, isJudged = false }: Judges,
): ReadonlyMap<PresentTotal, SumRule> {
  const withheld = new Map<PresentTotal, SumRule>();
  if (!namesLargest(output)) return withheld;
  const rules = knownRules(output, need);
  const before = Map.groupBy(earlier, ({ record }) => record);
  for (const [record, totals] of Map.groupBy(present, (one) => one.record)) {
    if (isJudged && (before.get(record) ?? []).every((one) => isToldAlready(one, totals))) continue;
    const sumsIn = inOneStep([...totals, ...(before.get(record) ?? [])].flatMap(({ facts }) => facts ?? []));
    const sums: KnownSum[] = totals.map(({ contributors, facts }, at) => ({
      id: `${at}`,
      contributors,
      facts: sumsIn(facts),
      state: "candidate",
    }));
    for (const { id, contributors, facts, withheld: isHidden } of before.get(record) ?? []) {
      // What was left out never reached this receiver.
      if (isHidden === true && facts === undefined) continue;
      const state = isHidden === true ? "hidden" : "told";
      sums.push({ id, contributors, facts: facts && sumsIn(facts), state });
    }
    const isBound = [...totals, ...(before.get(record) ?? [])].some(({ facts }) => facts?.isBound === true);
    const found = isLate() || isBound ? undefined : withheldSums(sums, { ...rules, groups }, solver, isLate);
    for (const [at, one] of totals.entries()) {
      const rule = found === undefined ? "protection-interval" : found.get(`${at}`);
      if (rule !== undefined) withheld.set(one, rule);
    }
  }
  return withheld;
}

/** Told as this very sum, or left out by the minimum, in which no rule about the largest has a part. */
export const isToldAlready = (one: SumEquation, totals: readonly PresentTotal[]): boolean =>
  one.withheld === true
    ? one.facts === undefined
    : totals.some(
        ({ record, contributors }) =>
          record === one.record &&
          contributors.length === one.contributors.length &&
          contributors.every((member) => one.contributors.includes(member)),
      );

/** As whole numbers of one step, the coarsest that fits; undefined of facts whose steps are not known or of another kind. */
export function inOneStep([first, ...others]: readonly TotalFacts[]): (facts: TotalFacts) => CellSums | undefined {
  const sizes = new Map<TotalFacts, Rational>();
  for (const facts of first === undefined ? [] : [first, ...others]) {
    const size = stepSize(facts.steps, first!.steps);
    if (size !== undefined) sizes.set(facts, size);
  }
  const finest = [...sizes.values()].reduce(largestCommon, rational(0n, 1n));
  return (facts) => {
    const size = sizes.get(facts);
    if (size === undefined) return undefined;
    const times = (size.numerator * finest.denominator) / (size.denominator * finest.numerator);
    const signed = BigInt(facts.total) * times;
    return {
      organisations: facts.organisations,
      ...(facts.mayBeFewer === true ? { mayBeFewer: true } : {}),
      total: signed < 0n ? -signed : signed,
      squares: BigInt(facts.squares) * times * times,
    };
  };
}

/** The largest that both are whole multiples of. */
function largestCommon(a: Rational, b: Rational): Rational {
  const [one, other] = [a.numerator * b.denominator, b.numerator * a.denominator];
  return rational(greatestCommonDivisor(one, other), a.denominator * b.denominator);
}

const greatestCommonDivisor = (a: bigint, b: bigint): bigint => (b === 0n ? a : greatestCommonDivisor(b, a % b));

export function knownRules(
  { dominance, pPercent, pq, protectionInterval, zeroCells }: OutputTerms,
  need: number,
): KnownRules {
  const concentration: ConcentrationRule[] = [
    ...dominance.map(({ largest, percent }) => ({
      kind: "dominance" as const,
      largest: Number(largest),
      percent: percentOf(percent),
    })),
    ...(pPercent === null ? [] : [{ kind: "p-percent" as const, percent: percentOf(pPercent) }]),
    ...pq.map(({ percent, prior }) => ({ kind: "pq" as const, percent: percentOf(percent), prior: percentOf(prior) })),
  ];
  return {
    minimumOrganisations: need,
    minimumUnits: 0,
    concentration,
    zerosTell: zeroCells === "withheld",
    protection: { share: Number(protectionInterval ?? 0) / 100, least: 1 },
  };
}

function percentOf(text: string): Percent {
  const [whole = "0", fraction = ""] = text.split(".");
  return { numerator: BigInt(whole + fraction), denominator: 10n ** BigInt(fraction.length) };
}
