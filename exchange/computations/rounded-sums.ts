/**
 * Sums that are about to be published, rounded where a policy of the cohort wants it: to multiples of every base, so that
 * what adds up over organisations and over codes still does, in this result and with what was told before.
 */
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { nearest, roundSums } from "../../policies/disclosure/rounding.ts";
import type { Relation } from "../../policies/disclosure/shape.ts";
import type { Solver } from "../../policies/disclosure/solver.ts";
import type { RoundingTerm } from "../../policies/model/output-terms.ts";
import type { Layout, LayoutElement, Word } from "../statistics/layout.ts";
import { divide } from "../statistics/rational.ts";
import { type CodeDomains, codeTables, relationsOf } from "./record-relations.ts";
import type { SumEquation } from "./release-check.ts";
import { type Step, stepSize } from "./steps.ts";

export interface PresentSum {
  readonly equation: SumEquation;
  readonly value: bigint;
  readonly base: bigint;
}

/** In integers of the layout; undefined: sums of this word are published as they are. */
export function baseOf(word: Word, rounding: readonly RoundingTerm[], layout: Layout): bigint | undefined {
  const element = elementOf(word);
  if (element === undefined) return undefined;
  const scale = layout.elements.find((one) => one.element === element)?.scale ?? 0;
  const bases = rounding.filter((term) => (term.element ?? COUNTS) === element).map(({ base }) => stepsOf(base, scale));
  return bases.length === 0 ? undefined : bases.reduce(leastCommonMultiple);
}

const COUNTS = "";

/** What a sum is of; undefined: of nothing that is rounded. */
function elementOf(word: Word): LayoutElement["element"] | undefined {
  if (word.kind === "units") return COUNTS;
  if (word.kind !== "moment") return undefined;
  if (word.factors.length === 0) return COUNTS;
  return word.factors.length === 1 ? word.factors[0] : undefined;
}

/** The least whole number of steps of 10^-scale that is a multiple of the base. */
function stepsOf(base: string, scale: number): bigint {
  const [whole = "0", fraction = ""] = base.split(".");
  const numerator = BigInt(whole + fraction) * 10n ** BigInt(scale);
  return numerator / greatestCommonDivisor(numerator, 10n ** BigInt(fraction.length));
}

const greatestCommonDivisor = (a: bigint, b: bigint): bigint => (b === 0n ? a : greatestCommonDivisor(b, a % b));
const leastCommonMultiple = (a: bigint, b: bigint): bigint => (a / greatestCommonDivisor(a, b)) * b;

export interface RoundingInputs {
  readonly present: readonly PresentSum[];
  /** What this receiver told before. */
  readonly earlier: readonly SumEquation[];
  readonly domains: CodeDomains;
  /** Sums that hold by construction, by ids. */
  readonly sums?: readonly { readonly total: string; readonly parts: readonly string[] }[];
  readonly solver: Solver | undefined;
  readonly isLate: () => boolean;
}

/** By id of the sum. */
export function roundedSums({
  present,
  earlier,
  domains,
  sums: held = [],
  solver,
  isLate,
}: RoundingInputs): ReadonlyMap<string, bigint> {
  const now = canonicalJson(codeTables(domains));
  // Totals over other codes are of other cells than they seem to be.
  const isAlike = ({ codes }: SumEquation) => codes === undefined || canonicalJson(codes) === now;
  const told = earlier.filter((one) => one.withheld !== true && one.rounded !== undefined && isAlike(one));
  const before = new Map(told.map((one) => [nameOf(one), BigInt(one.rounded!)]));
  const bases = new Map(present.map(({ equation, base }) => [equation.record, base]));
  const sums = [
    // Of what was told as another multiple that one is rounded, never the value again: two roundings tell more than one.
    ...present.map(({ equation, value, base }) => ({ equation, value, base, told: before.get(nameOf(equation)) })),
    ...told.flatMap((equation) => {
      const base = baseBeside(equation, present, bases);
      const value = BigInt(equation.rounded!);
      return base === undefined ? [] : [{ equation, value, base, told: value }];
    }),
  ].map((one) => ({ ...one, told: one.told === undefined ? undefined : nearest(one.told, one.base) }));
  const hidden = hiddenParts(sums.length);
  const places = new Map(present.map(({ equation }, at) => [equation.id, at]));
  const byMargins = held.flatMap(({ total, parts }): readonly Relation[] => {
    const [whole, ...rest] = [total, ...parts].map((id) => places.get(id) ?? hidden.at(id));
    return [{ total: whole!, parts: rest as number[] }];
  });
  // Without anything told before, what adds up in a table with margins are its margins.
  const others =
    held.length > 0 && told.length === 0
      ? []
      : [...overOrganisations(sums, hidden), ...overCodes(sums, domains, hidden)];
  const relations = [...byMargins, ...others];
  const inputs = sums.map(({ value, base, told: fixed }) => ({
    value,
    base,
    ...(fixed === undefined ? {} : { told: fixed }),
  }));
  const rounded = roundSums(inputs, relations, solver, isLate);
  return new Map(present.map(({ equation }, at) => [equation.id, rounded[at]!]));
}

