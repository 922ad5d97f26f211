/**
 * What leaves of a released value under the mask that the policy states. A mask reads the value that registration read,
 * not its spelling: without blanks around it, NULL where nothing is left (exchange/statistics/field-sql.ts). NULL stays
 * NULL under every mask.
 */
import { createHmac } from "node:crypto";
import type { Field } from "../../policies/model/asset.ts";
import type { Mask } from "../../policies/model/mask.ts";

export type MaskedField = Pick<Field, "type" | "scale" | "roundedFromFloat">;

/** Throws RangeError for a value that the mask cannot read: nothing leaves unmasked. */
export type Masking = (value: string | null) => string | null;

/** `key`: 32 bytes of one agreement. */
export function maskingOf(mask: Mask, key: Uint8Array, field: MaskedField): Masking {
  switch (mask.mask) {
    case "redact":
      return () => null;
    case "pseudonym":
      return unlessNull((value) => pseudonym(key, mask.element, field.type === "integer" ? integerOf(value) : value));
    case "prefix":
      return unlessNull((value) => firstCharacters(value, Number(mask.length)));
    case "month":
      return unlessNull((value) => dateOf(value).slice(0, "2026-03".length));
    case "year":
      return unlessNull((value) => dateOf(value).slice(0, "2026".length));
    case "round":
      return unlessNull((value) => roundedTo(mask.step, numberOf(value, field)));
  }
}

const unlessNull =
  (change: (value: string) => string): Masking =>
  (text) => {
    const value = text?.replace(/^\p{Zs}+|\p{Zs}+$/gu, "") ?? "";
    return value === "" ? null : change(value);
  };

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

/** `size` / 10^`digits`; no binary floating point is involved. */
interface Exact {
  readonly isNegative: boolean;
  readonly size: bigint;
  readonly digits: number;
}

const NUMBER = /^([+-]?)(\d{1,400})(?:\.(\d{1,400}))?(?:[eE]([+-]?\d{1,3}))?$/;

function exactOf(value: string): Exact {
  const [, sign, whole = "", fraction = "", exponent = "0"] = NUMBER.exec(value) ?? [];
  if (sign === undefined) throw new RangeError("wanted a decimal number");
  const digits = fraction.length - Number(exponent);
  const size = BigInt(whole + fraction) * 10n ** BigInt(Math.max(0, -digits));
  return { isNegative: sign === "-", size, digits: Math.max(0, digits) };
}

/** What a double says is read at 18 places and then, half to even, at those of the column, as registration did. */
const ENGINE_DIGITS = 18;

function numberOf(value: string, { scale = 0, roundedFromFloat = false }: MaskedField): Exact {
  const exact = exactOf(value);
  if (!roundedFromFloat) return exact;
  const excess = 10n ** BigInt(Math.max(0, exact.digits - ENGINE_DIGITS));
  const read = {
    ...exact,
    size: (2n * exact.size + excess) / (2n * excess),
    digits: Math.min(exact.digits, ENGINE_DIGITS),
  };
  if (read.digits <= scale) return read;
  return { ...read, size: nearest(read.size, 10n ** BigInt(read.digits - scale)), digits: scale };
}

/** The same number is the same text. */
function integerOf(value: string): string {
  const { isNegative, size, digits } = exactOf(value);
  const unit = 10n ** BigInt(digits);
  if (size % unit !== 0n) throw new RangeError("wanted a whole number");
  return `${isNegative && size !== 0n ? "-" : ""}${size / unit}`;
}

/** How many units, the half to the even one. */
function nearest(size: bigint, unit: bigint): bigint {
  const below = size / unit;
  const twice = 2n * (size % unit);
  return twice > unit || (twice === unit && below % 2n === 1n) ? below + 1n : below;
}

/** As many digits after the point as the step has. */
function roundedTo(step: string, number: Exact): string {
  const [stepWhole = "", stepFraction = ""] = step.split(".");
  const digits = Math.max(number.digits, stepFraction.length);
  const unit = BigInt(stepWhole + stepFraction.padEnd(digits, "0"));
  const multiple = nearest(number.size * 10n ** BigInt(digits - number.digits), unit) * unit;
  const text = multiple.toString().padStart(digits + 1, "0");
  const point = text.length - digits;
  const after = text.slice(point, point + stepFraction.length);
  const minus = number.isNegative && multiple !== 0n ? "-" : "";
  return `${minus}${text.slice(0, point)}${after === "" ? "" : `.${after}`}`;
}
