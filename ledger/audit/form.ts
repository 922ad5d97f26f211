/** First contact with values from anyone: bounds, then schema. */
import type { TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import type { Problem } from "./problems.ts";

const MAX_DEPTH = 64;
const MAX_VALUES = 20_000_000;
const MAX_LISTED = 20;

const validators = new WeakMap<TSchema, Validator>();

/** Problems of form, empty when `value` is of `schema`. Never throws, however deep or large the value. */
export function formProblems(schema: TSchema, value: unknown): readonly Problem[] {
  const bounds = boundsProblem(value);
  if (bounds !== undefined) return [bounds];
  let validator = validators.get(schema);
  if (validator === undefined) {
    validator = Compile(schema);
    validators.set(schema, validator);
  }
  if (validator.Check(value)) return [];
  const [...errors] = validator.Errors(value);
  return errors
    .slice(0, MAX_LISTED)
    .map(({ instancePath, message }) => ({ where: instancePath, code: "schema", values: { expected: message } }));
}

/** RFC 8785 has no text for half a surrogate pair or for an infinite number, so nothing can be signed over them. */
function hasCanonicalForm(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return true;
  return Object.keys(value).every((key) => key.isWellFormed());
}

/** Breadth first, so that hostile nesting costs memory in proportion and no stack. */
function boundsProblem(root: unknown): Problem | undefined {
  let level: unknown[] = [root];
  let values = 0;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return { where: "", code: "too-deep", values: { most: MAX_DEPTH } };
    const next: unknown[] = [];
    for (const value of level) {
      values += 1;
      if (!hasCanonicalForm(value)) return { where: "", code: "not-json", values: {} };
      if (value === null || typeof value !== "object") continue;
      for (const item of Object.values(value)) next.push(item);
    }
    if (values > MAX_VALUES) return { where: "", code: "too-large", values: { most: MAX_VALUES } };
    level = next;
  }
  return undefined;
}
