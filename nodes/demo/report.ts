/** What the demonstration says: one machine-readable object, and text for people. */
import { comparedText } from "../cli/compared-text.ts";
import { isShortened, shortDecimal } from "../cli/short-decimal.ts";
import type { Column } from "../cli/table.ts";
import { renderFields, renderTable } from "../cli/table.ts";
import type { Texts } from "../i18n/text.ts";
import type { ComparedCell } from "./compare.ts";
import type { DemoAnswers } from "./encrypted-query.ts";
import type { DemoJoin } from "./join.ts";
import type { Revocation } from "./revocation.ts";
import type { DemoRequest } from "./run.ts";
import type { Scenario } from "./scenario.ts";
import type { Traffic } from "./wire-tap.ts";

export interface DemoReport {
  readonly scenario: string;
  readonly ledger: "embedded" | "fabric";
  readonly nodes: number;
  readonly processes: boolean;
  readonly requests: readonly Omit<DemoRequest, "evidence">[];
  readonly evidence: { readonly bundles: number; readonly verified: number; readonly checks: number };
  /** Of a list of the requester with a table of the receiver. */
  readonly join?: DemoJoin;
  readonly encrypted?: DemoAnswers;
  readonly revocation?: Revocation;
  /** Messages that held a raw value. */
  readonly leaks: number;
  readonly searchedValues: number;
  readonly messages: number;
  readonly bytes: number;
  readonly ms: number;
}

/**
 * Every released figure exact, every bundle verified, nothing leaked, exactly the expected requests refused, each for its
 * own reason, and what was revoked answers nothing any more.
 */
export const isGood = ({ requests, evidence, leaks, join, encrypted, revocation }: DemoReport): boolean =>
  leaks === 0 &&
  evidence.bundles > 0 &&
  evidence.verified === evidence.bundles &&
  requests.every(({ state, exact, reasons, refusedFor }) =>
    refusedFor === undefined ? state === "released" && exact : state === "refused" && reasons.includes(refusedFor),
  ) &&
  requests.some(({ state }) => state === "refused") &&
  (encrypted === undefined || (encrypted.exact && encrypted.verified)) &&
  (join === undefined || (join.state === "released" && join.exact && join.verified && join.groups.length > 0)) &&
  (revocation === undefined || (revocation.isSeen && revocation.answered.before && !revocation.answered.after));

const BAR_WIDTH = 24;

export function requestText(
  request: Omit<DemoRequest, "evidence">,
  number: number,
  texts: Texts,
  scenario: Scenario,
): string {
  const { text } = texts;
  const head = `${number}. ${texts.title(request.title)}  [${text(`demo.state.${request.state}`)}]`;
  if (request.state !== "released") {
    return [head, ...refusalText(request, texts, scenario).map((line) => `   ${line}`)].join("\n");
  }
  const facts = text("demo.request.facts", {
    mode: text(`demo.mode.${request.mode ?? "registry"}`),
    seconds: (request.ms / 1000).toFixed(1),
    kib: Math.round(request.bytes / 1024),
  });
  const compared = text(request.exact ? "demo.exact" : "demo.notExact", {
    count: request.cells.filter(({ value }) => value !== null).length,
  });
  const withheld = request.cells.flatMap((cell) => cell.withheld ?? []);
  const reason = [...new Set(withheld)].map((code) => texts.codedReason(code)).join("; ");
  const hidden = withheld.length === 0 ? [] : [`   ${text("demo.withheld", { count: withheld.length, reason })}`];
  const isRounded = request.cells.some(({ value }) => isShortened(value ?? ""));
  return [
    head,
    indent(tableOf(request.cells, texts)),
    ...(isRounded ? [`   ${text("result.shortened")}`] : []),
    `   ${compared}`,
    ...hidden,
    ...reviewText(request, texts, scenario),
    `   ${facts}`,
    `   ${stepsText(request, texts)}`,
  ].join("\n");
}

