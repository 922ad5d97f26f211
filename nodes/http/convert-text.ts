/**
 * Path and query parameters are text. What a schema declares as a number or a truth value is read from the one way to
 * write it in JSON; anything else stays text, and the schema refuses it.
 */
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";

const INTEGER = /^(?:0|-?[1-9]\d{0,15})$/;

function converted(schema: TSchema | undefined, text: unknown): unknown {
  const { type } = (schema ?? {}) as { type?: string };
  if (typeof text !== "string") return text;
  if (type === "integer" && INTEGER.test(text)) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}

/** Fastify's validator compiler: bodies as they are, other parts converted first. */
export function compileValidator({ schema, httpPart }: { readonly schema: TSchema; readonly httpPart?: string }) {
  const validator = Compile(schema);
  const { properties = {} } = schema as { readonly properties?: Readonly<Record<string, TSchema>> };
  return (value: unknown) => {
    const given =
      httpPart === "body" || typeof value !== "object" || value === null
        ? value
        : Object.fromEntries(Object.entries(value).map(([name, text]) => [name, converted(properties[name], text)]));
    return validator.Check(given) ? { value: given } : { error: validator.Errors(given) };
  };
}
