/**
 * SEAL's serialised objects, as far as others' bytes go: everything but the coefficients is the same for all of one
 * parameter set, so it is compared, not parsed, and every coefficient is looked at, before the library sees a byte.
 * Layout: native/src/seal/serialization.h and ciphertext.cpp of SEAL 4.1.
 */
import { Buffer } from "node:buffer";
import type { MainModule } from "node-seal";
import { HeError } from "./errors.ts";

/** The library, which is handed in. */
export type Seal = MainModule;

export const PREFIX_BYTES = 113;
/** Of a plaintext, and of a secret key. */
export const PLAINTEXT_PREFIX_BYTES = 88;
const VERSION = [4, 1] as const;

/** In the order in which they stand; all integers little-endian. */
const FIELDS = [
  { name: "magic", end: 2 },
  { name: "header size", end: 3 },
  { name: "version", end: 5 },
  { name: "compression", end: 6 },
  { name: "reserved", end: 8 },
  { name: "size", end: 16 },
  { name: "parameters", end: 48 },
  { name: "form", end: 49 },
  { name: "polynomials", end: 57 },
  { name: "degree", end: 65 },
  { name: "moduli", end: 73 },
  { name: "scale", end: 81 },
  { name: "correction factor", end: 89 },
  { name: "header of coefficients", end: 105 },
  { name: "number of coefficients", end: PREFIX_BYTES },
] as const;

/** Of an object of two polynomials. */
export interface BlobForm {
  readonly parmsId: string;
  readonly degree: number;
  /** A polynomial has its coefficients modulo each of them, one after another. */
  readonly moduli: readonly bigint[];
  readonly isNtt: boolean;
}

const coefficientCount = ({ degree, moduli }: Pick<BlobForm, "degree" | "moduli">): number =>
  2 * degree * moduli.length;

export const formBytes = (form: Pick<BlobForm, "degree" | "moduli">): number =>
  PREFIX_BYTES + 8 * coefficientCount(form);

function writeHeader(view: DataView, at: number, size: number): void {
  view.setUint16(at, 0xa15e, true);
  view.setUint8(at + 2, 16);
  view.setUint8(at + 3, VERSION[0]);
  view.setUint8(at + 4, VERSION[1]);
  view.setBigUint64(at + 8, BigInt(size), true);
}

export function prefixOf(form: BlobForm): Uint8Array {
  const bytes = new Uint8Array(PREFIX_BYTES);
  const view = new DataView(bytes.buffer);
  writeHeader(view, 0, formBytes(form));
  bytes.set(Buffer.from(form.parmsId, "hex"), 16);
  view.setUint8(48, form.isNtt ? 1 : 0);
  [2, form.degree, form.moduli.length].forEach((value, i) => {
    view.setBigUint64(49 + 8 * i, BigInt(value), true);
  });
  view.setFloat64(73, 1, true);
  view.setBigUint64(81, 1n, true);
  writeHeader(view, 89, 24 + 8 * coefficientCount(form));
  view.setBigUint64(105, BigInt(coefficientCount(form)), true);
  return bytes;
}

/** Low and high half of each coefficient. They stand at an odd offset: a copy is quicker to read than single bytes. */
const halvesOf = (coefficients: Uint8Array): Uint32Array => new Uint32Array(new Uint8Array(coefficients).buffer);

type Kind = "ciphertext" | "public key";
const prefixes = new WeakMap<BlobForm, Uint8Array>();

/** Throws ERR_HE_BLOB naming the first wrong field. `name`: of the parameters. */
export function assertForm(form: BlobForm, kind: Kind, name: string, bytes: Uint8Array): void {
  const refuse = (what: string): never => {
    throw new HeError("ERR_HE_BLOB", `${kind}: ${what}`);
  };
  if (bytes.length !== formBytes(form)) refuse(`wanted ${formBytes(form)} bytes, got ${bytes.length}`);
  const prefix = prefixes.get(form) ?? prefixOf(form);
  prefixes.set(form, prefix);
  for (let at = 0; at < PREFIX_BYTES; at++) {
    if (bytes[at] === prefix[at]) continue;
    refuse(`${FIELDS.find(({ end }) => at < end)!.name}: not that of ${name}`);
  }
  assertReduced(form, kind, bytes.subarray(PREFIX_BYTES));
  // Without its second polynomial a ciphertext is a plaintext that everyone can read.
  if (bytes.subarray(PREFIX_BYTES + (bytes.length - PREFIX_BYTES) / 2).every((byte) => byte === 0)) {
    refuse("its second polynomial is zero");
  }
}

/** Whole polynomials, each modulo one prime after another. Throws ERR_HE_BLOB. */
export function assertReduced(
  { degree, moduli }: Pick<BlobForm, "degree" | "moduli">,
  kind: Kind,
  coefficients: Uint8Array,
): void {
  const halves = halvesOf(coefficients);
  for (let at = 0, part = 0; at < halves.length; part++) {
    const modulus = moduli[part % moduli.length]!;
    const highest = Number(modulus >> 32n);
    const lowest = Number(modulus & 0xffffffffn);
    for (const end = at + 2 * degree; at < end; at += 2) {
      const high = halves[at + 1]!;
      if (high > highest || (high === highest && halves[at]! >= lowest)) {
        throw new HeError("ERR_HE_BLOB", `${kind}: a coefficient is not below its modulus`);
      }
    }
  }
}

/** What SEAL loads as a plaintext with these coefficients: always all of them, so that its length tells nothing. */
export function plaintextBlob(coefficients: BigUint64Array): Uint8Array {
  const bytes = new Uint8Array(PLAINTEXT_PREFIX_BYTES + coefficients.byteLength);
  const view = new DataView(bytes.buffer);
  writeHeader(view, 0, bytes.length);
  view.setBigUint64(48, BigInt(coefficients.length), true);
  view.setFloat64(56, 1, true);
  writeHeader(view, 64, 24 + coefficients.byteLength);
  view.setBigUint64(80, BigInt(coefficients.length), true);
  bytes.set(
    new Uint8Array(coefficients.buffer, coefficients.byteOffset, coefficients.byteLength),
    PLAINTEXT_PREFIX_BYTES,
  );
  return bytes;
}

/** Of a plaintext that the library itself has written; it leaves highest coefficients out that are zero. */
export function plaintextCoefficients({ degree }: { readonly degree: number }, bytes: Uint8Array): BigUint64Array {
  const coefficients = new BigUint64Array(degree);
  new Uint8Array(coefficients.buffer).set(bytes.subarray(PLAINTEXT_PREFIX_BYTES));
  return coefficients;
}
