/** Sets every released figure beside the one an independent reader works out from the files themselves. */
import { readFile } from "node:fs/promises";
import iconv from "iconv-lite";
import { type PlainCell, type PlainTable, plainFigures } from "../../exchange/statistics/plain.ts";
import type { ResultCell } from "../../ledger/audit/result.ts";
import type { Asset } from "../../policies/model/asset.ts";
import type { PrivateValue } from "../computations/leak-detector.ts";
import type { Provider, Scenario, ScenarioRequest } from "./scenario.ts";

export interface ComparedCell {
  readonly group: Readonly<Record<string, string>>;
  readonly measure: string;
  readonly part?: string;
  readonly value: string | null;
  readonly withheld?: string;
  /** Null where no figure exists. */
  readonly plain: string | null;
  readonly unit?: string;
}

export interface Comparison {
  readonly cells: readonly ComparedCell[];
  /** Every released figure equals the independent one, and at least one was released. */
  readonly exact: boolean;
}

const figureKey = ({ group, measure, part }: Pick<PlainCell, "group" | "measure" | "part">): string =>
  JSON.stringify([Object.entries(group).sort(([a], [b]) => (a < b ? -1 : 1)), measure, part ?? null]);

export function compare(cells: readonly ResultCell[], plain: readonly PlainCell[]): Comparison {
  const figures = new Map(plain.map((figure) => [figureKey(figure), figure.value]));
  const compared = cells.map(({ undefined: _, ...cell }) => ({ ...cell, plain: figures.get(figureKey(cell)) ?? null }));
  const released = compared.filter(({ value }) => value !== null);
  return {
    cells: compared,
    exact: released.length > 0 && released.every(({ value, plain: other }) => value === other),
  };
}

export async function readTables(scenario: Scenario): Promise<readonly PlainTable[]> {
  return await Promise.all(
    scenario.providers.map(async (provider) => ({
      csv: await readCsv(provider),
      asset: provider.registration.asset as Asset,
      attributes: provider.attributes,
    })),
  );
}

export const plainCells = (scenario: Scenario, request: ScenarioRequest, tables: readonly PlainTable[]) =>
  plainFigures(request.query, tables, scenario.attributes);

/** Every number of every provider's file: what must never be seen in a message. */
export function privateValues(tables: readonly PlainTable[]): readonly PrivateValue[] {
  return tables.flatMap(({ csv, asset }) => {
    const [header = [], ...rows] = csv
      .replace(/^\uFEFF/, "")
      .trim()
      .split(/\r?\n/)
      .map((line) => line.split(","));
    const numbers = asset.fields.filter(({ type }) => type === "decimal" || type === "integer");
    return numbers.flatMap((field) =>
      rows.map((row, index) => ({
        label: `${asset.id} ${field.element} row ${index + 1}`,
        text: row[header.indexOf(field.name)]!,
        scale: field.scale ?? 0,
      })),
    );
  });
}

async function readCsv({ registration: { source } }: Provider): Promise<string> {
  const encoding = source.kind === "csv" ? source.encoding : undefined;
  return iconv.decode(await readFile(source.path), encoding ?? "utf-8");
}
