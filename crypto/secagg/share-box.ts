/** One sealed box of four shares from a dealer to a holder: X25519, HKDF-SHA-256, AES-256-GCM (kind `seal`). */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import { concat, fromBase64url, toBase64url } from "../suites/encoding.ts";
import { type KeyUse, keyInfo } from "./context.ts";
import { SecaggError } from "./errors.ts";
import { deriveKey } from "./masks.ts";
import { SHARE_BYTES } from "./sharing.ts";
import { sharedSecret } from "./x25519.ts";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Order of the four sharings in boxes and leaves. */
export const SHARINGS = ["pair1", "self1", "pair2", "self2"] as const;
export type Sharing = (typeof SHARINGS)[number];
export type FourShares = Readonly<Record<Sharing, Uint8Array>>;

/** The bytes it is made from are gone at once; the object overwrites its own when it is collected. */
function boxKey(ownKey: string, theirKey: string, use: KeyUse): KeyObject {
  const bytes = deriveKey(sharedSecret(ownKey, theirKey), use);
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}

/** `use.ids` is dealer, holder; `nonce` is 12 random bytes. */
export function sealShares(
  ownKey: string,
  theirKey: string,
  use: KeyUse,
  shares: FourShares,
  nonce: Uint8Array,
): string {
  const key = boxKey(ownKey, theirKey, use);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(keyInfo(use));
  const body = cipher.update(concat(...SHARINGS.map((kind) => shares[kind])));
  cipher.final();
  return toBase64url(concat(nonce, body, cipher.getAuthTag()));
}

/** Throws ERR_SECAGG_AUTHENTICITY for a box that was not sealed for exactly this use. */
export function openShares(ownKey: string, theirKey: string, use: KeyUse, box: string): FourShares {
  try {
    const bytes = fromBase64url(box, "box", NONCE_BYTES + SHARINGS.length * SHARE_BYTES + TAG_BYTES);
    const key = boxKey(ownKey, theirKey, use);
    const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(keyInfo(use));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    const body = new Uint8Array(decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)));
    decipher.final();
    const at = (i: number) => body.slice(i * SHARE_BYTES, (i + 1) * SHARE_BYTES);
    return { pair1: at(0), self1: at(1), pair2: at(2), self2: at(3) };
  } catch (cause) {
    throw new SecaggError("ERR_SECAGG_AUTHENTICITY", `box of ${use.ids[0]}: does not open`, { cause });
  }
}
