/** Exact rationals, and their one rounding to decimal text. */

export interface Rational {
  readonly numerator: bigint;
  /** Positive. */
  readonly denominator: bigint;
}

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);

function gcd(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return magnitude(a);
}

/** Lowest terms. Throws RangeError on a zero denominator: callers decide first what an undefined figure is called. */
export function rational(numerator: bigint, denominator = 1n): Rational {
  if (denominator === 0n) throw new RangeError("zero denominator");
  const divisor = gcd(numerator, denominator) * (denominator < 0n ? -1n : 1n);
  return { numerator: numerator / divisor, denominator: denominator / divisor };
}

export const add = (a: Rational, b: Rational): Rational =>
  rational(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator);
export const multiply = (a: Rational, b: Rational): Rational =>
  rational(a.numerator * b.numerator, a.denominator * b.denominator);
export const divide = (a: Rational, b: Rational): Rational =>
  rational(a.numerator * b.denominator, a.denominator * b.numerator);
/** Every digit of a finite decimal; undefined where the expansion does not end. */
export function exactDecimal(value: Rational): string | undefined {
  let rest = value.denominator;
  let twos = 0;
  let fives = 0;
  for (; rest % 2n === 0n; rest /= 2n) twos++;
  for (; rest % 5n === 0n; rest /= 5n) fives++;
  if (rest !== 1n) return undefined;
  const places = Math.max(twos, fives);
  return placePoint((value.numerator * 10n ** BigInt(places)) / value.denominator, places);
}

/** A finite decimal of at most `digits` significant digits as it is; anything else rounded once, half to even. */
export function roundedDecimal(value: Rational, digits: number): string {
  const exact = exactDecimal(value);
  if (exact !== undefined && significantDigits(exact) <= digits) return exact;
  const places = decimalPlaces(value, digits);
  const scaled = scaleBy(value, places);
  return placePoint(divideHalfEven(scaled.numerator, scaled.denominator), places);
}

/** √value, correctly rounded half to even; exact where the root is a short decimal. */
export function squareRootDecimal(value: Rational, digits: number): string {
  if (value.numerator < 0n) throw new RangeError("square root of a negative number");
  if (value.numerator === 0n) return "0";
  const top = integerRoot(value.numerator);
  const bottom = integerRoot(value.denominator);
  if (top * top === value.numerator && bottom * bottom === value.denominator) {
    return roundedDecimal(rational(top, bottom), digits);
  }
  // Irrational: no ties, so the floor of one guarded root decides. Two guard digits keep `digits` exact.
  const places = decimalPlaces(
    rational(integerRoot(value.numerator * 10n ** 40n), integerRoot(value.denominator * 10n ** 40n)),
    digits,
  );
  const scaled = scaleBy(value, 2 * places);
  // round(√x) = floor((√(4x) + 1) / 2)
  const rounded = (integerRoot((4n * scaled.numerator) / scaled.denominator) + 1n) / 2n;
  return placePoint(rounded, places);
}

/** Floor of the square root, by Newton's iteration from above. */
export function integerRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  const negative = numerator < 0n;
  const top = magnitude(numerator);
  let quotient = top / denominator;
  const twice = 2n * (top - quotient * denominator);
  if (twice > denominator || (twice === denominator && quotient % 2n === 1n)) quotient += 1n;
  return negative ? -quotient : quotient;
}

const scaleBy = (value: Rational, places: number): Rational =>
  places >= 0
    ? { numerator: value.numerator * 10n ** BigInt(places), denominator: value.denominator }
    : { numerator: value.numerator, denominator: value.denominator * 10n ** BigInt(-places) };

/** Places after the point at which `value` shows `digits` significant digits. */
function decimalPlaces(value: Rational, digits: number): number {
  const absolute = { numerator: magnitude(value.numerator), denominator: value.denominator };
  // Exponent of the leading digit, from the lengths, then corrected by comparison.
  let exponent = absolute.numerator.toString().length - absolute.denominator.toString().length;
  const { numerator, denominator } = scaleBy(absolute, -exponent);
  if (numerator < denominator) exponent -= 1;
  return digits - 1 - exponent;
}

function placePoint(value: bigint, places: number): string {
  if (places <= 0) return (value * 10n ** BigInt(-places)).toString();
  const digits = magnitude(value)
    .toString()
    .padStart(places + 1, "0");
  const fraction = digits.slice(-places).replace(/0+$/, "");
  const text = digits.slice(0, -places) + (fraction === "" ? "" : `.${fraction}`);
  return value < 0n && text !== "0" ? `-${text}` : text;
}

const significantDigits = (decimal: string): number =>
  Math.max(
    decimal
      .replace(/[-.]/g, "")
      .replace(/^0+/, "")
      .replace(decimal.includes(".") ? /$^/ : /0+$/, "").length,
    1,
  );
