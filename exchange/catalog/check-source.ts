/** One scan of the source: row and quality counts, and every value that does not fit its declaration. */
import type { Asset, Field } from "../../policies/model/asset.ts";
import { type UsedField, usedField, valueStages } from "../statistics/field-sql.ts";
import type { Source, SourceRow, SqlQuery } from "../statistics/source.ts";
import type { AssetDescription } from "./description.ts";
import type { Problem } from "./errors.ts";

export interface SourceCheck {
  readonly quality: Asset["quality"];
  readonly problems: readonly Problem[];
}

/** Needs a description that `checkDescription` accepts. */
export async function checkSource(description: AssetDescription, source: Source): Promise<SourceCheck> {
  const used = description.fields.map(usedField);
  const [row] = await source.select(qualityQuery(description, used));
  const rows = count(row, "all_rows");
  const fields: Record<string, { nulls: number; outOfBounds: number }> = {};
  const problems: Problem[] = rows === 0 ? [{ field: "source", code: "no-rows", detail: "the source has no row" }] : [];
  if (source.records !== undefined && source.records !== rows) {
    const detail = `the file has ${source.records} records, the engine read ${rows}: look for stray quotes`;
    problems.push({ field: "source", code: "records-lost", detail });
  }
  for (const { index, field } of used) {
    fields[field.name] = { nulls: count(row, `n${index}`), outOfBounds: count(row, `b${index}`) };
    const invalid = count(row, `i${index}`);
    if (invalid > 0) {
      const first = `the first is record ${count(row, `f${index}`)}`;
      problems.push({ field: `fields.${field.name}`, ...misfit(field, invalid, first) });
    }
    const absent = count(row, `z${index}`);
    if (field.alwaysPresent === true && absent > 0) {
      problems.push({
        field: `fields.${field.name}`,
        code: "not-always-present",
        detail: `declared always present, but ${absent} of ${rows} rows are empty, out of bounds or zero`,
      });
    }
  }
  return { quality: { rows, fields }, problems };
}

function misfit(field: Field, invalid: number, first: string): Omit<Problem, "field"> {
  switch (field.type) {
    case "code":
      return { code: "codes-unknown", detail: `${invalid} values are not in code table ${field.codeTable}; ${first}` };
    case "decimal":
      return {
        code: "values-do-not-fit",
        detail: `${invalid} values are not decimals with at most ${field.scale} digits after the point; ${first}`,
      };
    default:
      return { code: "values-do-not-fit", detail: `${invalid} values are not of type ${field.type}; ${first}` };
  }
}

function qualityQuery(description: AssetDescription, used: readonly UsedField[]): SqlQuery {
  const codes = ({ field }: UsedField): readonly string[] | undefined =>
    field.codeTable === undefined ? undefined : description.codeTables[field.codeTable]?.map(({ code }) => code);
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
