/**
 * Suite `gm`: SM2 with SM3 (GB/T 32918, 32905) and SM4 (GB/T 32907). SM3 and SM4 are OpenSSL's; SM2 is reckoned over
 * @noble/curves, because node:crypto's signs with an empty id or not SM2 at all. Private keys are 32-byte seeds.
 */
import { hash } from "node:crypto";
import { sm4Boxes } from "./boxes.ts";
import { toBase64url } from "./encoding.ts";
import { sm2Agreement } from "./sm2-agreement.ts";
import { coordinatesOf, identityHash, POINT_BYTES, pointOf, publicPoint, scalarOf } from "./sm2-curve.ts";
import { signSm2, verifySm2 } from "./sm2-signature.ts";
import { hkdfSm3 } from "./sm3.ts";

interface SigningKey {
  readonly seed: Uint8Array;
  readonly scalar: bigint;
  readonly identity: Uint8Array;
  readonly publicKey: Uint8Array;
}

// As long as its owner keeps the seed, and only for the seed it was made of: a buffer may be wiped or filled anew.
const signingKeys = new WeakMap<Uint8Array, SigningKey>();

function signingKey(seed: Uint8Array): SigningKey {
  const known = signingKeys.get(seed);
  if (known !== undefined && Buffer.compare(known.seed, seed) === 0) return known;
  if (seed.length !== 32) throw new RangeError(`private key: expected 32 bytes, got ${seed.length}`);
  const scalar = scalarOf(seed, "sealane/sm2-signature/v1");
  const point = publicPoint(scalar);
  const made: SigningKey = {
    seed: Uint8Array.from(seed),
    scalar,
    identity: identityHash(point),
    publicKey: point.toBytes(true),
  };
  signingKeys.set(seed, made);
  return made;
}

const MASK_KEY_BYTES = 16;
const REMEMBERED = 16_384;
const verified = new Set<string>();

/**
 * A verification takes milliseconds and the same statement is met again, in the ledger's records, with repetitions and in
 * other roles: valid ones are remembered by all that the answer depends on. Lengths are fixed, so the name is unambiguous.
 */
function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== POINT_BYTES || signature.length !== 64) return false;
  const name = hash("sha256", Buffer.concat([publicKey, signature, message]), "base64url");
  if (verified.has(name)) return true;
  try {
    if (!verifySm2(publicKey, message, signature)) return false;
  } catch {
    return false;
  }
  if (verified.size >= REMEMBERED) verified.clear();
  verified.add(name);
  return true;
}

export const gm = Object.freeze({
  id: "gm",
  publicKeyBytes: POINT_BYTES,
  // Nobody registered names for SM2 with JOSE: these two are ours.
  jwsAlgorithm: "SM2-SM3",
  publicKeyJwk(publicKey: Uint8Array) {
    const { x, y } = coordinatesOf(pointOf(publicKey));
    return { kty: "EC", crv: "SM2", x: toBase64url(x), y: toBase64url(y) };
  },
  keyPair: (seed: Uint8Array) => ({
    publicKey: Uint8Array.from(signingKey(seed).publicKey),
    privateKey: Uint8Array.from(seed),
  }),
  sign(privateKey: Uint8Array, message: Uint8Array) {
    const { scalar, identity } = signingKey(privateKey);
    return signSm2(scalar, identity, message);
  },
  verify,
  async verifyAhead(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) {
    // There is no other thread that has SM2; between two of them others get their turn.
    await new Promise((resolve) => setImmediate(resolve));
    return verify(publicKey, message, signature);
  },
  agreement: sm2Agreement,
  boxes: sm4Boxes,
  maskKey: (secret: Uint8Array, info: Uint8Array) => hkdfSm3(secret, info, MASK_KEY_BYTES),
});
