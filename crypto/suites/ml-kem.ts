/** ML-KEM-768 (FIPS 203), OpenSSL's, over raw keys; a private key is the seed d ‖ z that both halves follow from. */
import { createPrivateKey, createPublicKey, decapsulate, encapsulate, type KeyObject } from "node:crypto";

export const ML_KEM_SEED_BYTES = 64;
export const ML_KEM_KEY_BYTES = 1184;
export const ML_KEM_CIPHERTEXT_BYTES = 1088;

// RFC 9935: SubjectPublicKeyInfo, and the form of a private key that is nothing but its seed.
const SPKI = Buffer.from("308204b2300b0609608648016503040402038204a100", "hex");
const PKCS8_SEED = Buffer.from("3054020100300b060960864801650304040204428040", "hex");

function publicKeyObject(raw: Uint8Array): KeyObject {
  if (raw.length !== ML_KEM_KEY_BYTES) {
    throw new RangeError(`ML-KEM key: expected ${ML_KEM_KEY_BYTES} bytes, got ${raw.length}`);
  }
  try {
    // OpenSSL makes the modulus check of FIPS 203 section 7.2: no key has a second encoding.
    return createPublicKey({ key: Buffer.concat([SPKI, raw]), format: "der", type: "spki" });
  } catch (cause) {
    throw new RangeError("ML-KEM key: coefficients out of range", { cause });
  }
}

function privateKeyObject(seed: Uint8Array): KeyObject {
  if (seed.length !== ML_KEM_SEED_BYTES) {
    throw new RangeError(`ML-KEM seed: expected ${ML_KEM_SEED_BYTES} bytes, got ${seed.length}`);
  }
  const der = Buffer.concat([PKCS8_SEED, seed]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  der.fill(0);
  return key;
}

export const mlKem = Object.freeze({
  publicKeyOf(seed: Uint8Array): Uint8Array {
    const spki = createPublicKey(privateKeyObject(seed)).export({ format: "der", type: "spki" });
    return new Uint8Array(spki.subarray(SPKI.length));
  },
  assertUsable: (publicKey: Uint8Array): void => void publicKeyObject(publicKey),
  /** OpenSSL draws the coins. */
  encapsulate: (publicKey: Uint8Array) => encapsulate(publicKeyObject(publicKey)),
  /** A ciphertext for another key gives a secret that nobody else has (section 6.3). Throws for one of another length. */
  decapsulating(seed: Uint8Array): (ciphertext: Uint8Array) => Uint8Array {
    const key = privateKeyObject(seed);
    return (ciphertext) => decapsulate(key, ciphertext);
  },
});
