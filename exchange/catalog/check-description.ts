/** Everything that is wrong with a description before a single row is read. Pure. */
import { Compile } from "typebox/compile";
import { Field } from "../../policies/model/asset.ts";
import { describeSchemaErrors } from "../../policies/model/describe-schema-errors.ts";
import type { SourceColumn } from "../statistics/source.ts";
import { AssetDescription } from "./description.ts";
import type { Problem } from "./errors.ts";

const schema = Compile(AssetDescription);
const fieldSchema = Compile(Field);
const ID_PART = /^[a-z0-9-]{1,63}$/;

/** Empty for a well-formed description; else what is malformed, and what is wrong with the fields that are not. */
export function checkShape(value: unknown, columns: readonly SourceColumn[]): readonly Problem[] {
  if (schema.Check(value)) return [];
  const malformed = describeSchemaErrors(AssetDescription, schema.Errors(value), value).map(({ field, message }) => ({
    field: field === "" ? "asset" : field,
    code: "schema" as const,
    detail: message,
  }));
  const { fields, codeTables } = (value ?? {}) as { fields?: unknown; codeTables?: unknown };
  if (!Array.isArray(fields) || typeof codeTables !== "object" || codeTables === null) return malformed;
  const readable = fields.filter((field): field is Field => fieldSchema.Check(field));
  const partial = { codeTables } as Pick<AssetDescription, "codeTables">;
  return [...malformed, ...readable.flatMap((field) => checkField(field, partial, columns))];
}

export function checkDescription(
  description: AssetDescription,
  member: string,
  columns: readonly SourceColumn[],
): readonly Problem[] {
  const problems: Problem[] = [];
  const add = (field: string, code: string, detail: string): void => {
    problems.push({ field, code, detail });
  };
  const [owner, slug] = description.id.split(":");
  if (owner !== member || !ID_PART.test(slug ?? "")) {
    add("id", "id-of-other-member", `expected ${member}:<name>, got ${description.id}`);
  }
  repeated(description.fields.map(({ name }) => name)).forEach((name) => {
    add(`fields.${name}`, "field-repeated", "the column is described twice");
  });
  repeated(description.fields.map(({ element }) => element)).forEach((element) => {
    add(`fields.${element}`, "element-repeated", `two fields name the data element ${element}`);
  });
  for (const [name, table] of Object.entries(description.codeTables)) {
    const codes = repeated(table.map(({ code }) => code));
    if (codes.length > 0)
      add(`codeTables.${name}`, "code-repeated", `codes occur twice: ${codes.slice(0, 5).join(", ")}`);
  }
  for (const field of description.fields) {
    for (const problem of checkField(field, description, columns)) problems.push(problem);
  }
  checkUnit(description, add);
  checkPeriod(description, add);
  return problems;
}

type Add = (field: string, code: string, detail: string) => void;

function checkField(
  field: Field,
  description: Pick<AssetDescription, "codeTables">,
  columns: readonly SourceColumn[],
): Problem[] {
  const problems: Problem[] = [];
  const add = (code: string, detail: string): void => {
    problems.push({ field: `fields.${field.name}`, code, detail });
  };
  const column = columns.find(({ name }) => name === field.name);
  if (column === undefined) {
    add(
      "column-missing",
      `the source has no such column; it has ${columns
        .slice(0, 20)
        .map(({ name }) => name)
        .join(", ")}`,
    );
  } else if (column.stored === "other" || column.stored === "boolean") {
    add("column-type", `the source stores ${column.stored} values, expected text, numbers or dates`);
  }
  const numeric = field.type === "decimal" || field.type === "integer";
  if (field.type === "decimal" && field.scale === undefined)
    add("scale-missing", "a decimal needs its digits after the point");
  if (field.type !== "decimal" && (field.scale ?? 0) !== 0)
    add("scale-unexpected", `${field.type} takes no scale, got ${field.scale}`);
  if (numeric && field.bounds === undefined) add("bounds-missing", "a number needs a minimum and a maximum");
  if (!numeric && field.bounds !== undefined) add("bounds-unexpected", `${field.type} takes no bounds`);
  if (field.bounds !== undefined) {
    const { minimum, maximum } = field.bounds;
    if (compareDecimals(minimum, maximum) > 0) add("bounds-inverted", `minimum ${minimum} is above maximum ${maximum}`);
    for (const bound of [minimum, maximum]) {
      const digits = bound.split(".")[1]?.replace(/0+$/, "").length ?? 0;
      if (digits > (field.scale ?? 0))
        add("bounds-scale", `${bound} has more digits after the point than the scale ${field.scale ?? 0}`);
    }
  }
  if (field.type === "code" && field.codeTable === undefined) add("code-table-missing", "a code needs its table");
  if (field.codeTable !== undefined && field.type !== "code")
    add("code-table-unexpected", `${field.type} takes no code table`);
  if (field.codeTable !== undefined && !Object.hasOwn(description.codeTables, field.codeTable)) {
    add(
      "code-table-unknown",
      `codeTables has no ${field.codeTable}; it has ${Object.keys(description.codeTables).join(", ") || "none"}`,
    );
  }
  if (field.identity === true && numeric)
    add("identity-type", `an identity field is text or a code, got ${field.type}`);
  if (field.roundedFromFloat === true && field.type !== "decimal")
    add("float-type", "only a decimal can be rounded from binary floating point");
  if (numeric && column?.stored === "float" && field.roundedFromFloat !== true) {
    add(
      "float-undeclared",
      "the source stores binary floating point: declare roundedFromFloat and a scale, or store decimal text",
    );
  }
  return problems;
}

function checkUnit(description: AssetDescription, add: Add): void {
  const { unit } = description;
  if (unit.kind === "provider") return;
  const field = description.fields.find(({ name }) => name === unit.field);
  if (field === undefined) add("unit.field", "unit-field-unknown", `fields has no ${unit.field}`);
  else if (field.identity !== true)
    add("unit.field", "unit-field-not-identity", `${unit.field} must be declared an identity field`);
}

function checkPeriod(description: AssetDescription, add: Add): void {
  const { period } = description;
  if (period === undefined) return;
  for (const [name, date] of Object.entries({ from: period.from, to: period.to })) {
    const parsed = new Date(`${date}T00:00:00Z`);
    if (Number.isNaN(parsed.getTime()) || parsed.toISOString().slice(0, 10) !== date) {
      add(`period.${name}`, "not-a-date", `${date} is not a calendar date`);
    }
  }
  if (period.from > period.to) add("period", "period-inverted", `from ${period.from} is after ${period.to}`);
  if (period.field === undefined) return;
  const field = description.fields.find(({ name }) => name === period.field);
  if (field?.type !== "date") add("period.field", "period-field", `${period.field} is not a date field of the asset`);
}

function repeated(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return [...new Set(names.filter((name) => seen.has(name) || !seen.add(name)))];
}

function compareDecimals(a: string, b: string): number {
  const scaled = (text: string): bigint => {
    const [whole = "0", fraction = ""] = text.replace("-", "").split(".");
    const value = BigInt(whole + fraction.padEnd(18, "0"));
    return text.startsWith("-") ? -value : value;
  };
  return Number(scaled(a) - scaled(b) > 0n) - Number(scaled(a) - scaled(b) < 0n);
}
