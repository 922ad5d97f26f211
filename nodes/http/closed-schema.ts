/** Schemas under which a valid value holds declared fields only, all the way down: there is nothing to filter. */
import type { TSchema } from "typebox";

const PLAIN: readonly string[] = ["string", "number", "integer", "boolean", "null"];

interface Parts {
  readonly type?: unknown;
  readonly const?: unknown;
  readonly enum?: unknown;
  readonly anyOf?: readonly TSchema[];
  readonly allOf?: unknown;
  readonly items?: TSchema | readonly TSchema[];
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly patternProperties?: Readonly<Record<string, TSchema>>;
  readonly additionalProperties?: unknown;
}

/** False where it cannot tell. */
export function isClosed(schema: TSchema): boolean {
  const parts = schema as Parts;
  if ("$ref" in schema || parts.allOf !== undefined) return false;
  if (parts.anyOf !== undefined) return parts.anyOf.every(isClosed);
  if (parts.const !== undefined || parts.enum !== undefined) return true;
  if (parts.type === "array") return parts.items !== undefined && [parts.items].flat().every(isClosed);
  if (parts.type === "object") {
    const fields = [parts.properties, parts.patternProperties].flatMap((some) => Object.values(some ?? {}));
    // Said to be open, it declares whatever comes.
    return typeof parts.additionalProperties === "boolean" && fields.every(isClosed);
  }
  // A schema that says nothing declares everything.
  return PLAIN.includes(parts.type as string) || Object.keys(schema).length === 0;
}
