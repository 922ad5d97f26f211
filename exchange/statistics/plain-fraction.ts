/** Fractions of the comparison figure and their decimal text, apart from the decoder's on purpose (see plain.ts). */

export interface Fraction {
  readonly n: bigint;
  readonly d: bigint;
}

export function quotient(n: bigint, d: bigint): Fraction {
  let [a, b] = [n < 0n ? -n : n, d];
  while (b > 0n) [a, b] = [b, a % b];
  return a === 0n ? { n: 0n, d: 1n } : { n: n / a, d: d / a };
}

export function fraction(text: string): Fraction {
  const match = /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(text);
  if (match === null) throw new Error(`plain reader: ${JSON.stringify(text)} is not a decimal`);
  const digits = match[3] ?? "";
  const n = BigInt(match[2]! + digits);
  return quotient(match[1] === "-" ? -n : n, 10n ** BigInt(digits.length));
}

export const power = (exponent: number): Fraction =>
  exponent < 0 ? { n: 1n, d: 10n ** BigInt(-exponent) } : { n: 10n ** BigInt(exponent), d: 1n };
export const times = (a: Fraction, b: Fraction): Fraction => quotient(a.n * b.n, a.d * b.d);
export const minus = (a: Fraction, b: Fraction): Fraction => quotient(a.n * b.d - b.n * a.d, a.d * b.d);
export const less = (a: Fraction, b: Fraction): boolean => a.n * b.d < b.n * a.d;
export const mean = (values: readonly Fraction[]): Fraction => over(sum(values), quotient(BigInt(values.length), 1n));

export function over(a: Fraction, b: Fraction): Fraction {
  const n = a.n * b.d;
  const d = a.d * b.n;
  return d < 0n ? quotient(-n, -d) : quotient(n, d);
}

export const sum = (values: readonly Fraction[]): Fraction =>
  values.reduce((total, value) => quotient(total.n * value.d + value.n * total.d, total.d * value.d), { n: 0n, d: 1n });

export function nearestEven({ n, d }: Fraction): bigint {
  const floor = n >= 0n ? n / d : -((-n + d - 1n) / d);
  const rest = n - floor * d;
  if (2n * rest === d) return floor % 2n === 0n ? floor : floor + 1n;
  return 2n * rest > d ? floor + 1n : floor;
}

/** Schoolbook long division, one digit at a time. */
export function print(value: Fraction, digits: number): string {
  const sign = value.n < 0n ? "-" : "";
  const top = value.n < 0n ? -value.n : value.n;
  const whole = String(top / value.d);
  let rest = top % value.d;
  let decimals = "";
  const shown = () => (whole + decimals).replace(/^0+/, "").length;
  while (rest > 0n && shown() <= digits) {
    decimals += String((rest * 10n) / value.d);
    rest = (rest * 10n) % value.d;
  }
  return sign + roundText(whole, decimals, rest > 0n, digits);
}

export function printRoot(value: Fraction, digits: number): string {
  let places = 0;
  // Enough places that floor(√(value · 100^places)) has more digits than are kept.
  while (value.n * 100n ** BigInt(places) < value.d * 100n ** BigInt(digits + 1) && value.n > 0n) places++;
  const scaled = value.n * 100n ** BigInt(places);
  let [low, high] = [0n, 1n];
  while (high * high * value.d <= scaled) high *= 2n;
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (middle * middle * value.d <= scaled) low = middle;
    else high = middle;
  }
  const text = String(low).padStart(places + 1, "0");
  const inexact = low * low * value.d !== scaled;
  return roundText(text.slice(0, text.length - places), text.slice(text.length - places), inexact, digits);
}

/** `more`: the number goes on after these decimals. Half to even; a short exact decimal is left as it is. */
function roundText(whole: string, decimals: string, more: boolean, digits: number): string {
  const kept = more ? decimals : decimals.replace(/0+$/, "");
  let value = BigInt(whole + kept);
  let places = kept.length;
  const length = String(value).length;
  const short = !more && (places === 0 ? String(value).replace(/0+$/, "").length : length) <= digits;
  if (!short && length > digits) {
    const unit = 10n ** BigInt(length - digits);
    const twice = 2n * (value % unit);
    value /= unit;
    if (twice > unit || (twice === unit && (more || value % 2n === 1n))) value += 1n;
    places -= length - digits;
  }
  if (places <= 0) return String(value * 10n ** BigInt(-places));
  const padded = String(value).padStart(places + 1, "0");
  const fractional = padded.slice(-places).replace(/0+$/, "");
  return padded.slice(0, -places) + (fractional === "" ? "" : `.${fractional}`);
}