/** Why, with what was asked for and what the policy allows. */
function refusalText(
  { id, reasons, refusal }: Omit<DemoRequest, "evidence">,
  texts: Texts,
  { providers, requests }: Scenario,
): readonly string[] {
  const titleOf = (provider: string) => texts.title(providers.find((one) => one.id === provider)?.title ?? {});
  if (refusal === undefined) {
    const { without } = requests.find((one) => one.id === id) ?? {};
    const beside = without === undefined ? [] : [texts.text("demo.refused.history", { without: titleOf(without) })];
    return [...reasons.map((code) => texts.codedReason(code)), ...beside];
  }
  // That a column which another rule names stops the figures above it is said by that rule.
  const naming = refusal.verdicts.filter(({ reason }) => reason !== "column-not-released");
  const why = (naming.length > 0 ? naming : refusal.verdicts).map(
    ({ reason, compared }) => `  ${texts.codedReason(reason)}${comparedText(compared, texts)}`,
  );
  return [texts.text("demo.refused.by", { provider: titleOf(refusal.provider) }), ...why];
}

function revocationText(revocation: Revocation, { text, title, reason }: Texts, { providers }: Scenario): string {
  const { answered, isSeen } = revocation;
  const how = (isCached: boolean) => text(isCached ? "demo.revocation.cached" : "demo.revocation.asked");
  return [
    text("demo.revocation", {
      provider: title(providers.find(({ id }) => id === revocation.provider)?.title ?? {}),
      title: title(revocation.title),
      reason: reason(revocation.reason),
      seen: text(isSeen ? "cli.yes" : "cli.no"),
    }),
    `   ${text("demo.revocation.before", { answered: how(answered.before) })}`,
    `   ${text("demo.revocation.after", { answered: how(answered.after) })}`,
  ].join("\n");
}

function joinText(
  { groups, exact, verified, items, ms, title, state }: DemoJoin,
  texts: Texts,
  scenario: Scenario,
): string {
  const { text } = texts;
  const head = text("demo.join", {
    title: texts.title(title),
    requester: texts.title(scenario.requester.title ?? {}),
    holder: texts.title(scenario.receiver.title ?? {}),
    items,
    state: text(`join.state.${state as "released" | "withheld" | "failed"}`),
  });
  const [first] = groups;
  if (first === undefined) return head;
  const titles = [...Object.keys(first.group), ...first.figures.map(({ measure }) => measure)];
  const rows = groups.map(({ group, figures }) => [...Object.values(group), ...figures.map(({ value }) => value)]);
  const seconds = (ms / 1000).toFixed(1);
  return [
    head,
    indent(
      renderTable(
        titles.map((name) => ({ title: name })),
        rows,
      ),
    ),
    `   ${text(exact ? "demo.join.exact" : "demo.join.notExact", { seconds })}`,
    `   ${text(verified ? "demo.join.verified" : "demo.join.notVerified")}`,
  ].join("\n");
}

function answersText({ title, figures, exact, verified, ms }: DemoAnswers, texts: Texts, scenario: Scenario): string {
  const { text } = texts;
  const provider = texts.title(scenario.receiver.title ?? {});
  const requester = texts.title(scenario.requester.title ?? {});
  const titles = [text("cli.field.figure"), text("cli.field.value"), text("demo.encrypted.plain")];
  const rows = figures.map(({ id, value, plain }) => [id, value ?? "-", plain]);
  const seconds = (ms / 1000).toFixed(1);
  return [
    text("demo.encrypted", { title: texts.title(title), requester, provider }),
    indent(
      renderTable(
        titles.map((name) => ({ title: name })),
        rows,
      ),
    ),
    `   ${text(exact ? "demo.encrypted.exact" : "demo.encrypted.notExact", { seconds })}`,
    `   ${text(verified ? "demo.encrypted.verified" : "demo.encrypted.notVerified")}`,
  ].join("\n");
}

/** What the policies of the demonstration say of a rule, where they say a number. */
function limitText(rule: string, { text }: Texts, { dominance, minimumOrganisations }: Scenario): string {
  const [first] = dominance ?? [];
  if (rule === "dominance" && first !== undefined) return text("demo.limit.dominance", { ...first });
  return rule === "minimum-organisations" ? text("demo.limit.minimum", { count: minimumOrganisations }) : "";
}

function reviewText({ review }: Pick<DemoRequest, "review">, texts: Texts, scenario: Scenario): readonly string[] {
  const { text, reason } = texts;
  if (review === undefined) return [];
  const whys = Map.groupBy(
    review.withheld,
    ({ group, rules }) => `${Object.values(group).join(" ")}\n${rules[0] ?? ""}`,
  );
  const lines = [...whys].map(([key, figures]) => {
    const [group, rule = ""] = key.split("\n");
    return `     ${[group, figures.map(({ measure }) => measure).join(", ")].filter((one) => one !== "").join(" ")}: ${reason(rule)}${limitText(rule, texts, scenario)}`;
  });
  return [`   ${text("demo.review", { persons: review.approvals.join(", ") })}`, ...lines];
}

