/** Turns TypeBox errors into problems that name the field, what was wanted and what was got. */
import type { TSchema } from "typebox";
import type { TLocalizedValidationError } from "typebox/error";
import { Settings } from "typebox/system";

// The library stops at 8 errors; an operator should see the whole list at once.
Settings.Set({ maxErrors: 64 });

export interface FieldProblem {
  /** Dotted path; empty for the whole value. */
  readonly field: string;
  /** JSON-schema keyword that failed, for example `pattern`. */
  readonly rule: string;
  readonly message: string;
}

/** Given values longer than this are shortened; private values never belong into an error. */
const SHOWN_CHARACTERS = 60;

export function describeSchemaErrors(
  schema: TSchema,
  errors: readonly TLocalizedValidationError[],
  value: unknown,
): readonly FieldProblem[] {
  const fitting = errors.filter(ofFittingAlternative(schema, errors));
  const choices = new Map<string, string[]>();
  for (const error of fitting) {
    if (error.keyword !== "const") continue;
    const known = choices.get(error.instancePath) ?? [];
    choices.set(error.instancePath, [...known, String(error.params.allowedValue)]);
  }
  const problems = fitting.flatMap((error): FieldProblem[] => {
    // The false schema of an unknown key; its additionalProperties error says the same with the key's name.
    if (error.keyword === "boolean") return [];
    // That no alternative of a union fits is said by the problems of the alternatives.
    if (error.keyword === "anyOf" && errors.some((other) => other !== error && isWithin(other, error))) return [];
    const at = dotted(error.instancePath);
    if (error.keyword === "additionalProperties") {
      const known = Object.keys((schemaAt(schema, error.schemaPath) as { properties?: object })?.properties ?? {});
      const hint = known.length > 0 ? `; known here: ${known.join(", ")}` : "";
      return error.params.additionalProperties.map((key) => ({
        field: at === "" ? key : `${at}.${key}`,
        rule: "unknown",
        message: `unknown key${hint}`,
      }));
    }
    if (error.keyword === "required") {
      return error.params.requiredProperties.map((key) => ({
        field: at === "" ? key : `${at}.${key}`,
        rule: "required",
        message: "missing; it is required",
      }));
    }
    const got = shorten(valueAt(value, error.instancePath));
    if (error.keyword === "const") {
      const wanted = [...new Set(choices.get(error.instancePath))].join(" | ");
      return [{ field: at, rule: "const", message: `must be ${wanted}, got ${got}` }];
    }
    return [{ field: at, rule: error.keyword, message: `${error.message}${wanted(error)}, got ${got}` }];
  });
  const seen = new Set<string>();
  return problems.filter((problem) => {
    const id = `${problem.field}\0${problem.rule}`;
    if (seen.has(id)) return false;
    seen.add(id);
    return true;
  });
}

function wanted(error: TLocalizedValidationError): string {
  if (error.keyword === "enum") return ` (${error.params.allowedValues.join(" | ")})`;
  return "";
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

const dotted = (pointer: string): string => segments(pointer).join(".");

function valueAt(value: unknown, pointer: string): unknown {
  let current = value;
  for (const part of segments(pointer)) current = (current as Record<string, unknown> | undefined)?.[part];
  return current;
}

const schemaAt = (schema: TSchema, pointer: string): unknown => valueAt(schema, pointer);

function shorten(value: unknown): string {
  const text = value === undefined ? "nothing" : (JSON.stringify(value) ?? typeof value);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
