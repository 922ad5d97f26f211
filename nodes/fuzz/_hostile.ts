/** What hostile senders do to valid values, before and after they are text. */
import fc from "fast-check";

const json = (text: string): unknown => JSON.parse(text);

/** Values that broke programs before. `__proto__` as an own key comes from the parser, as it would over the wire. */
const NASTY: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  -1e308,
  2 ** 31,
  2 ** 53,
  2 ** 53 + 2,
  5e-324,
  "",
  " ",
  "\u0000",
  "\ud800",
  "a\udc00b",
  "\u202e",
  "é",
  "a\nb",
  "a".repeat(64),
  "a".repeat(5_000),
  "9".repeat(400),
  "A".repeat(43),
  "_".repeat(43),
  "B".repeat(22),
  "B".repeat(86),
  "__proto__",
  "constructor",
  "toString",
  "../../../etc/passwd",
  "/dev/zero",
  "%00%s%n",
  "NaN",
  "-0",
  "1e5",
  "2026-02-30",
  "9999-99-99T99:99:99Z",
  "0000-00-00T00:00:00Z",
  "00000000-0000-0000-0000-000000000000",
  "alpha:",
  [],
  {},
  [[]],
  [null],
  Array.from({ length: 2_000 }, () => 0),
  Array.from({ length: 1_001 }, (_, at) => `alpha:a${at}`),
  json('{"__proto__":{"admin":true}}'),
  json('{"constructor":{"prototype":{}}}'),
  json('{"toJSON":1,"then":2,"length":3}'),
  json(`${"[".repeat(40)}${"]".repeat(40)}`),
  json(`${'{"a":'.repeat(100)}1${"}".repeat(100)}`),
  json(`${"[".repeat(3_000)}${"]".repeat(3_000)}`),
];

const KEYS = ["__proto__", "constructor", "prototype", "toString", "extra", "", "a b", "\ud800", "@type", "0"] as const;

type Mutation =
  | { readonly kind: "replace"; readonly at: number; readonly value: unknown }
  | { readonly kind: "remove"; readonly at: number }
  | { readonly kind: "add"; readonly at: number; readonly key: string; readonly value: unknown }
  | { readonly kind: "repeat"; readonly at: number; readonly times: number }
  | { readonly kind: "swap"; readonly at: number; readonly with: number }
  | { readonly kind: "bend"; readonly at: number; readonly how: number };

const place = fc.nat({ max: 9_999 });
export const nasty: fc.Arbitrary<unknown> = fc.oneof(
  { arbitrary: fc.constantFrom(...NASTY), weight: 3 },
  { arbitrary: fc.jsonValue({ maxDepth: 2 }), weight: 1 },
  { arbitrary: fc.string({ unit: "binary", maxLength: 80 }), weight: 1 },
);
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant("replace" as const), at: place, value: nasty }), weight: 5 },
  { arbitrary: fc.record({ kind: fc.constant("bend" as const), at: place, how: fc.nat({ max: 99 }) }), weight: 3 },
  { arbitrary: fc.record({ kind: fc.constant("remove" as const), at: place }), weight: 2 },
  {
    arbitrary: fc.record({
      kind: fc.constant("add" as const),
      at: place,
      key: fc.constantFrom(...KEYS),
      value: nasty,
    }),
    weight: 2,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant("repeat" as const),
      at: place,
      times: fc.constantFrom(1, 2, 40, 1_100),
    }),
    weight: 1,
  },
  { arbitrary: fc.record({ kind: fc.constant("swap" as const), at: place, with: place }), weight: 1 },
);

