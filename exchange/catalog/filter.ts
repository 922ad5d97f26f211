/**
 * The filter of a catalogue request (DSP 2025-1 leaves its form open): a list of conditions that must all hold, each an
 * object of the fields below, which must all hold. The words are those of a search (search-index.ts).
 */
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import type { Asset } from "../../policies/model/asset.ts";
import type { Problem } from "../../policies/model/problem.ts";
import { Code, literals, Text } from "../../policies/model/vocabulary.ts";

export interface CatalogFilter {
  /** A data element that one of the fields holds. */
  readonly element?: string;
  /** One of the keywords, in any case. */
  readonly keyword?: string;
  /** Grade level at most this one. */
  readonly level?: Asset["grade"]["level"];
  readonly legal?: Asset["grade"]["legal"];
  /** Of a distribution. */
  readonly format?: string;
}

export const MAX_CONDITIONS = 8;
const FIELDS: Readonly<Record<keyof CatalogFilter, { readonly schema: TSchema; readonly wanted: string }>> = {
  element: { schema: Code, wanted: "a data element" },
  keyword: { schema: Text, wanted: "a keyword" },
  level: { schema: literals(["L1", "L2", "L3", "L4"]), wanted: "L1, L2, L3 or L4" },
  legal: { schema: literals(["core", "important", "general"]), wanted: "core, important or general" },
  format: { schema: Code, wanted: "a transfer format" },
};
const checks = new Map(Object.entries(FIELDS).map(([name, { schema }]) => [name, Compile(schema)]));

/** Fields of problems are JSON pointers into the message. */
export function parseFilter(
  conditions: readonly unknown[],
): { readonly filter: readonly CatalogFilter[] } | { readonly problems: readonly Problem[] } {
  const problems = conditions.flatMap((condition, at) => conditionProblems(condition, `/filter/${at}`));
  if (conditions.length > MAX_CONDITIONS) {
    problems.push(problem("/filter", `wanted at most ${MAX_CONDITIONS} conditions, got ${conditions.length}`));
  }
  return problems.length > 0 ? { problems } : { filter: conditions as readonly CatalogFilter[] };
}

function conditionProblems(condition: unknown, place: string): Problem[] {
  const known = Object.keys(FIELDS).join(", ");
  if (typeof condition !== "object" || condition === null || Array.isArray(condition)) {
    return [problem(place, `wanted an object of ${known}, got ${JSON.stringify(condition)}`)];
  }
  return Object.entries(condition).flatMap(([name, value]) => {
    const field = `${place}/${name}`;
    const check = checks.get(name);
    if (check === undefined) return [problem(field, `no such field: wanted ${known}`)];
    if (check.Check(value)) return [];
    const { wanted } = FIELDS[name as keyof CatalogFilter];
    return [problem(field, `wanted ${wanted}, got ${JSON.stringify(value)}`)];
  });
}

const problem = (field: string, detail: string): Problem => ({
  field: field.slice(0, 200),
  code: "filter-unsupported",
  detail: detail.slice(0, 300),
});
