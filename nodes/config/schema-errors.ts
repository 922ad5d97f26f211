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
  const problems = errors.flatMap((error): FieldProblem[] => {
    // The false schema of an unknown key; its additionalProperties error says the same with the key's name.
    if (error.keyword === "boolean") return [];
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
  if (error.keyword === "const") return ` (${JSON.stringify(error.params.allowedValue)})`;
  return "";
}

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
