/** From a TypeBox schema to fast-check values that satisfy it: the one generator behind every fuzz test. */
import fc from "fast-check";
import type { TSchema } from "typebox";

/** The JSON-Schema keywords that the schemas of this repository use. */
interface Keywords {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly TSchema[];
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, TSchema>>;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly items?: TSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly contains?: TSchema;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Longest generated list and text; limits beyond are met by mutation. */
const MOST_ITEMS = 4;
const MOST_CHARACTERS = 40;

/** Values to prefer where their text fits the pattern: ids that exist, for example. */
export type Known = readonly string[];

/** Valid values, often small. Throws TypeError on a keyword it does not know, so that no schema is fuzzed by halves. */
export function arbitraryOf(schema: TSchema, known: Known = []): fc.Arbitrary<unknown> {
  const words = schema as Keywords;
  if ("const" in words) return fc.constant(words.const);
  if (words.enum !== undefined) return fc.constantFrom(...words.enum);
  if (words.anyOf !== undefined) return fc.oneof(...words.anyOf.map((one) => arbitraryOf(one, known)));
  switch (words.type) {
    case "object":
      return objectOf(words, known);
    case "array":
      return arrayOf(words, known);
    case "string":
      return textOf(words, known);
    case "integer":
      return fc.integer({ min: words.minimum ?? -1000, max: Math.min(words.maximum ?? 1000, 2 ** 31 - 1) });
    case "number":
      return fc.double({ noNaN: true, noDefaultInfinity: true, min: words.minimum ?? -1e9, max: words.maximum ?? 1e9 });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case undefined:
      return fc.jsonValue({ maxDepth: 2 });
    default:
      throw new TypeError(`schema: no generator for type ${words.type}`);
  }
}

function objectOf(words: Keywords, known: Known): fc.Arbitrary<unknown> {
  if (words.patternProperties !== undefined) {
    const [[pattern, value]] = Object.entries(words.patternProperties) as [[string, TSchema]];
    return fc.dictionary(matching(pattern), arbitraryOf(value, known), {
      minKeys: words.minProperties ?? 0,
      maxKeys: Math.min(words.maxProperties ?? MOST_ITEMS, MOST_ITEMS),
    });
  }
  const properties = Object.entries(words.properties ?? {});
  const required = new Set(words.required);
  const model = Object.fromEntries(properties.map(([name, schema]) => [name, arbitraryOf(schema, known)]));
  return fc.record(model, { requiredKeys: Object.keys(model).filter((name) => required.has(name)) });
}

function arrayOf(words: Keywords, known: Known): fc.Arbitrary<unknown> {
  const { items, minItems = 0, maxItems = MOST_ITEMS } = words;
  const item = items === undefined ? fc.jsonValue({ maxDepth: 1 }) : arbitraryOf(items, known);
  const size = { minLength: minItems, maxLength: Math.max(minItems, Math.min(maxItems, MOST_ITEMS)) };
  if (words.contains !== undefined) {
    return fc.tuple(arbitraryOf(words.contains, known), fc.array(item, { maxLength: 2 })).map((parts) => parts.flat());
  }
  return words.uniqueItems === true
    ? fc.uniqueArray(item, { ...size, selector: (value) => JSON.stringify(value) })
    : fc.array(item, size);
}

function textOf({ pattern, minLength = 0, maxLength = MOST_CHARACTERS }: Keywords, known: Known): fc.Arbitrary<string> {
  if (pattern === undefined) {
    return fc.string({ minLength, maxLength: Math.max(minLength, Math.min(maxLength, MOST_CHARACTERS)) });
  }
  const form = new RegExp(pattern, "u");
  const fitting = known.filter((text) => form.test(text));
  const any = matching(pattern).filter((text) => text.length >= minLength && text.length <= Math.max(maxLength, 200));
  return fitting.length === 0 ? any : fc.oneof({ arbitrary: fc.constantFrom(...fitting), weight: 4 }, any);
}

const matching = (pattern: string): fc.Arbitrary<string> => fc.stringMatching(new RegExp(pattern, "u"));
