/**
 * Digests of documents: SHA-256 over RFC 8785 canonical JSON, written as base64url (43 characters).
 * Low-entropy documents are salted before they are hashed, because the ledger is read by every member.
 */
import { createHash, hash } from "node:crypto";
import canonicalize from "canonicalize";
import { concat, toBase64url, utf8 } from "./encoding.ts";

const SALTED_DIGEST_LABEL = utf8("sealane/salted-digest/v1\0");
export const SALT_BYTES = 32;
/**
 * Arrays and objects within each other: deeper values have no text. A fixed number, because how much a stack holds differs from
 * host to host, and hosts of the ledger must answer alike.
 */
export const MAX_NESTING = 64;
const MAX_ONE_SHOT = 4096;

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((total, part) => total + part.length, 0);
  // Short ones in one go, which takes a third of the time.
  if (length <= MAX_ONE_SHOT) return new Uint8Array(hash("sha256", concat(...parts), "buffer"));
  const whole = createHash("sha256");
  for (const part of parts) whole.update(part);
  return new Uint8Array(whole.digest());
}

/** RFC 8785 text of a JSON value. Throws TypeError on anything JSON cannot carry, and on nesting beyond MAX_NESTING. */
export function canonicalJson(value: unknown): string {
  const ordered = inOrder(value, 0);
  if (ordered !== OTHER) return JSON.stringify(ordered);
  if (isTooDeep(value)) throw new TypeError(`value is nested more than ${MAX_NESTING} deep`);
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError("value has no JSON form");
  return text;
}

/** The same JSON with its keys in the order of the canonical text, which is then quicker to write each time. */
export function inCanonicalOrder<T>(value: T): T {
  const ordered = inOrder(value, 0);
  return (ordered === OTHER ? JSON.parse(canonicalJson(value)) : ordered) as T;
}

/** What only the slow way can write, or refuse. */
const OTHER = Symbol();

/**
 * The same plain JSON with its keys in order, of which ECMAScript's own text is the RFC 8785 one (its section 3.2.2): the
 * native writer takes a quarter of the time. What is in order already, as values read from canonical texts are, is not
 * copied.
 */
function inOrder(value: unknown, depth: number): unknown {
  if (typeof value === "string") return value.isWellFormed() ? value : OTHER;
  if (typeof value === "number") return Number.isFinite(value) ? value : OTHER;
  if (value === null || typeof value === "boolean") return value;
  if (typeof value !== "object" || depth >= MAX_NESTING || "toJSON" in value) return OTHER;
  if (Array.isArray(value)) return arrayInOrder(value, depth);
  if (Object.getPrototypeOf(value) !== Object.prototype) return OTHER;
  return objectInOrder(value as Record<string, unknown>, depth);
}

function arrayInOrder(items: readonly unknown[], depth: number): unknown {
  let copy: unknown[] | undefined;
  for (let at = 0; at < items.length; at++) {
    const ordered = inOrder(items[at], depth + 1);
    if (ordered === OTHER) return OTHER;
    if (ordered === items[at]) continue;
    copy ??= items.slice();
    copy[at] = ordered;
  }
  return copy ?? items;
}

function objectInOrder(fields: Readonly<Record<string, unknown>>, depth: number): unknown {
  const keys = Object.keys(fields);
  let isCopied = false;
  for (let at = 1; at < keys.length && !isCopied; at++) isCopied = keys[at]! < keys[at - 1]!;
  if (isCopied) keys.sort();
  let copy: Record<string, unknown> | undefined = isCopied ? {} : undefined;
  for (const key of keys) {
    // Objects have integer-like keys in an order of their own, and one name is no key at all.
    if (!key.isWellFormed() || (isCopied && (isDigit(key.charCodeAt(0)) || key === "__proto__"))) return OTHER;
    const ordered = inOrder(fields[key], depth + 1);
    if (ordered === OTHER) return OTHER;
    if (copy === undefined && ordered === fields[key]) continue;
    if (key === "__proto__") return OTHER;
    copy ??= { ...fields };
    copy[key] = ordered;
  }
  return copy ?? fields;
}

/** Without recursion; what refers to itself is too deep. */
function isTooDeep(value: unknown): boolean {
  const pending = [{ value, depth: 0 }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next.value === null || typeof next.value !== "object") continue;
    const depth = next.depth + 1;
    if (depth > MAX_NESTING) return true;
    for (const item of Object.values(next.value)) pending.push({ value: item, depth });
  }
  return false;
}

const isDigit = (unit: number): boolean => unit >= 0x30 && unit <= 0x39;

/** Is `text` the RFC 8785 text of `value`, which was parsed from it? In half the time of writing it again. */
export function isCanonicalText(text: string, value: unknown): boolean {
  // ECMAScript's own text has lone surrogates as escapes, RFC 8785 has none.
  if (hasOrderedKeys(value, 0) && !text.includes("\\ud")) return JSON.stringify(value) === text;
  try {
    return canonicalJson(value) === text;
  } catch {
    return false;
  }
}

/** Of a parsed value. */
function hasOrderedKeys(value: unknown, depth: number): boolean {
  if (value === null || typeof value !== "object") return true;
  if (depth >= MAX_NESTING) return false;
  if (Array.isArray(value)) return value.every((item) => hasOrderedKeys(item, depth + 1));
  let previous = "";
  for (const key of Object.keys(value)) {
    if (key < previous || !hasOrderedKeys((value as Record<string, unknown>)[key], depth + 1)) return false;
    previous = key;
  }
  return true;
}

export const digestOf = (value: unknown): string => hash("sha256", canonicalJson(value), "base64url");

/** `salt` is 32 random bytes that travel beside the document, never on the ledger. */
export function saltedDigest(salt: Uint8Array, value: unknown): string {
  if (salt.length !== SALT_BYTES) throw new RangeError(`salt: expected ${SALT_BYTES} bytes, got ${salt.length}`);
  return toBase64url(sha256(concat(SALTED_DIGEST_LABEL, salt, utf8(canonicalJson(value)))));
}
