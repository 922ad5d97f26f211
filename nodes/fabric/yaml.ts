/** Writes the YAML that Fabric's programs read: block style, every text quoted as in JSON, a subset of YAML 1.2. */

export type Yaml = string | number | boolean | null | readonly Yaml[] | { readonly [key: string]: Yaml };

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
/** YAML 1.1 readers take these words for booleans or nothing. */
const TAKEN = /^(?:y|n|yes|no|on|off|true|false|null)$/i;

export const writeYaml = (value: { readonly [key: string]: Yaml }): string => `${blockOf(value, 0).join("\n")}\n`;

function blockOf(value: Yaml, depth: number): string[] {
  const indent = "  ".repeat(depth);
  if (isList(value)) {
    return value.flatMap((item) => {
      if (isScalar(item)) return [`${indent}- ${scalar(item)}`];
      const [first = "", ...rest] = blockOf(item, depth + 1);
      return [`${indent}- ${first.trimStart()}`, ...rest];
    });
  }
  return Object.entries(value as Readonly<Record<string, Yaml>>).flatMap(([key, item]) => {
    const name = PLAIN_KEY.test(key) && !TAKEN.test(key) ? key : JSON.stringify(key);
    if (isScalar(item)) return [`${indent}${name}: ${scalar(item)}`.trimEnd()];
    return [`${indent}${name}:`, ...blockOf(item, depth + 1)];
  });
}

const isList = (value: Yaml): value is readonly Yaml[] => Array.isArray(value);

const isEmpty = (value: object): boolean => Object.keys(value).length === 0;

const isScalar = (value: Yaml): boolean => typeof value !== "object" || value === null || isEmpty(value);

function scalar(value: Yaml): string {
  if (value === null) return "";
  if (typeof value === "object") return isList(value) ? "[]" : "{}";
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