/** Mostly mutated, sometimes as it was. The base is never changed. */
export const mutated = (base: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc
    .tuple(
      base,
      fc.oneof({ arbitrary: fc.array(mutation, { minLength: 1, maxLength: 3 }), weight: 8 }, fc.constant([])),
    )
    .map(([value, mutations]) => mutations.reduce(mutate, value));

type Parent = Record<string, unknown> | unknown[];
interface Place {
  readonly parent: Parent;
  readonly key: string;
  readonly value: unknown;
}

const MOST_PLACES = 5_000;

function mutate(root: unknown, change: Mutation): unknown {
  const holder: { root: unknown } = { root: copied(root) };
  const places = placesOf(holder);
  const { parent, key, value } = places[change.at % places.length]!;
  switch (change.kind) {
    case "replace":
      put(parent, key, change.value);
      break;
    case "bend":
      put(parent, key, bent(value, change.how));
      break;
    case "remove":
      if (Array.isArray(parent)) parent.splice(Number(key), 1);
      else if (parent !== (holder as object)) delete parent[key];
      break;
    case "add":
      if (isParent(value)) put(value, Array.isArray(value) ? String(value.length) : change.key, change.value);
      break;
    case "repeat":
      if (Array.isArray(value) && value.length > 0) {
        for (let time = 0; time < change.times; time++) value.push(value[time % value.length]);
      }
      break;
    case "swap": {
      const other = places[change.with % places.length]!;
      put(parent, key, copied(other.value));
      break;
    }
  }
  return holder.root;
}

/** A near miss: the value one step beside where it was. */
function bent(value: unknown, how: number): unknown {
  if (typeof value === "number")
    return [value + 1, value - 1, -value, value + 0.5, String(value), value * 2 ** 40][how % 6];
  if (typeof value === "boolean") return !value;
  if (typeof value !== "string") return value === null ? 0 : [value];
  const at = how % Math.max(1, value.length);
  const edits = [
    value.slice(0, at) + value.slice(at + 1),
    `${value.slice(0, at)}B${value.slice(at + 1)}`,
    `${value.slice(0, at)}\u0000${value.slice(at)}`,
    value.toUpperCase(),
    value + value,
    `${value}\n`,
    `${value}=`,
    ` ${value}`,
    value.slice(0, at),
    `${value.slice(0, -1)}_`,
  ];
  return edits[how % edits.length];
}

function put(parent: Parent, key: string, value: unknown): void {
  Object.defineProperty(parent, key, { value, writable: true, enumerable: true, configurable: true });
}

const isParent = (value: unknown): value is Parent => typeof value === "object" && value !== null;

/** What lies deeper is shared with the value it came from, and so never changed: a change would outlive its case. */
const DEEPEST_COPY = 200;

/** JSON values only, own `__proto__` keys kept. */
function copied(value: unknown, depth = 0): unknown {
  if (!isParent(value) || depth > DEEPEST_COPY) return value;
  if (Array.isArray(value)) return value.map((item) => copied(item, depth + 1));
  const copy = {};
  for (const [key, item] of Object.entries(value)) put(copy, key, copied(item, depth + 1));
  return copy;
}

function placesOf(holder: { root: unknown }): readonly Place[] {
  const places: Place[] = [];
  const queue: { readonly parent: Parent; readonly depth: number }[] = [
    { parent: holder as Record<string, unknown>, depth: 0 },
  ];
  for (let at = 0; at < queue.length && places.length < MOST_PLACES; at++) {
    const { parent, depth } = queue[at]!;
    for (const [key, value] of Object.entries(parent)) {
      places.push({ parent, key, value });
      if (isParent(value) && depth < DEEPEST_COPY) queue.push({ parent: value, depth: depth + 1 });
    }
  }
  return places;
}

/** How the text of a message is spoilt after it was written. */
const SPOIL: readonly ((text: string, at: number) => string)[] = [
  (text, at) => text.slice(0, at % Math.max(1, text.length)),
  (text) => text.replace("{", '{"__proto__":{"admin":true},'),
  (text) => text.replace(/\{("(?:[^"\\]|\\.)*":)/, "{$10,$1"),
  (text) => text.replace("{", `{"deep":${"[".repeat(20_000)}${"]".repeat(20_000)},`),
  (text) => text.replace("{", `{"deep":${'{"a":'.repeat(900)}1${"}".repeat(900)},`),
  (text) => text.replace("{", '{"huge":1e999,'),
  (text) => text.replace(/:\d+/, ":1e999"),
  (text) => `\ufeff${text}`,
  (text) => `${text}${text}`,
  (text) => text.replaceAll('"', "'"),
  () => "NaN",
  () => "",
  (text, at) => `${text.slice(0, at % Math.max(1, text.length))}\u0000${text.slice(at % Math.max(1, text.length))}`,
];

/** Bytes of a JSON message: as written, or spoilt. */
export const bytesOf = (value: fc.Arbitrary<unknown>): fc.Arbitrary<Buffer> =>
  fc
    .tuple(
      value,
      fc.oneof(
        { arbitrary: fc.constant(undefined), weight: 7 },
        { arbitrary: fc.tuple(fc.nat({ max: SPOIL.length }), fc.nat({ max: 20_000 })), weight: 2 },
      ),
    )
    .map(([given, spoilt]) => {
      const text = JSON.stringify(given) ?? "";
      if (spoilt === undefined) return Buffer.from(text);
      const [how, at] = spoilt;
      const spoil = SPOIL[how];
      if (spoil !== undefined) return Buffer.from(spoil(text, at));
      // Not UTF-8.
      const bytes = Buffer.from(text);
      if (bytes.length > 0) bytes[at % bytes.length] = 0xff;
      return bytes;
    });
