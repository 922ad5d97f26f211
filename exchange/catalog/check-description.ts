/**
 * Everything that is wrong with a description before a single row is read, in one pass: a malformed part hides nothing
 * of what is wrong with the others. Pure.
 */
import { Compile } from "typebox/compile";
import type { Field } from "../../policies/model/asset.ts";
import type { ProblemParameters } from "../../policies/model/problem.ts";
import { type Readable, readParts } from "../../policies/model/readable-parts.ts";
import type { SourceColumn } from "../statistics/source.ts";
import { AssetDescription } from "./description.ts";
import type { CATALOG_PROBLEM_CODES, CatalogProblem } from "./errors.ts";

const compiled = Compile(AssetDescription);
const ID_PART = /^[a-z0-9-]{1,63}$/;
/** More columns than this are not listed to someone who named a wrong one. */
const SHOWN_COLUMNS = 20;

type Code = (typeof CATALOG_PROBLEM_CODES)[number];
type Add = (field: string, code: Code, parameters?: ProblemParameters) => void;
type Description = Readable<AssetDescription>;

/** A field nothing is wrong with, and where it stands in the description. */
export interface SoundField {
  readonly at: string;
  readonly field: Field;
}

export interface CheckedDescription {
  readonly problems: readonly CatalogProblem[];
  /** Fields whose values can be checked at the source, and the code tables that are well-formed. */
  readonly sound: readonly SoundField[];
  readonly codeTables: AssetDescription["codeTables"];
}

/** Without `columns` (a source that cannot be opened) nothing is said about them. */
export function checkDescription(
  value: unknown,
  member: string,
  columns: readonly SourceColumn[] | undefined,
): CheckedDescription {
  const read = readParts(AssetDescription, compiled, value);
  const description: Description = read.readable;
  const found: CatalogProblem[] = [];
  const add: Add = (field, code, parameters = {}) => void found.push({ field, code, parameters });
  checkId(description.id, member, add);
  checkRepeated(description, add);
  const fields = description.fields ?? [];
  for (const [index, field] of fields.entries()) {
    if (field === undefined) continue;
    const at = `fields.${index}`;
    checkColumn(field, at, columns, add);
    if (field.type !== undefined) checkCode(field, at, description, read.isMalformed, add);
  }
  checkUnit(description, add);
  checkPeriod(description, add);
  const problems = read.with(found) as readonly CatalogProblem[];
  return { problems, sound: soundFields(fields, problems), codeTables: soundTables(description) };
}

function soundFields(
  fields: NonNullable<Description["fields"]>,
  problems: readonly CatalogProblem[],
): readonly SoundField[] {
  const bad = new Set(problems.map(({ field }) => field.split(".").slice(0, 2).join(".")));
  return fields.flatMap((field, index) => {
    const at = `fields.${index}`;
    return field === undefined || bad.has(at) || bad.has("fields") ? [] : [{ at, field: field as Field }];
  });
}

/** Tables whose codes are all readable: a value is unknown only by a whole table. */
function soundTables({ codeTables = {} }: Description): AssetDescription["codeTables"] {
  return Object.fromEntries(
    Object.entries(codeTables).filter(([, table]) => table?.every((entry) => entry?.code !== undefined) === true),
  ) as AssetDescription["codeTables"];
}

function checkId(id: string | undefined, member: string, add: Add): void {
  if (id === undefined) return;
  const [owner, slug] = id.split(":");
  if (owner !== member || !ID_PART.test(slug ?? "")) add("id", "id-of-other-member", { member, got: id });
}

function checkRepeated({ fields = [], codeTables = {} }: Description, add: Add): void {
  const again = (key: "name" | "element", code: Code): void => {
    const first = new Map<string, number>();
    for (const [index, field] of fields.entries()) {
      const name = field?.[key];
      if (name === undefined) continue;
      const before = first.get(name);
      if (before === undefined) first.set(name, index);
      else add(`fields.${index}.${key}`, code, { name, first: `fields.${before}` });
    }
  };
  again("name", "field-repeated");
  again("element", "element-repeated");
  for (const [name, table] of Object.entries(codeTables)) {
    const codes = repeated((table ?? []).flatMap((entry) => entry?.code ?? []));
    if (codes.length > 0) add(`codeTables.${name}`, "code-repeated", { codes: codes.slice(0, 5).join(", ") });
    checkLevels(name, table ?? [], add);
  }
}

