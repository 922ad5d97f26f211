import { zstdCompressSync } from "node:zlib";
import initialize from "node-seal";
import { expect, test } from "vitest";
import { assertForm, type BlobForm, formBytes } from "./blobs.ts";

const seal = await initialize();
/** One prime of 60 bits: blobs of 64 KiB. */
const NAME = "bfv-4096-60-36";
const MODULUS = 0xfffffffffffc001n;
const CIPHERTEXT: BlobForm = {
  parmsId: "3debe74cc46e98943c128a2b93b6d63880d5c6d9f9fd851e4ac1780bce1a3dbb",
  degree: 4096,
  moduli: [MODULUS],
  isNtt: false,
};
const KEY: BlobForm = { ...CIPHERTEXT, isNtt: true };
const assertCiphertext = (bytes: Uint8Array) => assertForm(CIPHERTEXT, "ciphertext", NAME, bytes);
const assertPublicKey = (form: BlobForm, bytes: Uint8Array) => assertForm(form, "public key", NAME, bytes);
const others = forms();
const { fresh: good, publicKey } = others;
const changed = (change: (view: DataView) => void, bytes = good): Uint8Array => {
  const copy = bytes.slice();
  change(new DataView(copy.buffer));
  return copy;
};

test("a ciphertext and a key of the library pass", () => {
  assertCiphertext(good);
  assertPublicKey(KEY, publicKey);
  // A view of memory that holds other things too.
  assertCiphertext(Buffer.from([1, ...good]).subarray(1));
});

/** The library's own, in its other forms. */
function forms() {
  using parameters = new seal.EncryptionParameters(seal.SchemeType.bfv);
  parameters.setPolyModulusDegree(4096);
  parameters.setCoeffModulus(seal.CoeffModulus.Create(4096, Int32Array.of(60)));
  parameters.setPlainModulus(new seal.Modulus(1n << 36n));
  using context = new seal.SEALContext(parameters, true, seal.SecLevelType.tc128);
  using generator = new seal.KeyGenerator(context);
  using publicKey = generator.createPublicKey();
  using secretKey = generator.secretKey();
  using encryptor = new seal.Encryptor(context, publicKey, secretKey);
  using evaluator = new seal.Evaluator(context);
  using plain = new seal.Plaintext(4096);
  using seeded = encryptor.encryptSymmetricSerializable(plain);
  using fresh = new seal.Ciphertext();
  encryptor.encryptZero(fresh);
  const { none, zlib, zstd } = seal.ComprModeType;
  const compressed = { zlib: fresh.saveToArray(zlib) as Uint8Array, zstd: fresh.saveToArray(zstd) as Uint8Array };
  using product = new seal.Ciphertext();
  evaluator.multiply(fresh, fresh, product);
  return {
    fresh: fresh.saveToArray(none) as Uint8Array,
    publicKey: publicKey.saveToArray(none) as Uint8Array,
    seeded: seeded.saveToArray(none) as Uint8Array,
    threeParts: product.saveToArray(none) as Uint8Array,
    ...compressed,
  };
}
/** A frame that claims to be this ciphertext and unpacks to a thousand times as much. */
function bomb(): Uint8Array {
  const packed = zstdCompressSync(new Uint8Array(64 * 2 ** 20));
  const bytes = new Uint8Array(16 + packed.length);
  bytes.set(good.subarray(0, 16));
  bytes.set(packed, 16);
  const view = new DataView(bytes.buffer);
  view.setUint8(5, 2);
  view.setBigUint64(8, BigInt(bytes.length), true);
  return bytes;
}

test.each<readonly [string, Uint8Array, RegExp]>([
  ["nothing at all", new Uint8Array(0), /wanted 65649 bytes, got 0/],
  ["truncated", good.subarray(0, -1), /wanted 65649 bytes, got 65648/],
  ["with a byte more", Uint8Array.of(...good, 0), /wanted 65649 bytes, got 65650/],
  ["seeded", others.seeded, /wanted 65649 bytes/],
  ["of three polynomials", others.threeParts, /wanted 65649 bytes/],
  ["compressed (zlib)", others.zlib, /wanted 65649 bytes/],
  ["compressed (zstd)", others.zstd, /wanted 65649 bytes/],
  ["a compressed bomb", bomb(), /wanted 65649 bytes/],
  ["said to be compressed", changed((view) => view.setUint8(5, 2)), /compression: not that of/],
  ["of another kind of file", changed((view) => view.setUint8(0, 0)), /magic: not that of/],
  ["of an older library", changed((view) => view.setUint8(3, 3)), /version: not that of/],
  ["with another header size", changed((view) => view.setUint8(2, 17)), /header size: not that of/],
  ["with something reserved", changed((view) => view.setUint8(7, 1)), /reserved: not that of/],
  [
    "that says it is longer",
    changed((view) => view.setBigUint64(8, 2n ** 40n, true)),
    /^ciphertext: size: not that of/,
  ],
  ["of other parameters", changed((view) => view.setUint8(16, view.getUint8(16) ^ 1)), /parameters: not that of/],
  ["in the other form", changed((view) => view.setUint8(48, 1)), /form: not that of/],
  ["of more polynomials", changed((view) => view.setBigUint64(49, 3n, true)), /polynomials: not that of/],
  ["of another degree", changed((view) => view.setBigUint64(57, 2n ** 63n, true)), /degree: not that of/],
  ["of more moduli", changed((view) => view.setBigUint64(65, 2n, true)), /moduli: not that of/],
  ["with another scale", changed((view) => view.setFloat64(73, 2, true)), /scale: not that of/],
  ["with a correction factor", changed((view) => view.setBigUint64(81, 2n, true)), /correction factor: not that of/],
  [
    "with another inner size",
    changed((view) => view.setBigUint64(97, 0n, true)),
    /header of coefficients: not that of/,
  ],
  [
    "with another count",
    changed((view) => view.setBigUint64(105, 2n ** 61n, true)),
    /number of coefficients: not that of/,
  ],
  [
    "with a coefficient that is the modulus",
    changed((view) => view.setBigUint64(113, MODULUS, true)),
    /coefficient is not below/,
  ],
  [
    "with the largest coefficient",
    changed((view) => view.setBigUint64(65_641, 2n ** 64n - 1n, true)),
    /coefficient is not below/,
  ],
  [
    "transparent",
    Uint8Array.from([...good.subarray(0, 113 + 8 * 4096), ...new Uint8Array(8 * 4096)]),
    /second polynomial is zero/,
  ],
])("a ciphertext %s is refused", (_, bytes, message) => {
  expect(() => assertCiphertext(bytes)).toThrow(expect.objectContaining({ code: "ERR_HE_BLOB" }));
  expect(() => assertCiphertext(bytes)).toThrow(message);
});

test("a ciphertext is no key, and neither is one of other parameters", () => {
  expect(() => assertPublicKey(KEY, good)).toThrow(/public key: form/);
  const other = { ...KEY, parmsId: `00${KEY.parmsId.slice(2)}` };
  expect(() => assertPublicKey(other, publicKey)).toThrow(/public key: parameters/);
});

test("one coefficient below the modulus passes", () => {
  assertCiphertext(changed((view) => view.setBigUint64(113, MODULUS - 1n, true)));
  expect(good.length).toBe(formBytes(CIPHERTEXT));
});