/** One row per group, one column per figure, and a bar for the first. */
function tableOf(cells: readonly ComparedCell[], texts: Texts): string {
  const dimensions = [...new Set(cells.flatMap(({ group }) => Object.keys(group)))];
  const columns = [...new Set(cells.map(nameOf))];
  if (dimensions.length === 0) return renderFields(cells.map((cell) => [labelOf(cell), shown(cell, texts)]));
  const groups = new Map<string, ComparedCell[]>();
  for (const cell of cells) {
    const key = JSON.stringify(dimensions.map((dimension) => cell.group[dimension] ?? ""));
    groups.set(key, [...(groups.get(key) ?? []), cell]);
  }
  const largest = Math.max(
    ...cells.filter((cell) => nameOf(cell) === columns[0]).map(({ value }) => Number(value ?? 0)),
  );
  const rows = [...groups].map(([key, row]) => {
    const figures = columns.map((name) => row.find((cell) => nameOf(cell) === name));
    return [
      ...(JSON.parse(key) as string[]),
      ...figures.map((cell) => (cell === undefined ? "" : shown(cell, texts))),
      bar(figures[0], largest),
    ];
  });
  const titles: Column[] = [
    ...dimensions.map((title) => ({ title })),
    ...columns.map((name) => ({
      title: labelOf(bestNamed(cells.filter((cell) => nameOf(cell) === name))),
      align: "right" as const,
    })),
    { title: "" },
  ];
  return renderTable(titles, rows);
}

const nameOf = ({ measure, part }: ComparedCell): string => (part === undefined ? measure : `${measure} ${part}`);
/** A withheld figure carries no unit; another of its column may. */
const bestNamed = (column: readonly ComparedCell[]): ComparedCell =>
  column.find(({ unit }) => unit !== undefined) ?? column[0]!;
const labelOf = (cell: ComparedCell): string =>
  cell.unit === undefined ? nameOf(cell) : `${nameOf(cell)} (${cell.unit})`;

function shown({ value, withheld }: ComparedCell, texts: Texts): string {
  if (value !== null) return shortDecimal(value);
  return withheld === undefined ? "-" : `— ${texts.text("result.withheld")}`;
}

const bar = (cell: ComparedCell | undefined, largest: number): string =>
  "█".repeat(Math.round((Math.max(Number(cell?.value ?? 0), 0) / (largest || 1)) * BAR_WIDTH));

function stepsText({ steps }: Pick<DemoRequest, "steps">, { text }: Texts): string {
  const longest = Object.entries(steps)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 6)
    .map(([step, ms]) => `${step} ${ms.toFixed(0)}`);
  return text("demo.steps", { steps: longest.join(", ") });
}

export function closingText(report: DemoReport, scenario: Scenario, traffic: Traffic, texts: Texts): string {
  const { text } = texts;
  const helpers =
    scenario.colluders === 0 ? text("demo.helpers.none") : text("demo.helpers.some", { colluders: scenario.colluders });
  const revoked = report.revocation === undefined ? [] : [`${revocationText(report.revocation, texts, scenario)}\n`];
  const joined = report.join === undefined ? [] : [`${joinText(report.join, texts, scenario)}\n`];
  const answered = report.encrypted === undefined ? [] : [`${answersText(report.encrypted, texts, scenario)}\n`];
  const leaks = traffic.examples.map(({ label, message, path }) => `   ${label}: ${message} ${path}`);
  return [
    ...joined,
    ...answered,
    ...revoked,
    text("demo.evidence", { ...report.evidence }),
    text(report.leaks === 0 ? "demo.noLeaks" : "demo.leaks", {
      values: report.searchedValues,
      messages: report.messages,
      mib: (report.bytes / 1_048_576).toFixed(1),
      leaks: report.leaks,
    }),
    ...leaks,
    text("demo.learnt", {
      coordinator: texts.title(scenario.operator.title ?? {}),
      receiver: texts.title(scenario.receiver.title ?? {}),
      requester: texts.title(scenario.requester.title ?? {}),
      helpers,
    }),
    text("demo.took", { seconds: (report.ms / 1000).toFixed(1) }),
  ].join("\n");
}

const indent = (lines: string): string =>
  lines
    .split("\n")
    .map((line) => `   ${line}`)
    .join("\n");
