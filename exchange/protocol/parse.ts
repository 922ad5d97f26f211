/** From decoded JSON of another party to a message: by schema, then by what a schema of this kind cannot say. */
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import type { Problem } from "../../policies/model/problem.ts";

export type Parsed<M> =
  | { readonly ok: true; readonly message: M }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const MAX_PROBLEMS = 32;
/** Objects, arrays and plain values of one message. Explaining what is wrong looks at each of them, several times. */
const MAX_VALUES = 10_000;

/** `crossProblems`: what JSON Schema says with oneOf and anyOf. The parser never throws; `wanted` narrows the types. */
export function createParser<M extends { readonly "@type": string }>(
  schemas: Readonly<Record<M["@type"], TSchema>>,
  crossProblems: (message: M) => readonly Problem[],
): (value: unknown, wanted?: readonly M["@type"][]) => Parsed<M> {
  const compiled = new Map(Object.entries<TSchema>(schemas).map(([type, schema]) => [type, Compile(schema)] as const));
  return (value, wanted = [...compiled.keys()]) => {
    const type = typeof value === "object" && value !== null ? (value as { "@type"?: unknown })["@type"] : undefined;
    const schema = typeof type === "string" && wanted.some((name) => name === type) ? compiled.get(type) : undefined;
    if (schema === undefined) {
      const detail = `wanted ${wanted.join(" or ")}, got ${JSON.stringify(type) ?? "nothing"}`.slice(0, 500);
      return { ok: false, problems: [{ field: "/@type", code: "message-type", detail }] };
    }
    if (!isWithin(value, MAX_VALUES)) {
      return { ok: false, problems: [malformed("", `wanted at most ${MAX_VALUES} values in a message`)] };
    }
    if (!schema.Check(value)) {
      const problems = schema
        .Errors(value)
        .slice(0, MAX_PROBLEMS)
        .map(({ instancePath, message }) => malformed(instancePath, message));
      return { ok: false, problems };
    }
    const message = value as M;
    const problems = crossProblems(message);
    return problems.length > 0 ? { ok: false, problems } : { ok: true, message };
  };
}

function isWithin(value: unknown, most: number): boolean {
  const waiting: unknown[] = [value];
  let found = 0;
  while (waiting.length > 0) {
    found += 1;
    if (found + waiting.length > most + 1) return false;
    const next = waiting.pop();
    if (typeof next !== "object" || next === null) continue;
    const parts = Object.values(next);
    if (parts.length > most) return false;
    waiting.push(...parts);
  }
  return true;
}

export const malformed = (field: string, detail: string): Problem => ({ field, code: "message-malformed", detail });
