import type { PeriodStep } from "../model/operands.ts";
import { cutByPeriod } from "../model/statistic.ts";
import type { Case, Compared, Finding, Rule } from "../model/verdict.ts";
import { permit, refuse } from "./finding.ts";

/**
 * The period asked about overlaps the asset's, and the asset has a date to cut by unless it lies inside as a whole. A
 * date that cuts is compared with literals, so both ends lie where the policy's steps of the calendar do: a free one
 * could single out one record, and two periods that differ by a day would tell that day.
 */
export const period: Rule = {
  id: "period",
  evaluate: (input) => {
    const problems = periodProblems(input);
    if (problems.length > 0) return problems;
    return permit(input.request.query.period === undefined ? "period-open" : "period-held", compare(input));
  },
};

export function periodProblems(input: Case): readonly Finding[] {
  const { terms, request, asset } = input;
  const wanted = request.query.period;
  if (wanted === undefined) return [];
  const compared = compare(input);
  if (!(Date.parse(wanted.from) <= Date.parse(wanted.to))) return [refuse("period-empty", compared)];
  if (asset.period === undefined) return [refuse("period-not-held", compared)];
  if (wanted.to < asset.period.from || wanted.from > asset.period.to) return [refuse("period-not-held", compared)];
  const cut = cutByPeriod(request.query, asset);
  if (cut === undefined) return [];
  if (cut === "") return [refuse("period-not-divisible", compared)];
  const aligned = startsStep(wanted.from, terms.periodStep) && startsStep(dayAfter(wanted.to), terms.periodStep);
  const element = asset.fields.find(({ name }) => name === cut)?.element ?? cut;
  return aligned ? [] : [refuse("period-not-aligned", { element, step: terms.periodStep, ...compared })];
}

function compare({ request, asset }: Case): Compared {
  const wanted = request.query.period;
  if (wanted === undefined) return {};
  return {
    wanted: `${wanted.from}..${wanted.to}`,
    held: asset.period === undefined ? null : `${asset.period.from}..${asset.period.to}`,
  };
}

const FIRST_MONTHS: Readonly<Record<Exclude<PeriodStep, "day">, readonly number[]>> = {
  month: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
  quarter: [1, 4, 7, 10],
  year: [1],
};

function startsStep(date: string, step: PeriodStep): boolean {
  if (step === "day") return true;
  return date.slice(8) === "01" && FIRST_MONTHS[step].includes(Number(date.slice(5, 7)));
}

const dayAfter = (date: string): string => new Date(Date.parse(date) + 86_400_000).toISOString().slice(0, 10);
