/** Turns TypeBox errors into problems: the field, a stable code, what was wanted and what was got. */
import type { TSchema } from "typebox";
import type { TLocalizedValidationError } from "typebox/error";
import { Settings } from "typebox/system";
import type { SchemaProblem } from "./problem.ts";
import { AssetId, CalendarDate, Code, Decimal, Instant, MemberId, Uuid } from "./vocabulary.ts";
import { wantedBy } from "./wanted.ts";

// The library stops at 8 errors; an operator should see the whole list at once. A wrong choice alone makes one per choice.
export const MAX_SCHEMA_ERRORS = 1024;
Settings.Set({ maxErrors: MAX_SCHEMA_ERRORS });

/** Given values longer than this are shortened; private values never belong into an error. */
const SHOWN_CHARACTERS = 60;

const patternOf = (schema: object): unknown => (schema as { pattern?: string }).pattern;

/** What a person types, by the pattern that it failed. */
const FORMS: ReadonlyMap<unknown, SchemaProblem["code"]> = new Map<unknown, SchemaProblem["code"]>([
  [patternOf(Uuid), "form-uuid"],
  [patternOf(AssetId), "form-asset"],
  [patternOf(MemberId), "form-member"],
  [patternOf(Code), "form-code"],
  [patternOf(Decimal), "form-decimal"],
  [patternOf(CalendarDate), "form-date"],
  [patternOf(Instant), "form-instant"],
]);

/** A problem with its place as keys, so that a key with a dot in it stays one key. */
export interface PlacedProblem {
  readonly problem: SchemaProblem;
  readonly path: readonly string[];
}

export const describeSchemaErrors = (
  schema: TSchema,
  errors: readonly TLocalizedValidationError[],
  value: unknown,
): readonly SchemaProblem[] => placeSchemaErrors(schema, errors, value).map(({ problem }) => problem);

export function placeSchemaErrors(
  schema: TSchema,
  errors: readonly TLocalizedValidationError[],
  value: unknown,
): readonly PlacedProblem[] {
  const fitting = errors.filter(ofFittingAlternative(schema, errors));
  const choices = new Map<string, string[]>();
  for (const error of fitting) {
    if (error.keyword !== "const") continue;
    const known = choices.get(error.instancePath) ?? [];
    choices.set(error.instancePath, [...known, String(error.params.allowedValue)]);
  }
  const problems = fitting.flatMap((error): PlacedProblem[] => {
    const at = segments(error.instancePath);
    const place = (code: SchemaProblem["code"], parameters: SchemaProblem["parameters"], key?: string) => {
      const path = key === undefined ? at : [...at, key];
      return { path, problem: { field: path.join("."), code, ...(parameters === undefined ? {} : { parameters }) } };
    };
    switch (error.keyword) {
      // The false schema of an unknown key; its additionalProperties error says the same with the key's name.
      case "boolean":
        return [];
      // That no alternative of a union fits is said by the problems of the alternatives.
      case "anyOf":
        if (errors.some((other) => other !== error && isWithin(other, error))) return [];
        return [place("no-alternative", { got: shown(value, at) })];
      case "additionalProperties": {
        const { properties } = schemaAt(schema, error.schemaPath) as { properties?: object };
        const known = Object.keys(properties ?? {}).join(", ");
        return error.params.additionalProperties.map((key) => place("unknown-key", { known: known || "–" }, key));
      }
      case "required":
        return error.params.requiredProperties.map((key) => place("missing", {}, key));
      case "const": {
        const wanted = [...new Set(choices.get(error.instancePath))].join(" | ");
        return [place("wrong-choice", { wanted, got: shown(value, at) })];
      }
      default:
        return [place(...problemOfKeyword(error, shown(value, at), schemaAt(schema, error.schemaPath)))];
    }
  });
  const seen = new Set<string>();
  return problems.filter(({ path, problem: { code } }) => {
    const id = JSON.stringify([path, code]);
    if (seen.has(id)) return false;
    seen.add(id);
    return true;
  });
}

