/**
 * Two functions of the OpenSSL that Node carries, called as they are (koffi): a power in the field of P-256 and a multiple of a
 * point, constant-time in the scalar. Through Node's own API a multiple costs twice as much, because it proves the key anew each
 * time (docs/decisions/130). A Node that doesn't export them, or a platform without koffi, takes that slower way.
 */
import { createECDH } from "node:crypto";
import type { LibraryHandle } from "koffi";

// FIPS 186-5 / SP 800-186 section 3.2.1.3.
export const P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
/** The root of `a` where it has one: P = 3 mod 4. */
const ROOT = (P + 1n) / 4n;
// NID_X9_62_prime256v1 of obj_mac.h, POINT_CONVERSION_COMPRESSED of ec.h.
const NID_P256 = 415;
const COMPRESSED = 2;

export interface P256 {
  /** A number whose square is `value` mod P, if any is. `value`: 0 to P - 1. */
  root(value: bigint): bigint;
  /**
   * x(key·point), 32 bytes, of each point: 33 bytes compressed or 65 uncompressed (SEC 1 section 2.3.3). Undefined in the
   * place of one that is not on the curve. `key`: 32 bytes, 1 to the order - 1.
   */
  multiples(key: Uint8Array, points: readonly Uint8Array[]): readonly (Uint8Array | undefined)[];
}

/** Through Node's API and big integers. */
export const slowP256: P256 = Object.freeze({
  root: (value: bigint) => power(value, ROOT),
  multiples(key: Uint8Array, points: readonly Uint8Array[]) {
    const ecdh = createECDH("prime256v1");
    ecdh.setPrivateKey(key);
    return points.map((point) => {
      try {
        return ecdh.computeSecret(point);
      } catch {
        return undefined;
      }
    });
  },
});

/** Undefined where koffi or a function is missing. */
export async function openSsl(): Promise<P256 | undefined> {
  let bound: Bound;
  try {
    const { default: koffi } = await import("koffi");
    bound = bind(koffi.load(null));
  } catch {
    return undefined;
  }
  return using(bound);
}

type Bound = ReturnType<typeof bind>;

const bind = (library: LibraryHandle) => ({
  bnOf: library.func("void *BN_bin2bn(const uint8_t *bytes, int length, void *into)"),
  bytesOf: library.func("int BN_bn2binpad(void *number, uint8_t *into, int length)"),
  newNumber: library.func("void *BN_new()"),
  clearErrors: library.func("void ERR_clear_error()"),
  clear: library.func("void BN_clear_free(void *number)"),
  newContext: library.func("void *BN_CTX_new()"),
  newMontgomery: library.func("void *BN_MONT_CTX_new()"),
  setMontgomery: library.func("int BN_MONT_CTX_set(void *montgomery, void *modulus, void *context)"),
  powerInto: library.func(
    "int BN_mod_exp_mont(void *into, void *base, void *exponent, void *modulus, void *context, void *montgomery)",
  ),
  newGroup: library.func("void *EC_GROUP_new_by_curve_name(int nid)"),
  newPoint: library.func("void *EC_POINT_new(void *group)"),
  readPoint: library.func(
    "int EC_POINT_oct2point(void *group, void *into, const uint8_t *bytes, size_t length, void *context)",
  ),
  writePoint: library.func(
    "size_t EC_POINT_point2oct(void *group, void *point, int form, uint8_t *into, size_t length, void *context)",
  ),
  multiply: library.func(
    "int EC_POINT_mul(void *group, void *into, void *times, void *point, void *scalar, void *context)",
  ),
});

function using(openssl: Bound): P256 {
  const { bnOf, bytesOf, clear, powerInto, readPoint, writePoint, multiply } = openssl;
  const context = openssl.newContext();
  const modulus = bnOf(bigEndian(P), 32, null);
  const exponent = bnOf(bigEndian(ROOT), 32, null);
  const montgomery = openssl.newMontgomery();
  openssl.setMontgomery(montgomery, modulus, context);
  const group = openssl.newGroup(NID_P256);
  const [number, point] = [openssl.newNumber(), openssl.newPoint(group)];
  const written = new Uint8Array(33);

  return Object.freeze({
    root(value: bigint) {
      bnOf(bigEndian(value), 32, number);
      expectOne(powerInto(number, number, exponent, modulus, context, montgomery));
      bytesOf(number, written, 32);
      return BigInt(`0x${Buffer.from(written.buffer, 0, 32).toString("hex")}`);
    },
    multiples(key: Uint8Array, points: readonly Uint8Array[]) {
      const scalar = bnOf(key, key.length, null);
      try {
        return points.map((bytes) => {
          if (readPoint(group, point, bytes, bytes.length, context) !== 1) {
            // Or Node's next call of OpenSSL in this thread would find its reason.
            openssl.clearErrors();
            return undefined;
          }
          expectOne(multiply(group, point, null, point, scalar, context));
          const length = Number(writePoint(group, point, COMPRESSED, written, written.length, context));
          // The point at infinity is written, and read, as one byte.
          return length === written.length ? written.slice(1) : undefined;
        });
      } finally {
        clear(scalar);
      }
    },
  });
}

/** Whatever else they answer, on a point of the curve only memory can have been missing. */
function expectOne(answer: number): void {
  if (answer !== 1) throw new Error("OpenSSL is out of memory");
}

const bigEndian = (value: bigint): Uint8Array => Buffer.from(value.toString(16).padStart(64, "0"), "hex");

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let [square, rest] = [base % P, exponent]; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}

/** As fast as this machine can; loads a native module, so for workers. */
export const fastP256 = async (): Promise<P256> => (await openSsl()) ?? slowP256;
