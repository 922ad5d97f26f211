/** RFC 8785 texts and their digests: the same as crypto/suites/digest.ts writes, which this package cannot import. */
import { hash } from "node:crypto";
import canonicalize from "canonicalize";

/** Deeper and circular values go the slow way. */
const MAX_NATIVE_DEPTH = 64;

/** Undefined or throws for what JSON cannot carry. */
export const canonicalText = (value: unknown): string | undefined =>
  isCanonical(value, 0) ? JSON.stringify(value) : canonicalize(value);

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
  if (typeof value !== "object" || depth > MAX_NATIVE_DEPTH || "toJSON" in value) return false;
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
