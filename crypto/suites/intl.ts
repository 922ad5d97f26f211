/** Suite `intl`: Ed25519 (RFC 8032), X25519, HKDF-SHA-256, AES-256, native. Private keys are the 32-byte seeds. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { aesBoxes, hkdfSha256 } from "./boxes.ts";
import { toBase64url } from "./encoding.ts";
import { x25519 } from "./x25519.ts";

// RFC 8410 section 7: the fixed PKCS#8 prefix of an Ed25519 seed.
const PKCS8_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");
const PUBLIC_KEY_CACHE_SIZE = 4096;
const publicKeys = new Map<string, KeyObject>();

// Importing a private key costs twice as much as signing with it. Kept as long as its owner keeps the seed, and only
// for the seed it was made of: a buffer may be wiped or filled anew.
const privateKeys = new WeakMap<Uint8Array, KnownKey>();

interface KnownKey {
  readonly seed: Uint8Array;
  readonly key: KeyObject;
  publicKey?: Uint8Array;
}

function knownKey(seed: Uint8Array): KnownKey {
  const known = privateKeys.get(seed);
  if (known !== undefined && Buffer.compare(known.seed, seed) === 0) return known;
  if (seed.length !== 32) throw new RangeError(`private key: expected 32 bytes, got ${seed.length}`);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seed]), format: "der", type: "pkcs8" });
  const made: KnownKey = { seed: Uint8Array.from(seed), key };
  privateKeys.set(seed, made);
  return made;
}

// Importing a key costs as much as verifying with it, so parsed public keys are kept.
function publicKeyObject(raw: Uint8Array): KeyObject {
  const x = toBase64url(raw);
  let key = publicKeys.get(x);
  if (key === undefined) {
    key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    if (publicKeys.size >= PUBLIC_KEY_CACHE_SIZE) publicKeys.clear();
    publicKeys.set(x, key);
  }
  return key;
}

const publicPart = (key: KeyObject): Uint8Array =>
  new Uint8Array(Buffer.from(createPublicKey(key).export({ format: "jwk" }).x ?? "", "base64url"));

export const intl = Object.freeze({
  id: "intl",
  publicKeyBytes: 32,
  // RFC 8037.
  jwsAlgorithm: "EdDSA",
  publicKeyJwk: (publicKey: Uint8Array) => ({ kty: "OKP", crv: "Ed25519", x: toBase64url(publicKey) }),
  keyPair(seed: Uint8Array) {
    const known = knownKey(seed);
    known.publicKey ??= publicPart(known.key);
    return { publicKey: Uint8Array.from(known.publicKey), privateKey: Uint8Array.from(seed) };
  },
  sign: (privateKey: Uint8Array, message: Uint8Array) => new Uint8Array(sign(null, message, knownKey(privateKey).key)),
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) {
    if (publicKey.length !== 32 || signature.length !== 64) return false;
    try {
      return verify(null, message, publicKeyObject(publicKey), signature);
    } catch {
      return false;
    }
  },
  async verifyAhead(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) {
    if (publicKey.length !== 32 || signature.length !== 64) return false;
    try {
      const key = publicKeyObject(publicKey);
      return await new Promise<boolean>((resolve) => {
        verify(null, message, key, signature, (error, valid) => resolve(error ? false : valid));
      });
    } catch {
      return false;
    }
  },
  agreement: x25519,
  boxes: aesBoxes,
  maskKey: hkdfSha256,
});
