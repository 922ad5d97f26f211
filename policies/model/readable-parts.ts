/** What of a malformed document can still be judged, so that one answer lists everything that is wrong with it. */
import type { Static, TSchema } from "typebox";
import type { Validator } from "typebox/compile";
import { MAX_SCHEMA_ERRORS, placeSchemaErrors, valueAt } from "./describe-schema-errors.ts";
import type { Problem, SchemaProblem } from "./problem.ts";

/** Everything may be absent; what is there has the form of the schema. */
export type Readable<T> = T extends readonly (infer E)[]
  ? readonly (Readable<E> | undefined)[]
  : T extends object
    ? { readonly [K in keyof T]?: Readable<T[K]> | undefined }
    : T;

export interface ReadParts<T> {
  /** Of the form; empty for a well-formed document. */
  readonly problems: readonly SchemaProblem[];
  /** The document without its malformed parts; items of a list keep their places. */
  readonly readable: Readable<T>;
  /** Whether this place, or what holds it, is malformed. */
  isMalformed(field: string): boolean;
  /** The problems of the form, and those of `others` that are not about a part that is malformed anyway. */
  with(others: readonly Problem[]): readonly Problem[];
}

/** The list is wrong, its items are not. */
const ABOUT_THE_LIST: readonly string[] = ["items-repeated", "too-few-items", "too-many-items"];
/** What is absent cannot be taken out. */
const STAYS: readonly string[] = ["missing", ...ABOUT_THE_LIST];
/** Parts that stay malformed after this many rounds are left out with what holds them. */
const MAX_ROUNDS = 16;

export function readParts<S extends TSchema>(schema: S, compiled: Validator, value: unknown): ReadParts<Static<S>> {
  const placed = placeSchemaErrors(schema, compiled.Check(value) ? [] : compiled.Errors(value), value);
  const problems = placed.map(({ problem }) => problem);
  const malformed = problems.filter(({ code }) => !ABOUT_THE_LIST.includes(code)).map(({ field }) => field);
  const isMalformed = (field: string) => malformed.some((bad) => bad === "" || `${field}.`.startsWith(`${bad}.`));
  return {
    problems,
    readable: (problems.length === 0 ? value : pruned(schema, compiled, value)) as Readable<Static<S>>,
    isMalformed,
    with: (others) => [...problems, ...others.filter(({ field }) => !isMalformed(field))],
  };
}

function pruned(schema: TSchema, compiled: Validator, value: unknown): unknown {
  const copy: unknown = structuredClone(value);
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const errors = compiled.Check(copy) ? [] : compiled.Errors(copy);
    const found = placeSchemaErrors(schema, errors, copy);
    const wrong = found.filter(({ problem }) => !STAYS.includes(problem.code));
    if (wrong.some(({ path }) => path.length === 0)) return {};
    const present = wrong.filter(({ path }) => valueAt(copy, path) !== undefined);
    // Where what was taken out fills the list of errors, what is wrong beyond it is not in it.
    if (present.length === 0) return errors.length < MAX_SCHEMA_ERRORS ? copy : {};
    for (const { path } of present) takeOut(copy, path);
  }
  return {};
}

function takeOut(root: unknown, path: readonly string[]): void {
  const parent = valueAt(root, path.slice(0, -1));
  const key = path.at(-1) ?? "";
  if (typeof parent !== "object" || parent === null) return;
  if (Array.isArray(parent)) parent[Number(key)] = undefined;
  else delete (parent as Record<string, unknown>)[key];
}
