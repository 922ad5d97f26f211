/**
 * hash_to_curve of RFC 9380, suite P256_XMD:SHA-256_SSWU_RO_, for many messages at once: powers are OpenSSL's, one for each of
 * the two maps, and inversions are shared by the whole batch. Time depends on the messages: these are the caller's own, see
 * docs/decisions/130.
 */
import { hash } from "node:crypto";
import { PsiError } from "./errors.ts";
import { P, type P256, slowP256 } from "./openssl-p256.ts";

// SP 800-186 section 3.2.1.3.
const A = P - 3n;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
// RFC 9380 section 8.2.
const Z = P - 10n;
const MINUS_B_OVER_A = mod(-B * invert(A));
const B_OVER_ZA = mod(B * invert(mod(Z * A)));
/** Squared: -Z^3, a square as neither Z nor -1 is one. */
const ROOT_OF_MINUS_Z_CUBED = slowP256.root(mod(-Z * mod(Z * Z)));

const ZERO_BLOCK = Buffer.alloc(64);
/** L = 48 bytes for each of two field elements (RFC 9380 section 8.2). */
const EXPANDED = Uint8Array.of(0, 96, 0);

/** Uncompressed points, 65 bytes each (SEC 1 section 2.3.3). `dst`: 1 to 255 bytes. */
export function hashToCurve(messages: readonly Uint8Array[], dst: Uint8Array, curve: P256): readonly Uint8Array[] {
  if (dst.length < 1 || dst.length > 255) throw new RangeError(`dst: expected 1 to 255 bytes, got ${dst.length}`);
  const tag = Buffer.concat([dst, Uint8Array.of(dst.length)]);
  const points = mapToCurve(
    messages.flatMap((message) => hashToField(message, tag)),
    curve,
  );
  const differences = messages.map((_, i) => mod(points[2 * i + 1]!.x - points[2 * i]!.x));
  // Equal x is as likely as a collision of the hash.
  if (differences.includes(0n)) throw new PsiError("ERR_PSI_INPUT", "items: one has no point");
  const inverses = invertAll(differences);
  return inverses.map((inverse, i) => sum(points[2 * i]!, points[2 * i + 1]!, inverse));
}

interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

/** Affine addition of points with different x. */
function sum(p: Point, q: Point, inverse: bigint): Uint8Array {
  const slope = mod((q.y - p.y) * inverse);
  const x = mod(slope * slope - p.x - q.x);
  const y = mod(slope * (p.x - x) - p.y);
  return Buffer.from(`04${hexOf(x)}${hexOf(y)}`, "hex");
}

/** Simplified SWU (RFC 9380 section 6.6.2) of each field element. */
export function mapToCurve(elements: readonly bigint[], curve: P256): readonly Point[] {
  const squares = elements.map((u) => mod(Z * mod(u * u)));
  const inverses = invertAll(squares.map((zuu) => mod(zuu * zuu + zuu)));
  return elements.map((u, i) => {
    const zuu = squares[i]!;
    const inverse = inverses[i]!;
    const x1 = inverse === 0n ? B_OVER_ZA : mod(MINUS_B_OVER_A * (1n + inverse));
    const right = mod(x1 * mod(x1 * x1 + A) + B);
    const root = curve.root(right);
    const isSquare = mod(root * root) === right;
    // Of no square the power is a root of its negative, which leads to one of g(x2) = (Zu^2)^3 g(x1) (appendix F.2.1.2).
    const x = isSquare ? x1 : mod(zuu * x1);
    const y = isSquare ? root : mod(root * mod(u * mod(u * mod(u * ROOT_OF_MINUS_Z_CUBED))));
    // The parity of y is that of u: step 9 of the section.
    return { x, y: (y & 1n) === (u & 1n) ? y : P - y };
  });
}

/** expand_message_xmd (section 5.3.1) to 96 bytes, as two field elements (section 5.2). `tag`: DST_prime. */
function hashToField(message: Uint8Array, tag: Uint8Array): readonly [bigint, bigint] {
  const b0 = hash("sha256", Buffer.concat([ZERO_BLOCK, message, EXPANDED, tag]), "buffer");
  const input = Buffer.concat([b0, Uint8Array.of(1), tag]);
  const b1 = hash("sha256", input, "buffer");
  const b2 = hash("sha256", nextInput(input, b0, b1, 2), "buffer");
  const b3 = hash("sha256", nextInput(input, b0, b2, 3), "buffer");
  const text = b1.toString("hex") + b2.toString("hex") + b3.toString("hex");
  return [BigInt(`0x${text.slice(0, 96)}`) % P, BigInt(`0x${text.slice(96)}`) % P];
}

function nextInput(input: Uint8Array, b0: Uint8Array, previous: Uint8Array, count: number): Uint8Array {
  for (let i = 0; i < 32; i++) input[i] = b0[i]! ^ previous[i]!;
  input[32] = count;
  return input;
}

function mod(value: bigint): bigint {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}

export const hexOf = (value: bigint): string => value.toString(16).padStart(64, "0");

/** Montgomery's trick: one inversion and three products for each. inv0 of section 4: zero stays zero. */
function invertAll(values: readonly bigint[]): bigint[] {
  const products: bigint[] = [];
  let product = 1n;
  for (const value of values) {
    products.push(product);
    if (value !== 0n) product = mod(product * value);
  }
  let inverse = invert(product);
  const inverses = new Array<bigint>(values.length);
  for (let i = values.length - 1; i >= 0; i--) {
    const value = values[i]!;
    inverses[i] = value === 0n ? 0n : mod(inverse * products[i]!);
    if (value !== 0n) inverse = mod(inverse * value);
  }
  return inverses;
}

/** Extended Euclid; `value` is not zero. */
function invert(value: bigint): bigint {
  let [a, b, x, y] = [mod(value), P, 1n, 0n];
  while (a !== 0n) {
    const quotient = b / a;
    [a, b] = [b - quotient * a, a];
    [x, y] = [y - quotient * x, x];
  }
  return mod(y);
}
