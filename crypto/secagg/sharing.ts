/** Shamir 1979 over the prime field of 2^256 + 297, the smallest prime above 2^256, so that any 32 bytes fit. */
import { toBase64url } from "../suites/encoding.ts";

export const FIELD_PRIME = 2n ** 256n + 297n;
export const SHARE_BYTES = 33;

const modulo = (value: bigint, prime: bigint): bigint => ((value % prime) + prime) % prime;
const fromBytes = (bytes: Uint8Array): bigint =>
  bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
const toBytes = (value: bigint, length: number): Uint8Array =>
  new Uint8Array(Buffer.from(value.toString(16).padStart(2 * length, "0"), "hex"));

/** f(x) for coefficients in ascending order (Horner). A point is small: the sum is reduced only now and then. */
export function evaluatePolynomial(coefficients: readonly bigint[], x: bigint, prime: bigint): bigint {
  let sum = 0n;
  for (let i = coefficients.length - 1; i >= 0; i--) {
    sum = sum * x + coefficients[i]!;
    if (i % REDUCED_EVERY === 0) sum %= prime;
  }
  return sum;
}
const REDUCED_EVERY = 8;

function power(base: bigint, exponent: bigint, prime: bigint): bigint {
  let result = 1n;
  for (let b = modulo(base, prime), e = exponent; e > 0n; e >>= 1n, b = (b * b) % prime) {
    if (e & 1n) result = (result * b) % prime;
  }
  return result;
}

/** Lagrange coefficients at zero for distinct non-zero points. */
export function lagrangeAtZero(points: readonly number[], prime: bigint): bigint[] {
  if (new Set(points).size !== points.length || points.includes(0)) throw new RangeError("points: distinct, not zero");
  // Of c_i = Π x_j / Π (x_j − x_i) the numerator is Π x_j over all, divided by x_i.
  const all = points.reduce((product, point) => (product * BigInt(point)) % prime, 1n);
  const denominators = points.map((own) =>
    points.reduce(
      (product, other) => (other === own ? product : modulo(product * BigInt(other - own), prime)),
      BigInt(own),
    ),
  );
  return invertAll(denominators, prime).map((inverse) => (all * inverse) % prime);
}

/** Montgomery's trick: one inversion for all. */
function invertAll(values: readonly bigint[], prime: bigint): bigint[] {
  const products = [1n];
  for (const value of values) products.push((products.at(-1)! * value) % prime);
  let inverse = power(products.at(-1)!, prime - 2n, prime);
  const inverses: bigint[] = [];
  for (let i = values.length - 1; i >= 0; i--) {
    inverses[i] = (inverse * products[i]!) % prime;
    inverse = (inverse * values[i]!) % prime;
  }
  return inverses;
}

export const interpolateAtZero = (values: readonly bigint[], coefficients: readonly bigint[], prime: bigint): bigint =>
  values.reduce((sum, value, i) => (sum + value * coefficients[i]!) % prime, 0n);

/** Shares (33 bytes, big-endian) of a 32-byte secret at the points; any `threshold` of them give it back. */
export function shareSecret(
  secret: Uint8Array,
  threshold: number,
  points: readonly number[],
  random: (bytes: number) => Uint8Array,
): Uint8Array[] {
  if (secret.length !== 32) throw new RangeError(`secret: expected 32 bytes, got ${secret.length}`);
  // 48 bytes modulo a 257-bit prime: bias below 2^-127.
  const rest = Array.from({ length: threshold - 1 }, () => fromBytes(random(48)) % FIELD_PRIME);
  const coefficients = [fromBytes(secret), ...rest];
  return points.map((x) => toBytes(evaluatePolynomial(coefficients, BigInt(x), FIELD_PRIME), SHARE_BYTES));
}

/** The 32-byte secret as base64url; undefined where the shares interpolate to something longer. */
export function recoverSecret(
  shares: readonly { readonly point: number; readonly share: Uint8Array }[],
): string | undefined {
  const values = shares.map(({ share }) => fromBytes(share));
  if (values.some((value) => value >= FIELD_PRIME)) return undefined;
  const coefficients = lagrangeOnce(shares.map(({ point }) => point));
  const secret = interpolateAtZero(values, coefficients, FIELD_PRIME);
  return secret < 2n ** 256n ? toBase64url(toBytes(secret, 32)) : undefined;
}

// Coefficients depend on the holders alone, and most dealers are recovered from the same holders.
let latest: { readonly key: string; readonly coefficients: bigint[] } | undefined;
function lagrangeOnce(points: readonly number[]): bigint[] {
  const key = points.join();
  if (latest?.key !== key) latest = { key, coefficients: lagrangeAtZero(points, FIELD_PRIME) };
  return latest.coefficients;
}