function checkLevels(name: string, table: NonNullable<Description["codeTables"]>[string], add: Add): void {
  const above = new Map(
    (table ?? []).flatMap((entry) => (entry?.code === undefined ? [] : [[entry.code, entry.within]])),
  );
  for (const [index, entry] of (table ?? []).entries()) {
    const within = entry?.within;
    if (within === undefined) continue;
    const at = `codeTables.${name}.${index}.within`;
    if (!above.has(within)) add(at, "code-within-unknown", { within });
    const chain = new Set<string>();
    for (let up: string | undefined = entry?.code; up !== undefined && !chain.has(up); up = above.get(up))
      chain.add(up);
    const last = [...chain].at(-1)!;
    if (above.get(last) === entry?.code) add(at, "code-within-itself", { code: entry?.code ?? "" });
  }
}

function checkColumn(field: Readable<Field>, at: string, columns: readonly SourceColumn[] | undefined, add: Add): void {
  const { name } = field;
  const stored = columns?.find((column) => column.name === name)?.stored;
  if (columns !== undefined && name !== undefined && stored === undefined) {
    const known = columns.slice(0, SHOWN_COLUMNS).map((column) => column.name);
    add(`${at}.name`, "column-missing", { name, columns: known.join(", ") });
  }
  if (stored === "other" || stored === "boolean") add(`${at}.name`, "column-type", { name: name ?? "", stored });
  if (field.type !== undefined) checkNumber(field, at, stored, add);
}

function checkNumber(field: Readable<Field>, at: string, stored: SourceColumn["stored"] | undefined, add: Add): void {
  const { type = "text", scale, bounds, name = "" } = field;
  const numeric = type === "decimal" || type === "integer";
  const about = { name, type };
  if (type === "decimal" && scale === undefined) add(`${at}.scale`, "scale-missing", about);
  if (type !== "decimal" && (scale ?? 0) !== 0) add(`${at}.scale`, "scale-unexpected", about);
  if (numeric && bounds === undefined) add(`${at}.bounds`, "bounds-missing", about);
  if (!numeric && bounds !== undefined) add(`${at}.bounds`, "bounds-unexpected", about);
  const { minimum, maximum } = bounds ?? {};
  if (minimum !== undefined && maximum !== undefined && compareDecimals(minimum, maximum) > 0) {
    add(`${at}.bounds`, "bounds-inverted", { name, minimum, maximum });
  }
  for (const [key, bound] of Object.entries({ minimum, maximum })) {
    const digits = bound?.split(".")[1]?.replace(/0+$/, "").length ?? 0;
    if (bound === undefined || digits <= (scale ?? 0)) continue;
    add(`${at}.bounds.${key}`, "bounds-scale", { name, bound, scale: scale ?? 0 });
  }
  if (field.identity === true && numeric) add(`${at}.identity`, "identity-type", about);
  if (field.roundedFromFloat === true && type !== "decimal") add(`${at}.roundedFromFloat`, "float-type", about);
  if (numeric && stored === "float" && field.roundedFromFloat !== true) {
    add(`${at}.roundedFromFloat`, "float-undeclared", about);
  }
}

function checkCode(
  field: Readable<Field>,
  at: string,
  { codeTables = {} }: Description,
  isMalformed: (field: string) => boolean,
  add: Add,
): void {
  const { type = "text", codeTable, name = "" } = field;
  if (type === "code" && codeTable === undefined) add(`${at}.codeTable`, "code-table-missing", { name });
  if (codeTable === undefined) return;
  if (type !== "code") add(`${at}.codeTable`, "code-table-unexpected", { name, type });
  if (Object.hasOwn(codeTables, codeTable) || isMalformed(`codeTables.${codeTable}`)) return;
  const known = Object.keys(codeTables).join(", ") || "–";
  add(`${at}.codeTable`, "code-table-unknown", { name, table: codeTable, known });
}

function checkUnit({ unit, fields = [] }: Description, add: Add): void {
  const wanted = (unit as { readonly field?: string } | undefined)?.field;
  if (wanted === undefined) return;
  const field = fields.find((one) => one?.name === wanted);
  // A field without a readable name may be the one that is meant.
  const isUnknown = field === undefined && fields.every((one) => one?.name !== undefined);
  if (isUnknown) add("unit.field", "unit-field-unknown", { name: wanted });
  else if (field !== undefined && field.identity !== true)
    add("unit.field", "unit-field-not-identity", { name: wanted });
}

function checkPeriod({ period, fields = [] }: Description, add: Add): void {
  const { from, to, field: name } = period ?? {};
  for (const [key, date] of Object.entries({ from, to })) {
    if (date !== undefined && !isCalendarDate(date)) add(`period.${key}`, "not-a-date", { got: date });
  }
  if (from !== undefined && to !== undefined && from > to) add("period", "period-inverted", { from, to });
  if (name === undefined) return;
  if (fields.find((one) => one?.name === name)?.type !== "date") add("period.field", "period-field", { name });
}

function isCalendarDate(date: string): boolean {
  const parsed = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().slice(0, 10) === date;
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
