/**
 * X-Wing (draft-connolly-cfrg-xwing-kem; Barbosa et al., IACR ePrint 2024/039): X25519 and ML-KEM-768 as one key
 * encapsulation, safe while either of them is. A public key is ML-KEM's ‖ X25519's, a ciphertext likewise; both private
 * halves follow from 32 bytes.
 */
import { createHash, hash, randomBytes } from "node:crypto";
import { concat } from "./encoding.ts";
import { ML_KEM_CIPHERTEXT_BYTES, ML_KEM_KEY_BYTES, ML_KEM_SEED_BYTES, mlKem } from "./ml-kem.ts";
import { x25519 } from "./x25519.ts";

const X25519_BYTES = 32;
const SEED_BYTES = 32;
const KEY_BYTES = ML_KEM_KEY_BYTES + X25519_BYTES;
const CIPHERTEXT_BYTES = ML_KEM_CIPHERTEXT_BYTES + X25519_BYTES;

/** Section 5.3: `\./` and `/^\`. */
const LABEL = Buffer.from("5c2e2f2f5e5c", "hex");

const sized = (bytes: Uint8Array, length: number, label: string): Uint8Array => {
  if (bytes.length !== length) throw new RangeError(`${label}: expected ${length} bytes, got ${bytes.length}`);
  return bytes;
};
const halves = (publicKey: Uint8Array) => ({
  ofMlKem: sized(publicKey, KEY_BYTES, "public key").subarray(0, ML_KEM_KEY_BYTES),
  ofX25519: publicKey.subarray(ML_KEM_KEY_BYTES),
});

/** Section 5.2, expandDecapsulationKey. */
function expand(seed: Uint8Array) {
  sized(seed, SEED_BYTES, "private key");
  const outputLength = ML_KEM_SEED_BYTES + X25519_BYTES;
  const bytes = new Uint8Array(createHash("shake256", { outputLength }).update(seed).digest());
  return { ofMlKem: bytes.subarray(0, ML_KEM_SEED_BYTES), ofX25519: bytes.subarray(ML_KEM_SEED_BYTES) };
}

/** Section 5.3, Combiner: SHA3-256(ss_M ‖ ss_X ‖ ct_X ‖ pk_X ‖ label). */
const combine = (...parts: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array]): Uint8Array =>
  new Uint8Array(hash("sha3-256", concat(...parts, LABEL), "buffer"));

export interface Encapsulated {
  /** 32 bytes. */
  readonly secret: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export const xWing = Object.freeze({
  publicKeyBytes: KEY_BYTES,
  ciphertextBytes: CIPHERTEXT_BYTES,
  publicKeyOf(privateKey: Uint8Array): Uint8Array {
    const { ofMlKem, ofX25519 } = expand(privateKey);
    return concat(mlKem.publicKeyOf(ofMlKem), x25519.publicKeyOf(ofX25519));
  },
  /** Refuses what contributes nothing to a secret, and second encodings of a key. */
  assertUsable(publicKey: Uint8Array): void {
    const { ofMlKem, ofX25519 } = halves(publicKey);
    x25519.assertUsable(ofX25519);
    mlKem.assertUsable(ofMlKem);
  },
  encapsulate(publicKey: Uint8Array): Encapsulated {
    const { ofMlKem, ofX25519 } = halves(publicKey);
    // OpenSSL draws the other half's coins, so nothing here could be drawn by the caller.
    const fresh = new Uint8Array(randomBytes(X25519_BYTES));
    const point = x25519.publicKeyOf(fresh);
    const agreed = x25519.agreeing(fresh)(ofX25519);
    const { sharedKey, ciphertext } = mlKem.encapsulate(ofMlKem);
    fresh.fill(0);
    return { secret: combine(sharedKey, agreed, point, ofX25519), ciphertext: concat(ciphertext, point) };
  },
  /** The private key is read once. A ciphertext for another key gives a secret that nobody else has. */
  decapsulating(privateKey: Uint8Array): (ciphertext: Uint8Array) => Uint8Array {
    const { ofMlKem, ofX25519 } = expand(privateKey);
    const open = mlKem.decapsulating(ofMlKem);
    const agree = x25519.agreeing(ofX25519);
    const own = x25519.publicKeyOf(ofX25519);
    return (ciphertext) => {
      sized(ciphertext, CIPHERTEXT_BYTES, "ciphertext");
      const point = ciphertext.subarray(ML_KEM_CIPHERTEXT_BYTES);
      return combine(open(ciphertext.subarray(0, ML_KEM_CIPHERTEXT_BYTES)), agree(point), point, own);
    };
  },
  /** X25519 of the second halves: a secret that follows from published keys. */
  agreeing(privateKey: Uint8Array): (publicKey: Uint8Array) => Uint8Array {
    const agree = x25519.agreeing(expand(privateKey).ofX25519);
    return (publicKey) => agree(halves(publicKey).ofX25519);
  },
});
