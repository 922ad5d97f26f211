/** SQL that turns one text column of `source` into a checked value. Shared by statistics and registration. */
import type { Field } from "../../policies/model/asset.ts";
import { boundsOf } from "./elements.ts";
import { StatisticsError } from "./errors.ts";

/** One column of the asset in use. `index` names its SQL columns (t = text, v = valid value). */
export interface UsedField {
  readonly index: number;
  readonly field: Field;
  readonly scale: number;
  /** Decimal digits of the widest value inside the bounds. */
  readonly width: number;
}

export function usedField(field: Field, index: number): UsedField {
  const scale = field.type === "decimal" ? (field.scale ?? 0) : 0;
  return { index, field, scale, width: field.bounds === undefined ? 0 : widthOf({ ...field, scale }) };
}

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Text as the file holds it, without blanks (Unicode Zs) around it; NULL where nothing is left. */
const textExpression = (entry: UsedField): string => `nullif(trim(${identifier(entry.field.name)}), '')`;

/**
 * Named stages over `source`, ending in `bounded`: per field t (text), p (text that fits the declaration), c (value)
 * and v (value inside the bounds). `codesOf` limits a coded field to its table; `extra` adds columns to the first.
 */
export function valueStages(
  used: readonly UsedField[],
  codesOf: (entry: UsedField) => readonly string[] | undefined,
  extra = "1 AS one",
): string {
  const stage = (expression: (entry: UsedField) => string, name: string): string =>
    used.map((entry) => `, ${expression(entry)} AS ${name}${entry.index}`).join("");
  return [
    `texts AS (SELECT ${extra}${stage(textExpression, "t")} FROM source)`,
    `parsed AS (SELECT *${stage((entry) => parseExpression(entry, codesOf(entry)), "p")} FROM texts)`,
    `typed AS (SELECT *${stage(castExpression, "c")} FROM parsed)`,
    `bounded AS (SELECT *${stage(boundExpression, "v")} FROM typed)`,
  ].join(",\n");
}

/**
 * As `valueStages`, for a source whose every value fits its declaration. `decimals` arrive as numbers already; `raw`
 * are grouped by as they stand, and whoever reads the groups trims their codes.
 */
export function registeredStages(
  used: readonly UsedField[],
  { decimals, raw }: { readonly decimals: readonly UsedField[]; readonly raw: readonly UsedField[] },
): string {
  const checked = used.filter((entry) => entry.field.roundedFromFloat === true);
  const plain = used.filter((entry) => !checked.includes(entry));
  const isAsItStands = (entry: UsedField): boolean => decimals.includes(entry) || raw.includes(entry);
  const texts = plain.map((entry) => {
    const value = isAsItStands(entry) ? identifier(entry.field.name) : textExpression(entry);
    return `${value} AS t${entry.index}, t${entry.index} AS p${entry.index}, t${entry.index} AS c${entry.index}`;
  });
  const list = (expressions: readonly string[]): string => expressions.map((text) => `, ${text}`).join("");
  const stage = (entries: readonly UsedField[], expression: (entry: UsedField) => string, name: string): string =>
    list(entries.map((entry) => `${expression(entry)} AS ${name}${entry.index}`));
  return [
    `texts AS (SELECT 1 AS one${list(texts)}${stage(checked, textExpression, "t")} FROM source)`,
    `parsed AS (SELECT *${stage(checked, (entry) => parseExpression(entry, undefined), "p")} FROM texts)`,
    `typed AS (SELECT *${stage(checked, castExpression, "c")} FROM parsed)`,
    `bounded AS (SELECT *${stage(used, boundExpression, "v")} FROM typed)`,
  ].join(",\n");
}

/**
 * Text to value: a pattern admits only what the declared type can hold exactly, so a NULL beside a non-null text means
 * text that does not fit the declaration.
 */
function parseExpression(entry: UsedField, codes: readonly string[] | undefined): string {
  const t = `t${entry.index}`;
  switch (entry.field.type) {
    case "decimal":
    case "integer":
      return `CASE WHEN regexp_full_match(${t}, ${literal(numberPattern(entry))}) THEN ${t} END`;
    case "date":
      return `CASE WHEN regexp_full_match(${t}, '[0-9]{4}-[0-9]{2}-[0-9]{2}') AND TRY_CAST(${t} AS DATE) IS NOT NULL THEN ${t} END`;
    case "code":
      return codes === undefined ? t : `CASE WHEN ${t} IN (${codes.map(literal).join(", ")}) THEN ${t} END`;
    case "text":
      return t;
  }
}

function numberPattern(entry: UsedField): string {
  if (entry.field.roundedFromFloat === true) return "[+-]?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]{1,3})?";
  return entry.scale === 0 ? "[+-]?[0-9]+(\\.0+)?" : `[+-]?[0-9]+(\\.[0-9]{1,${entry.scale}}0*)?`;
}

/** Too wide for the DECIMAL gives NULL, which the next stage takes as out of bounds. */
function castExpression({ index, field, scale, width }: UsedField): string {
  if (field.type !== "decimal" && field.type !== "integer") return `p${index}`;
  if (field.roundedFromFloat === true) return halfEven(`p${index}`, width, scale);
  return `TRY_CAST(p${index} AS DECIMAL(${width}, ${scale}))`;
}

function boundExpression({ index, field, scale }: UsedField): string {
  if (field.type !== "decimal" && field.type !== "integer") return `c${index}`;
  const { minimum, maximum } = boundsOf({ ...field, scale });
  return `CASE WHEN c${index} BETWEEN ${decimal(minimum, scale)} AND ${decimal(maximum, scale)} THEN c${index} END`;
}

/** DuckDB's casts round half away from zero; an exact tie that landed on an odd digit steps back (half-even). */
function halfEven(text: string, width: number, scale: number): string {
  const exact = `TRY_CAST(${text} AS DECIMAL(38, 18))`;
  const rounded = `TRY_CAST(${exact} AS DECIMAL(${width}, ${scale}))`;
  const tie = `abs(${exact} - ${rounded}) = ${decimal(5n, scale + 1)}`;
  const odd = `right(replace(CAST(${rounded} AS VARCHAR), '.', ''), 1) IN ('1', '3', '5', '7', '9')`;
  return `TRY_CAST(CASE WHEN ${tie} AND ${odd} THEN ${rounded} - sign(${exact}) * ${decimal(1n, scale)} ELSE ${rounded} END AS DECIMAL(${width}, ${scale}))`;
}

/** An integer at `scale` as a DECIMAL literal. */
export function decimal(value: bigint, scale: number): string {
  const digits = value
    .toString()
    .replace("-", "")
    .padStart(scale + 1, "0");
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return `CAST('${value < 0n ? "-" : ""}${text}' AS DECIMAL(${Math.max(digits.length, scale + 1)}, ${scale}))`;
}

function widthOf(field: Field & { readonly scale: number }): number {
  const { minimum, maximum } = boundsOf(field);
  const digits = Math.max(...[minimum, maximum].map((value) => value.toString().replace("-", "").length));
  const width = Math.max(digits, field.scale, 1);
  if (width <= 38) return width;
  throw new StatisticsError("ERR_STATISTICS_OVERFLOW", field.name, `${width} digits within the bounds, at most 38`);
}
