/** Released cells as a table: one row per group and one column per figure, or one row per figure without groups. */
import type { ResultCell, ResultDocument } from "../../ledger/audit/result.ts";
import { SILENT } from "../../policies/model/privacy-terms.ts";
import { epsilonOf } from "../../policies/privacy/accountant.ts";
import type { Texts } from "../i18n/text.ts";
import { isShortened, shortDecimal } from "./short-decimal.ts";
import { renderTable } from "./table.ts";

type Shown = Pick<ResultDocument, "cells" | "privacy" | "outputRules">;

export function resultTable({ cells, privacy, outputRules }: Shown, texts: Texts): string {
  const dimensions = [...new Set(cells.flatMap(({ group }) => Object.keys(group)))];
  const table = dimensions.length === 0 ? listed(cells, texts) : pivoted(cells, dimensions, texts);
  const reasons = new Set(cells.flatMap(({ withheld }) => withheld ?? []));
  const notes = [...reasons].map((code) => `${texts.text("result.withheld")}: ${texts.codedReason(code)}`);
  if (cells.some(({ standardError }) => standardError !== undefined)) notes.push(texts.text("result.standardError"));
  if (outputRules?.rounding !== undefined) notes.push(roundingText(outputRules.rounding, texts));
  if (privacy !== undefined) {
    const { delta } = SILENT;
    const epsilon = String(Math.ceil(epsilonOf(privacy.cost, Number(delta)) * 1e4) / 1e4);
    notes.push(texts.text("result.privacyCost", { epsilon, delta }));
  }
  if (cells.some(({ value }) => isShortened(value ?? ""))) notes.push(texts.text("result.shortened"));
  return [table, ...notes].join("\n");
}

type Rounding = NonNullable<NonNullable<ResultDocument["outputRules"]>["rounding"]>;

function roundingText(rounding: Rounding, { text, list }: Texts): string {
  const bases = rounding.map(({ element, base, unit = "" }) =>
    element === undefined
      ? text("result.rounded.counts", { base })
      : text("result.rounded.sums", { element, base, unit }).trim(),
  );
  return text("result.rounded", { bases: list(bases) });
}

const nameOf = ({ measure, part }: ResultCell): string => (part === undefined ? measure : `${measure} ${part}`);

function shownValue(cell: ResultCell | undefined, { text, reason }: Texts): string {
  if (cell === undefined) return "";
  if (cell.withheld !== undefined) return text("result.withheld");
  if (cell.undefined !== undefined) return reason(cell.undefined);
  const value = shortDecimal(cell.value ?? "");
  return cell.standardError === undefined ? value : `${value} ± ${shortDecimal(cell.standardError)}`;
}

function listed(cells: readonly ResultCell[], texts: Texts): string {
  const columns = [
    { title: texts.text("cli.field.figure") },
    { title: texts.text("cli.field.value"), align: "right" as const },
    { title: texts.text("cli.field.unit") },
  ];
  const rows = cells.map((cell) => [nameOf(cell), shownValue(cell, texts), cell.unit ?? ""]);
  return renderTable(columns, rows);
}

function pivoted(cells: readonly ResultCell[], dimensions: readonly string[], texts: Texts): string {
  const figures = [...new Set(cells.map(nameOf))];
  const rows = new Map<string, Map<string, ResultCell>>();
  for (const cell of cells) {
    const key = JSON.stringify(dimensions.map((name) => cell.group[name] ?? texts.text("result.all")));
    rows.set(key, (rows.get(key) ?? new Map()).set(nameOf(cell), cell));
  }
  const unit = (figure: string): string => cells.find((cell) => nameOf(cell) === figure)?.unit ?? "";
  const columns = [
    ...dimensions.map((title) => ({ title })),
    ...figures.map((figure) => ({ title: `${figure} ${unit(figure)}`.trim(), align: "right" as const })),
  ];
  return renderTable(
    columns,
    [...rows].map(([key, row]) => [
      ...(JSON.parse(key) as string[]),
      ...figures.map((f) => shownValue(row.get(f), texts)),
    ]),
  );
}