/** What was told in other steps, as it counts in these; without it where these are of another kind. */
export function inSteps(one: SumEquation, steps: readonly Step[] | undefined): SumEquation {
  if (one.rounded === undefined) return one;
  const [then, now] = [stepSize(one.steps, steps), stepSize(steps, steps)];
  const { rounded, ...rest } = one;
  if (then === undefined || now === undefined) return rest;
  const { numerator, denominator } = divide(then, now);
  return { ...rest, rounded: `${(BigInt(rounded) * numerator) / denominator}` };
}

const nameOf = ({ record, contributors }: SumEquation): string => canonicalJson([record, [...contributors].sort()]);

/** All sums of one word have one base. */
function baseBeside(
  { record }: SumEquation,
  present: readonly PresentSum[],
  bases: ReadonlyMap<string, bigint>,
): bigint | undefined {
  const same = bases.get(record);
  if (same !== undefined) return same;
  const word = wordOf(record);
  return present.find(({ equation }) => wordOf(equation.record) === word)?.base;
}

export const wordOf = (record: string): string =>
  canonicalJson((JSON.parse(record) as { readonly word: unknown }).word);

interface Placed {
  readonly equation: SumEquation;
}

/** What sums have in common is a quantity of its own, published or not; numbered after the sums. */
interface HiddenParts {
  at(name: string): number;
}

function hiddenParts(first: number): HiddenParts {
  const numbers = new Map<string, number>();
  return {
    at(name) {
      const known = numbers.get(name) ?? first + numbers.size;
      numbers.set(name, known);
      return known;
    },
  };
}

/** Sums of one record over sets of organisations. */
function overOrganisations(sums: readonly Placed[], hidden: HiddenParts): readonly Relation[] {
  const placed = sums.map(({ equation: { record, contributors } }, at) => ({ at, key: record, parts: contributors }));
  return [...Map.groupBy(placed, ({ key }) => key)].flatMap(([key, same]) =>
    inParts(`organisations ${key}`, same, hidden),
  );
}

/** Sums of the same organisations over sets of the finest cells, of codes and of periods, that their records tell apart. */
function overCodes(sums: readonly Placed[], domains: CodeDomains, hidden: HiddenParts): readonly Relation[] {
  const totals = relationsOf(
    sums.map(({ equation }) => equation.record),
    { domains },
  );
  // Above the limit of record-relations.ts what adds up is not worked out, and each record is rounded by itself.
  if (totals === undefined || totals.length === 0) return [];
  const cells = new Map<string, readonly string[]>();
  for (const [first, ...others] of totals) {
    if (first !== undefined)
      cells.set(first.record, [...(cells.get(first.record) ?? []), ...others.map(({ record }) => record)]);
  }
  const placed = sums.flatMap(({ equation: { record, contributors } }, at) => {
    const parts = cells.get(record);
    return parts === undefined ? [] : [{ at, key: canonicalJson([wordOf(record), [...contributors].sort()]), parts }];
  });
  return [...Map.groupBy(placed, ({ key }) => key)].flatMap(([key, same]) => inParts(`codes ${key}`, same, hidden));
}

interface PlacedParts {
  readonly at: number;
  readonly parts: readonly string[];
}

/** Above this many sums of one kind nobody looks for what adds up. */
const MOST_SUMS = 500;

/** Each sum that shares anything with another one, as the sum of the parts that these sums tell apart. */
function inParts(name: string, sums: readonly PlacedParts[], hidden: HiddenParts): readonly Relation[] {
  if (sums.length < 2 || sums.length > MOST_SUMS) return [];
  const patterns = new Map<string, number[]>();
  for (const [index, { parts }] of sums.entries()) {
    for (const part of parts) patterns.set(part, [...(patterns.get(part) ?? []), index]);
  }
  const classes = new Map([...patterns.values()].map((members) => [members.join(), members]));
  return sums.flatMap(({ at }, index): readonly Relation[] => {
    const own = [...classes].filter(([, members]) => members.includes(index));
    const isAlone = own.every(([, members]) => members.length === 1);
    return isAlone ? [] : [{ total: at, parts: own.map(([pattern]) => hidden.at(`${name} ${pattern}`)) }];
  });
}
