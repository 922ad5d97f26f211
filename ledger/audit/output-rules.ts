/** What the policies of a cohort want of a release, read from their documents once more, apart from the nodes' code. */
import type { Static } from "typebox";
import { listed, termOf } from "./policy-term.ts";
import type { OutputRules } from "./result.ts";

type Rules = Static<typeof OutputRules>;

/** Undefined where no policy says anything of it. Policies were checked by everyone who decided under them. */
export function outputRulesOf(policies: readonly unknown[]): Rules | undefined {
  const stated = policies.map((policy) => {
    const of = (term: string): unknown => termOf(policy, term);
    return {
      dominance: listed<Rules["dominance"][number]>(of("sealane:dominance")),
      pPercent: textOf(of("sealane:pPercent")),
      pq: listed<Rules["pq"][number]>(of("sealane:pq")),
      interval: textOf(of("sealane:protectionInterval")),
      showsZeros: of("sealane:zeroCells") === "released",
      rounding: listed<NonNullable<Rules["rounding"]>[number]>(of("sealane:rounding")),
      reviewers: textOf(of("sealane:reviewers")),
      hours: textOf(of("sealane:reviewHours")),
    };
  });
  const zeroCells = stated.every(({ showsZeros }) => showsZeros) ? "released" : "withheld";
  const hasRule = (one: (typeof stated)[number]) =>
    one.dominance.length + one.pq.length > 0 || one.pPercent !== undefined;
  const ruled = stated.filter(hasRule);
  const reviewed = stated.filter(({ reviewers }) => reviewers !== undefined);
  const bases = new Map(
    stated
      .flatMap(({ rounding }) => rounding)
      .map((one) => [JSON.stringify([one.element ?? "", one.base, one.unit ?? ""]), one]),
  );
  if (ruled.length === 0 && zeroCells === "withheld" && reviewed.length === 0 && bases.size === 0) return undefined;
  const strictest = new Map<string, string>();
  for (const { largest, percent } of stated.flatMap((one) => one.dominance)) {
    const before = strictest.get(largest);
    if (before === undefined || Number(percent) < Number(before)) strictest.set(largest, percent);
  }
  // Ten percent where a policy has a rule and names no interval.
  const intervals = stated.flatMap((one) => one.interval ?? (hasRule(one) ? ["10"] : []));
  return {
    dominance: [...strictest].map(([largest, percent]) => ({ largest, percent })).sort(by(({ largest }) => largest)),
    pPercent: highest(stated.flatMap(({ pPercent }) => pPercent ?? [])),
    pq: [
      ...new Map(
        stated.flatMap(({ pq }) => pq).map(({ percent, prior }) => [`${percent}/${prior}`, { percent, prior }]),
      ),
    ]
      .sort(by(([name]) => name))
      .map(([, rule]) => rule),
    protectionInterval: ruled.length === 0 ? null : highest(intervals),
    zeroCells,
    ...(bases.size === 0 ? {} : { rounding: [...bases].sort(by(([name]) => name)).map(([, one]) => one) }),
    ...(reviewed.length === 0
      ? {}
      : {
          review: {
            persons: Math.max(...reviewed.map(({ reviewers }) => Number(reviewers))),
            // A day where a policy wants a review and names no hours.
            hours: Math.min(...reviewed.map(({ hours }) => Number(hours ?? 24))),
          },
        }),
  };
}

const by =
  <T>(key: (one: T) => string) =>
  (a: T, b: T): number =>
    key(a) < key(b) ? -1 : 1;
const highest = (texts: readonly string[]): string | null =>
  texts.reduce<string | null>((most, text) => (most === null || Number(text) > Number(most) ? text : most), null);
const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
