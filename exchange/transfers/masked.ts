/** What leaves of a released value under the mask that the policy states. NULL stays NULL under every mask. */
import { createHmac } from "node:crypto";
import type { Mask } from "../../policies/model/mask.ts";

/** Throws RangeError for a value that the mask cannot read: nothing leaves unmasked. */
export type Masking = (value: string | null) => string | null;

/** `key`: 32 bytes of one agreement. */
export function maskingOf(mask: Mask, key: Uint8Array): Masking {
  switch (mask.mask) {
    case "redact":
      return () => null;
    case "pseudonym":
      return unlessNull((value) => pseudonym(key, mask.element, value));
    case "prefix":
      return unlessNull((value) => firstCharacters(value, Number(mask.length)));
    case "month":
      return unlessNull((value) => dateOf(value).slice(0, "2026-03".length));
    case "year":
      return unlessNull((value) => dateOf(value).slice(0, "2026".length));
    case "round":
      return unlessNull((value) => rounded(value, mask.step));
  }
}

const unlessNull =
  (change: (value: string) => string): Masking =>
  (value) =>
    value === null ? null : change(value);

/** HMAC-SHA-256 (RFC 2104), the first 16 bytes; nobody who lacks the key can try values. */
function pseudonym(key: Uint8Array, element: string, value: string): string {
  const hmac = createHmac("sha256", key).update(`sealane/pseudonym/v1\0${element}\0${value}`);
  return hmac.digest().subarray(0, 16).toString("base64url");
}

/** Characters, not code units: none is cut in two. */
function firstCharacters(value: string, length: number): string {
  let kept = "";
  let count = 0;
  for (const character of value) {
    if (count++ === length) break;
    kept += character;
  }
  return kept;
}

function dateOf(value: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(value)) throw new RangeError("wanted a date as 2026-03-17");
  return value;
}

const DECIMAL = /^([+-]?)(\d{1,40})(?:\.(\d{1,40}))?$/;

/** Exact: no binary floating point is involved. As many digits after the point as the step has. */
function rounded(value: string, step: string): string {
  const [, sign, whole = "", fraction = ""] = DECIMAL.exec(value.trim()) ?? [];
  if (sign === undefined) throw new RangeError("wanted a decimal number");
  const [stepWhole = "", stepFraction = ""] = step.split(".");
  const digits = Math.max(fraction.length, stepFraction.length);
  const size = BigInt(whole + fraction.padEnd(digits, "0"));
  const unit = BigInt(stepWhole + stepFraction.padEnd(digits, "0"));
  const twice = 2n * (size % unit);
  const below = size / unit;
  const isUp = twice > unit || (twice === unit && below % 2n === 1n);
  const multiple = (below + (isUp ? 1n : 0n)) * unit;
  const text = multiple.toString().padStart(digits + 1, "0");
  const point = text.length - digits;
  const after = text.slice(point, point + stepFraction.length);
  const minus = sign === "-" && multiple !== 0n ? "-" : "";
  return `${minus}${text.slice(0, point)}${after === "" ? "" : `.${after}`}`;
}
