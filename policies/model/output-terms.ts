/** What released sums must withstand beside minimum numbers, as a policy states it. Numbers are text, as in the policy. */
import { type Static, Type } from "typebox";
import { Code, closed } from "./vocabulary.ts";

/** More than 0, at most 100, three digits after the point. */
export const PercentText = Type.String({
  pattern: "^(?:100|[1-9]\\d?(?:\\.\\d{1,3})?|0\\.\\d{0,2}[1-9])$",
  examples: ["0.001", "100"],
});

/** Withheld if the `largest` contributors together have more than `percent` of the total. */
export const DominanceTerm = closed({
  largest: Type.String({ pattern: "^[1-9]$", examples: ["1", "9"] }),
  percent: PercentText,
});
/** Withheld if the second largest, knowing the others to within `prior`, can tell the largest to within `percent`. */
export const PriorTerm = closed({ percent: PercentText, prior: PercentText });

/** Counts, or sums of an element in this unit, are published as multiples of `base`. */
export const RoundingTerm = Type.Object(
  {
    /** Absent: counts of units and rows. */
    element: Type.Optional(Code),
    base: Type.String({
      pattern: "^(?:[1-9]\\d{0,14}(?:\\.\\d{0,8}[1-9])?|0\\.\\d{0,8}[1-9])$",
      examples: ["0.000000001", "999999999999999"],
    }),
    /** As the field declares it; absent where it declares none. */
    unit: Type.Optional(Code),
  },
  { additionalProperties: false },
);
export type RoundingTerm = Static<typeof RoundingTerm>;

export interface OutputTerms {
  readonly dominance: readonly { readonly largest: string; readonly percent: string }[];
  /** Withheld if the second largest can tell the largest to within this; null: no such rule. */
  readonly pPercent: string | null;
  readonly pq: readonly { readonly percent: string; readonly prior: string }[];
  /** Percent of its value by which a withheld sum stays unknown to everybody; null: says nothing of it. */
  readonly protectionInterval: string | null;
  readonly zeroCells: "withheld" | "released";
  /** Each once; of one element all hold, so that its sums are multiples of every base. Absent: nothing is rounded. */
  readonly rounding?: readonly RoundingTerm[];
  /** So many persons of the release authority look at a result before it leaves; absent: nobody has to. */
  readonly review?: ReviewTerms;
}
export interface ReviewTerms {
  readonly persons: number;
  /** After the last contribution; what is not approved by then never leaves. */
  readonly hours: number;
}
/** Where a policy wants a review and names no hours. */
export const SILENT_REVIEW_HOURS = 24;

/** Where a rule of concentration is stated and no interval. */
const SILENT_INTERVAL = "10";

type Stated = Partial<{ readonly [K in keyof OutputTerms]: OutputTerms[K] | undefined }>;

export function outputTerms(stated: Stated): OutputTerms {
  const rules = {
    dominance: stated.dominance ?? [],
    pPercent: stated.pPercent ?? null,
    pq: stated.pq ?? [],
    zeroCells: stated.zeroCells ?? "withheld",
  };
  return Object.freeze({
    ...rules,
    ...(stated.review === undefined ? {} : { review: stated.review }),
    ...(stated.rounding === undefined ? {} : { rounding: stated.rounding }),
    protectionInterval: stated.protectionInterval ?? (namesLargest(rules) ? SILENT_INTERVAL : null),
  });
}

/** Some rule is about the largest contributors: it needs sums of squares beside sums. */
export const namesLargest = ({
  dominance,
  pPercent,
  pq,
}: Pick<OutputTerms, "dominance" | "pPercent" | "pq">): boolean =>
  dominance.length > 0 || pPercent !== null || pq.length > 0;

/** All of them hold: of rules of one kind the stricter, else both. */
export function strictestOutput(all: readonly OutputTerms[]): OutputTerms {
  const dominance = [
    ...Map.groupBy(
      all.flatMap((one) => one.dominance),
      ({ largest }) => largest,
    ),
  ]
    .map(([largest, rules]) => ({
      largest,
      percent: extreme(
        rules.map(({ percent }) => percent),
        Math.min,
      )!,
    }))
    .sort((a, b) => Number(a.largest) - Number(b.largest));
  const pq = [...new Map(all.flatMap((one) => one.pq).map((rule) => [`${rule.percent}/${rule.prior}`, rule])).entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { percent, prior }]) => ({ percent, prior }));
  const largest = (name: "pPercent" | "protectionInterval") =>
    extreme(
      all.flatMap((one) => one[name] ?? []),
      Math.max,
    ) ?? null;
  const rules = { dominance, pPercent: largest("pPercent"), pq };
  const reviews = all.flatMap(({ review }) => review ?? []);
  const review = {
    persons: Math.max(...reviews.map(({ persons }) => persons)),
    hours: Math.min(...reviews.map(({ hours }) => hours)),
  };
  const rounding = everyRounding(all.flatMap((one) => one.rounding ?? []));
  return Object.freeze({
    ...rules,
    ...(reviews.length === 0 ? {} : { review }),
    ...(rounding.length === 0 ? {} : { rounding }),
    protectionInterval: namesLargest(rules) ? largest("protectionInterval") : null,
    zeroCells: all.length > 0 && all.every(({ zeroCells }) => zeroCells === "released") ? "released" : "withheld",
  });
}

const everyRounding = (all: readonly RoundingTerm[]): readonly RoundingTerm[] =>
  [
    ...new Map(
      all.map(({ element, base, unit }) => [
        JSON.stringify([element ?? "", base, unit ?? ""]),
        { element, base, unit },
      ]),
    ),
  ]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { element, base, unit }]) => ({
      ...(element === undefined ? {} : { element }),
      base,
      ...(unit === undefined ? {} : { unit }),
    }));

/** As it was written, so that the answer is one of the texts. */
function extreme(texts: readonly string[], choose: (...values: number[]) => number): string | undefined {
  const wanted = choose(...texts.map(Number));
  return texts.find((text) => Number(text) === wanted);
}
