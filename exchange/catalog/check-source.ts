/** One scan of the source: row and quality counts, and every value that does not fit its declaration. */
import { type Asset, type Field, leafCodes } from "../../policies/model/asset.ts";
import { type UsedField, usedField, valueStages } from "../statistics/field-sql.ts";
import type { Source, SourceRow, SqlQuery } from "../statistics/source.ts";
import type { CheckedDescription } from "./check-description.ts";
import type { AssetDescription } from "./description.ts";
import type { CatalogProblem } from "./errors.ts";

export interface SourceCheck {
  readonly quality: Asset["quality"];
  readonly problems: readonly CatalogProblem[];
}

/** Reads only the fields that are described soundly. */
export async function checkSource(
  { sound, codeTables }: Pick<CheckedDescription, "sound" | "codeTables">,
  source: Source,
): Promise<SourceCheck> {
  const used = sound.map(({ field }, index) => usedField(field, index));
  const [row] = await source.select(qualityQuery(codeTables, used));
  const rows = count(row, "all_rows");
  const fields: Record<string, { nulls: number; outOfBounds: number }> = {};
  const problems: CatalogProblem[] = rows === 0 ? [{ field: "source", code: "no-rows", parameters: {} }] : [];
  if (source.records !== undefined && source.records !== rows) {
    const parameters = { records: source.records, rows };
    problems.push({ field: "source", code: "records-lost", parameters });
  }
  for (const { index, field } of used) {
    const at = sound[index]!.at;
    fields[field.name] = { nulls: count(row, `n${index}`), outOfBounds: count(row, `b${index}`) };
    const invalid = count(row, `i${index}`);
    if (invalid > 0) problems.push(misfit(at, field, invalid, count(row, `f${index}`)));
    const absent = count(row, `z${index}`);
    if (field.alwaysPresent === true && absent > 0) {
      const parameters = { name: field.name, absent, rows };
      problems.push({ field: `${at}.alwaysPresent`, code: "not-always-present", parameters });
    }
  }
  return { quality: { rows, fields }, problems };
}

function misfit(at: string, field: Field, invalid: number, record: number): CatalogProblem {
  const { name, type } = field;
  const about = { name, count: invalid, record };
  switch (type) {
    case "code":
      return { field: at, code: "codes-unknown", parameters: { ...about, table: field.codeTable ?? "" } };
    case "decimal":
      return { field: at, code: "values-not-decimal", parameters: { ...about, scale: field.scale ?? 0 } };
    default:
      return { field: at, code: "values-not-of-type", parameters: { ...about, type } };
  }
}

function qualityQuery(codeTables: AssetDescription["codeTables"], used: readonly UsedField[]): SqlQuery {
  const codes = ({ field }: UsedField): readonly string[] | undefined => {
    const table = field.codeTable === undefined ? undefined : codeTables[field.codeTable];
    return table && leafCodes(table);
  };
  const list = (expressions: readonly string[]): string => expressions.map((text) => `, ${text}`).join("");
  const stages = valueStages(used, codes, "row_number() OVER () AS record");
  const counts = used.flatMap(({ index, field }) => {
    const zero = field.type === "decimal" || field.type === "integer" ? ` OR v${index} = 0` : "";
    const invalid = `t${index} IS NOT NULL AND p${index} IS NULL`;
    return [
      `count(*) FILTER (WHERE t${index} IS NULL) AS n${index}`,
      `count(*) FILTER (WHERE ${invalid}) AS i${index}`,
      `coalesce(min(record) FILTER (WHERE ${invalid}), 0) AS f${index}`,
      `count(*) FILTER (WHERE p${index} IS NOT NULL AND v${index} IS NULL) AS b${index}`,
      `count(*) FILTER (WHERE v${index} IS NULL${zero}) AS z${index}`,
    ];
  });
  return { text: `WITH ${stages}\nSELECT count(*) AS all_rows${list(counts)} FROM bounded`, parameters: [] };
}

function count(row: SourceRow | undefined, column: string): number {
  const value = Number(row?.[column] ?? Number.NaN);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new TypeError(`${column}: expected a count from the source, got ${row?.[column]}`);
}
