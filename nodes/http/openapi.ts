/** Schemas as the OpenAPI document shows them, where that is not what a route validates by itself. */
import { type TSchema, Type } from "typebox";

const SHOWN = "x-shown-as";

/** Any JSON: the use case behind the route judges it and lists everything that is wrong at once. Shown as `schema`. */
export const judgedLater = (schema: TSchema) => Type.Unknown({ [SHOWN]: schema });

/** @fastify/swagger's `transform`. */
export const shown = <T extends { readonly schema: unknown }>(route: T): T => ({
  ...route,
  schema: rewritten(route.schema),
});

function rewritten(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(rewritten);
  if (SHOWN in value) return rewritten(value[SHOWN]);
  const parts = Object.entries(value).map(([key, part]) => [key, rewritten(part)] as const);
  const [pattern, ...others] = Object.keys((value as { patternProperties?: object }).patternProperties ?? {});
  // The converter knows no patternProperties: the names' pattern stays in a keyword that it passes on.
  const names = pattern === undefined || others.length > 0 ? [] : [["propertyNames", { pattern }] as const];
  return Object.fromEntries([...parts, ...names]);
}
