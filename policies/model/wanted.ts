/** What a term of a policy takes, as a person writes it; and where in a given value something else stands. */
import type { TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import { AssetId, CalendarDate, Code, Decimal, Instant, MemberId } from "./vocabulary.ts";

interface Part {
  readonly type?: string;
  readonly pattern?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  /** The least and the most, or one that fits. */
  readonly examples?: readonly string[];
  readonly anyOf?: readonly TSchema[];
  readonly items?: TSchema;
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly required?: readonly string[];
}

const EXAMPLES: ReadonlyMap<unknown, string> = new Map(
  [
    [AssetId, "acme:accounts"],
    [CalendarDate, "2026-12-31"],
    [Code, "some-code"],
    [Decimal, "12.5"],
    [Instant, "2026-12-31T16:00:00Z"],
    [MemberId, "acme"],
  ].map(([schema, example]) => [(schema as Part).pattern, `"${example}"`] as const),
);

/** Alternatives as `a | b`, limits as `"1" … "9"`, brackets where several may stand, `?` after a name that may be absent. */
export function wantedBy(schema: object): string {
  const {
    type,
    pattern,
    const: only,
    enum: values,
    examples,
    anyOf,
    items,
    properties,
    required = [],
  } = schema as Part;
  if (values !== undefined) return values.join(" | ");
  if (only !== undefined) return JSON.stringify(only);
  if (anyOf !== undefined) return [...new Set(anyOf.map(wantedBy))].join(" | ");
  if (items !== undefined) return `[${wantedBy(items)}]`;
  if (properties !== undefined) {
    const names = Object.entries(properties);
    return `{${names.map(([name, part]) => `${name}${required.includes(name) ? "" : "?"}: ${wantedBy(part)}`).join(", ")}}`;
  }
  if (examples !== undefined) return examples.map((one) => `"${one}"`).join(" … ");
  return EXAMPLES.get(pattern) ?? pattern ?? type ?? "?";
}

export interface Misfit {
  /** Keys down to what does not fit, outermost first; empty: the value itself. */
  readonly path: readonly string[];
  readonly wanted: string;
  readonly got: unknown;
}

const checks = new Map<object, Validator>();

/** Undefined where the value fits. */
export function misfitOf(schema: TSchema, value: unknown): Misfit | undefined {
  const check = checks.get(schema) ?? Compile(schema);
  checks.set(schema, check);
  if (check.Check(value)) return undefined;
  const places = check.Errors(value).map(({ instancePath }) => instancePath.split("/").slice(1));
  const deepest = places.reduce((best, one) => (one.length > best.length ? one : best), []);
  const path: string[] = [];
  let part: object = schema;
  let got: unknown = value;
  for (const key of deepest) {
    const { items, properties } = part as Part;
    const inner: object | undefined = properties === undefined ? items : properties[key];
    // Which of several alternatives was meant, nobody knows: they are told together.
    if (inner === undefined) break;
    path.push(key);
    part = inner;
    got = (got as Readonly<Record<string, unknown>>)[key];
  }
  return { path, wanted: wantedBy(part), got };
}