function problemOfKeyword(
  { keyword, params, message }: TLocalizedValidationError,
  got: string,
  part: unknown,
): [SchemaProblem["code"], SchemaProblem["parameters"]] {
  const { limit, type, pattern, allowedValues } = params as {
    limit?: number | bigint;
    type?: string | readonly string[];
    pattern?: string | RegExp;
    allowedValues?: readonly unknown[];
  };
  const beyond = { limit: Number(limit), got };
  switch (keyword) {
    case "type":
      return ["wrong-type", { wanted: [type].flat().join(" | "), got }];
    case "enum":
      return ["wrong-choice", { wanted: (allowedValues ?? []).join(" | "), got }];
    case "pattern": {
      const form = FORMS.get(String(pattern));
      if (form !== undefined) return [form, { got }];
      const { examples } = (part ?? {}) as { readonly examples?: unknown };
      return examples === undefined
        ? ["wrong-form", { wanted: String(pattern), got }]
        : ["form-like", { wanted: wantedBy(part as object), got }];
    }
    case "minimum":
    case "exclusiveMinimum":
      return ["too-small", beyond];
    case "maximum":
    case "exclusiveMaximum":
      return ["too-big", beyond];
    case "minLength":
      return Number(limit) === 1 ? ["empty", {}] : ["too-short", beyond];
    case "maxLength":
      return ["too-long", beyond];
    case "minItems":
    case "minProperties":
      return ["too-few-items", { limit: Number(limit) }];
    case "maxItems":
    case "maxProperties":
      return ["too-many-items", { limit: Number(limit) }];
    case "uniqueItems":
      return ["items-repeated", {}];
    default:
      return ["wrong-form", { wanted: message, got }];
  }
}

/**
 * Of a union whose alternatives are told apart by a constant (a `kind`), only the problems of the alternative that was
 * meant; where none was, only those of the constant.
 */
function ofFittingAlternative(
  schema: TSchema,
  errors: readonly TLocalizedValidationError[],
): (error: TLocalizedValidationError) => boolean {
  const unions = new Map<string, { path: string; at: string; count: number; unmeant: Set<string> }>();
  for (const { keyword, schemaPath, instancePath } of errors) {
    const [, path, branch] = /^(.*\/anyOf)\/(\d+)\/properties\/[^/]+$/.exec(schemaPath) ?? [];
    if (keyword !== "const" || path === undefined || branch === undefined) continue;
    const at = instancePath.slice(0, instancePath.lastIndexOf("/"));
    const count = (schemaAt(schema, path) as readonly unknown[] | undefined)?.length ?? 0;
    const union = unions.get(`${path}@${at}`) ?? { path, at, count, unmeant: new Set<string>() };
    union.unmeant.add(branch);
    unions.set(`${path}@${at}`, union);
  }
  return ({ keyword, schemaPath, instancePath }) =>
    [...unions.values()].every(({ path, at, count, unmeant }) => {
      if (!schemaPath.startsWith(`${path}/`) || !`${instancePath}/`.startsWith(`${at}/`)) return true;
      const branch = schemaPath.slice(path.length + 1).split("/")[0] ?? "";
      if (!unmeant.has(branch)) return true;
      return unmeant.size === count && keyword === "const";
    });
}

const isWithin = (inner: TLocalizedValidationError, outer: TLocalizedValidationError): boolean =>
  `${inner.instancePath}/`.startsWith(`${outer.instancePath}/`);

const segments = (pointer: string): string[] =>
  pointer
    .replace(/^#/, "")
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));

export function valueAt(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const part of path) current = (current as Record<string, unknown> | undefined | null)?.[part];
  return current;
}

const schemaAt = (schema: TSchema, pointer: string): unknown => valueAt(schema, segments(pointer));

function shown(value: unknown, path: readonly string[]): string {
  const got = valueAt(value, path);
  const text = got === undefined ? "–" : (JSON.stringify(got) ?? typeof got);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
