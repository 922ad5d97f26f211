/** Exact decimals as people read them; programs get every digit. */

/** Digits after the point that are shown, and of a smaller number those that it begins with. */
const SHOWN = 4;

/**
 * A decimal text with at most four digits after the point, halves away from zero; one that would be nothing but zeros then keeps its
 * first four digits. Any other text, and any decimal that is short, stays as it is.
 */
export function shortDecimal(text: string): string {
  const parts = /^(-?)(\d+)\.(\d+)$/.exec(text);
  if (parts === null) return text;
  const [, sign = "", whole = "", fraction = ""] = parts;
  const leading = whole === "0" ? fraction.search(/[1-9]/) : 0;
  const digits = leading < SHOWN ? SHOWN : leading + SHOWN;
  if (fraction.length <= digits) return text;
  const kept = BigInt(whole + fraction.slice(0, digits)) + (fraction[digits]! >= "5" ? 1n : 0n);
  const padded = kept.toString().padStart(digits + 1, "0");
  const tail = padded.slice(-digits).replace(/0+$/, "");
  return `${sign}${padded.slice(0, -digits)}${tail === "" ? "" : `.${tail}`}`;
}

export const isShortened = (text: string): boolean => shortDecimal(text) !== text;
