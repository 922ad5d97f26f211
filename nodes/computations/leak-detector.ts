/**
 * Looks for private values in what nodes say to each other. A tap hands it every decoded peer message body; it searches
 * each private value as text, as a scaled 64-bit integer in both byte orders, and inside base64 strings.
 *
 * Short integers cannot be told from public counts, lengths, positions and ports: as text a value is searched with its
 * decimal point, or from five digits on; as bytes from a scaled magnitude of 256 on. Decoded base64 is searched as
 * text only where all of it is text: in random bytes any three may spell a number.
 */

export interface PrivateValue {
  /** Who owns it and where it stands, for example "ibm:panel invest row 3". */
  readonly label: string;
  /** Decimal text as at the source. */
  readonly text: string;
  /** Digits after the point of the declared fixed-point form. */
  readonly scale: number;
}

export interface Leak {
  readonly label: string;
  readonly form: "text" | "little-endian" | "big-endian";
  /** Where in the body, for example "$.messages[3].body". */
  readonly path: string;
}

export interface LeakDetector {
  readonly values: number;
  /** Every private value found in one decoded body: a JSON value or raw bytes. */
  inspect(body: unknown): readonly Leak[];
}

const SMALLEST_BINARY = 256n;
const SHORTEST_INTEGER_TEXT = 5;
/** A number that stands by itself: digits inside keys, digests and versions are none. */
const NUMBER_TOKEN = /(?<![\w.-])-?\d+(?:\.\d+)?(?![\w-]|\.\d)/g;
/** Shapes that are full of digits and hold no value: instants, dates, UUIDs, and the port of an address. */
const DIGITS_ONLY_SHAPE =
  /\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z)?|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|:\/\/[\w.-]+:\d{1,5}(?!\d)/g;
const BASE64 = /^[A-Za-z0-9+/_-]{8,}={0,2}$/;
const MAX_DEPTH = 64;

interface Needles {
  readonly texts: ReadonlyMap<string, string>;
  /** Low 32 bits of a needle as read in either order, to skip most offsets cheaply. */
  readonly lows: ReadonlySet<number>;
  readonly words: ReadonlyMap<bigint, string>;
}

export function createLeakDetector(values: Iterable<PrivateValue>): LeakDetector {
  const texts = new Map<string, string>();
  const words = new Map<bigint, string>();
  let count = 0;
  for (const { label, text, scale } of values) {
    count += 1;
    const scaled = scaledInteger(text, scale);
    const magnitude = scaled < 0n ? -scaled : scaled;
    for (const form of textForms(text, scaled, scale)) {
      if (form.includes(".") || form.replace("-", "").length >= SHORTEST_INTEGER_TEXT) texts.set(form, label);
    }
    if (magnitude >= SMALLEST_BINARY) words.set(BigInt.asUintN(64, scaled), label);
  }
  const lows = new Set([...words.keys()].map((word) => Number(BigInt.asUintN(32, word))));
  const needles = { texts, words, lows };
  return Object.freeze({ values: count, inspect: (body: unknown) => [...search(needles, body, "$", 0)] });
}

function* search(needles: Needles, value: unknown, path: string, depth: number): Generator<Leak> {
  if (depth > MAX_DEPTH) return;
  if (typeof value === "string") yield* searchString(needles, value, path, depth);
  else if (typeof value === "number" || typeof value === "bigint") yield* searchText(needles, String(value), path);
  else if (value instanceof Uint8Array) yield* searchBytes(needles, value, path);
  else if (Array.isArray(value)) {
    yield* searchNumberArray(needles, value, path);
    for (const [index, item] of value.entries()) yield* search(needles, item, `${path}[${index}]`, depth + 1);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      yield* searchText(needles, key, `${path}.${key}`);
      yield* search(needles, item, `${path}.${key}`, depth + 1);
    }
  }
}

function* searchString(needles: Needles, text: string, path: string, depth: number): Generator<Leak> {
  yield* searchText(needles, text, path);
  for (const part of text.split(".")) {
    if (!BASE64.test(part)) continue;
    const bytes = Buffer.from(part, part.includes("-") || part.includes("_") ? "base64url" : "base64");
    yield* searchBytes(needles, bytes, `${path}(base64)`);
    const inner = textOf(bytes);
    if (inner === undefined) continue;
    yield* searchText(needles, inner, `${path}(base64)`);
    const parsed = jsonOf(inner);
    if (parsed !== undefined) yield* search(needles, parsed, `${path}(base64)`, depth + 1);
  }
}

function* searchText(needles: Needles, text: string, path: string): Generator<Leak> {
  for (const [token] of text.replaceAll(DIGITS_ONLY_SHAPE, " ").matchAll(NUMBER_TOKEN)) {
    const label = needles.texts.get(token) ?? needles.texts.get(token.replace(/^-/, ""));
    if (label !== undefined) yield { label, form: "text", path };
  }
}

function* searchBytes(needles: Needles, bytes: Uint8Array, path: string): Generator<Leak> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 8 <= bytes.length; at += 1) {
    if (needles.lows.has(view.getUint32(at, true))) {
      const label = needles.words.get(view.getBigUint64(at, true));
      if (label !== undefined) yield { label, form: "little-endian", path };
    }
    if (needles.lows.has(view.getUint32(at + 4, false))) {
      const label = needles.words.get(view.getBigUint64(at, false));
      if (label !== undefined) yield { label, form: "big-endian", path };
    }
  }
}

/** A JSON array of byte values is searched as the bytes it spells. */
function* searchNumberArray(needles: Needles, items: readonly unknown[], path: string): Generator<Leak> {
  const isByte = (item: unknown) => typeof item === "number" && Number.isInteger(item) && item >= 0 && item < 256;
  if (items.length >= 8 && items.every(isByte)) yield* searchBytes(needles, Uint8Array.from(items as number[]), path);
}

function textForms(text: string, scaled: bigint, scale: number): ReadonlySet<string> {
  const digits = (scaled < 0n ? -scaled : scaled).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const fraction = scale === 0 ? "" : digits.slice(-scale);
  const short = fraction.replace(/0+$/, "");
  const sign = scaled < 0n ? "-" : "";
  return new Set([
    text.trim(),
    `${sign}${whole}${fraction === "" ? "" : `.${fraction}`}`,
    `${sign}${whole}${short === "" ? "" : `.${short}`}`,
    scaled.toString(),
  ]);
}

function scaledInteger(text: string, scale: number): bigint {
  const match = /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(text.trim());
  if (match === null) throw new RangeError(`private value: expected a decimal, got ${text.length} characters`);
  const fraction = (match[3] ?? "").slice(0, scale).padEnd(scale, "0");
  const magnitude = BigInt(`${match[2]}${fraction}`);
  return match[1] === "-" ? -magnitude : magnitude;
}

function jsonOf(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters tell binary from text
    return /[\u0000-\u0008\u000e-\u001f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
