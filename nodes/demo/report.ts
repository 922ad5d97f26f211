/** What the demonstration says: one machine-readable object, and text for people. */
import type { Column } from "../cli/table.ts";
import { renderFields, renderTable } from "../cli/table.ts";
import type { Texts } from "../i18n/text.ts";
import type { ComparedCell } from "./compare.ts";
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
  /** Messages that held a raw value. */
  readonly leaks: number;
  readonly searchedValues: number;
  readonly messages: number;
  readonly bytes: number;
  readonly ms: number;
}

/** Every released figure exact, every bundle verified, nothing leaked, and exactly the expected request refused. */
export const isGood = ({ requests, evidence, leaks }: DemoReport): boolean =>
  leaks === 0 &&
  evidence.bundles > 0 &&
  evidence.verified === evidence.bundles &&
  requests.every(({ state, exact }) => state === "refused" || (state === "released" && exact)) &&
  requests.some(({ state }) => state === "refused");

const BAR_WIDTH = 24;

export function requestText(request: Omit<DemoRequest, "evidence">, number: number, texts: Texts): string {
  const { text } = texts;
  const head = `${number}. ${texts.title(request.title)}  [${text(`demo.state.${request.state}`)}]`;
  if (request.state !== "released") {
    return [head, ...request.reasons.map((code) => `   ${texts.codedReason(code)}`)].join("\n");
  }
  const facts = text("demo.request.facts", {
    mode: text(`demo.mode.${request.mode ?? "registry"}`),
    seconds: (request.ms / 1000).toFixed(1),
    kib: Math.round(request.bytes / 1024),
  });
  const compared = text(request.exact ? "demo.exact" : "demo.notExact", {
    count: request.cells.filter(({ value }) => value !== null).length,
  });
  const withheld = request.cells.filter((cell) => cell.withheld !== undefined).length;
  const hidden = withheld === 0 ? [] : [`   ${text("demo.withheld", { count: withheld })}`];
  return [
    head,
    indent(tableOf(request.cells, texts)),
    `   ${compared}`,
    ...hidden,
    ...reviewText(request, texts),
    `   ${facts}`,
    `   ${stepsText(request, texts)}`,
  ].join("\n");
}

function reviewText({ review }: Pick<DemoRequest, "review">, { text, reason }: Texts): readonly string[] {
  if (review === undefined) return [];
  const whys = Map.groupBy(
    review.withheld,
    ({ group, rules }) => `${Object.values(group).join(" ")}\n${rules[0] ?? ""}`,
  );
  const lines = [...whys].map(([key, figures]) => {
    const [group, rule = ""] = key.split("\n");
    return `     ${[group, figures.map(({ measure }) => measure).join(", ")].filter((one) => one !== "").join(" ")}: ${reason(rule)}`;
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
  if (value !== null) return value;
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
  const leaks = traffic.examples.map(({ label, message, path }) => `   ${label}: ${message} ${path}`);
  return [
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
    }),
    text("demo.took", { seconds: (report.ms / 1000).toFixed(1) }),
  ].join("\n");
}

const indent = (lines: string): string =>
  lines
    .split("\n")
    .map((line) => `   ${line}`)
    .join("\n");
