/** Sealed boxes between two members as the suite seals, and that of four shares from a dealer to a holder (kind `seal`). */
import { concat, fromBase64url, toBase64url } from "../suites/encoding.ts";
import { suiteOf } from "../suites/suite.ts";
import { type KeyUse, keyInfo } from "./context.ts";
import { SecaggError } from "./errors.ts";
import { decapsulated, sharedSecret } from "./key-agreement.ts";
import { SHARE_BYTES } from "./sharing.ts";

/** Order of the four sharings in boxes and leaves. */
export const SHARINGS = ["pair1", "self1", "pair2", "self2"] as const;
export type Sharing = (typeof SHARINGS)[number];
export type FourShares = Readonly<Record<Sharing, Uint8Array>>;

/** Where the suite encapsulates, a ciphertext for `theirKey` stands before the box. `nonce` is 12 random bytes. */
export function sealBox(
  ownKey: string,
  theirKey: string,
  use: KeyUse,
  plain: Uint8Array,
  nonce: Uint8Array,
): Uint8Array {
  const { agreement, boxes, encapsulation } = suiteOf(use.suite);
  if (encapsulation === undefined) {
    return boxes.seal(sharedSecret(use.suite, ownKey, theirKey), keyInfo(use), plain, nonce);
  }
  const recipient = fromBase64url(theirKey, "public key", agreement.publicKeyBytes);
  const { secret, ciphertext } = encapsulation.encapsulate(recipient);
  const box = boxes.seal(secret, keyInfo(use), plain, nonce);
  secret.fill(0);
  return concat(ciphertext, box);
}

/** Throws for a box that was not sealed for exactly this use. */
export function openBox(ownKey: string, theirKey: string, use: KeyUse, box: Uint8Array): Uint8Array {
  const { boxes, encapsulation } = suiteOf(use.suite);
  if (encapsulation === undefined) return boxes.open(sharedSecret(use.suite, ownKey, theirKey), keyInfo(use), box);
  const { ciphertextBytes } = encapsulation;
  const secret = decapsulated(use.suite, ownKey, box.subarray(0, ciphertextBytes));
  return boxes.open(secret, keyInfo(use), box.subarray(ciphertextBytes));
}

/** `use.ids` is dealer, holder; `nonce` is 12 random bytes. */
export function sealShares(
  ownKey: string,
  theirKey: string,
  use: KeyUse,
  shares: FourShares,
  nonce: Uint8Array,
): string {
  const plain = concat(...SHARINGS.map((kind) => shares[kind]));
  return toBase64url(sealBox(ownKey, theirKey, use, plain, nonce));
}

/** Throws ERR_SECAGG_AUTHENTICITY for a box that was not sealed for exactly this use. */
export function openShares(ownKey: string, theirKey: string, use: KeyUse, box: string): FourShares {
  const { boxes, encapsulation } = suiteOf(use.suite);
  const overhead = boxes.overheadBytes + (encapsulation?.ciphertextBytes ?? 0);
  try {
    const bytes = fromBase64url(box, "box", overhead + SHARINGS.length * SHARE_BYTES);
    const body = openBox(ownKey, theirKey, use, bytes);
    const at = (i: number) => body.slice(i * SHARE_BYTES, (i + 1) * SHARE_BYTES);
    return { pair1: at(0), self1: at(1), pair2: at(2), self2: at(3) };
  } catch (cause) {
    throw new SecaggError("ERR_SECAGG_AUTHENTICITY", `box of ${use.ids[0]}: does not open`, { cause });
  }
}
