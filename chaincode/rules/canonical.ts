/** RFC 8785 texts and their digests: the same as crypto/suites/digest.ts writes, which this package cannot import. */
import { hash } from "node:crypto";
import canonicalize from "canonicalize";

/** Arrays and objects within each other: MAX_NESTING there. A stack would set another limit on every host. */
const MAX_NESTING = 64;

/** Undefined or throws for what JSON cannot carry, and for what is nested deeper. */
export function canonicalText(value: unknown): string | undefined {
  if (isCanonical(value, 0)) return JSON.stringify(value);
  return isTooDeep(value) ? undefined : canonicalize(value);
}

/** base64url. */
export const sha256Of = (text: string): string => hash("sha256", text, "base64url");

/**
 * Is this plain JSON whose keys are in order already, so that ECMAScript's own text is the RFC 8785 one (its section
 * 3.2.2)? Transactions read from the log are, and the native writer takes a quarter of the time.
 */
function isCanonical(value: unknown, depth: number): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value === "number") return Number.isFinite(value);
  if (value === null || typeof value === "boolean") return true;
  if (typeof value !== "object" || depth >= MAX_NESTING || "toJSON" in value) return false;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) if (!isCanonical(value[at], depth + 1)) return false;
    return true;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  let previous: string | undefined;
  for (const key of Object.keys(value)) {
    if ((previous !== undefined && key < previous) || !key.isWellFormed()) return false;
    if (!isCanonical((value as Record<string, unknown>)[key], depth + 1)) return false;
    previous = key;
  }
  return true;
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
