/** One sealed box of four shares from a dealer to a holder (kind `seal`), as the suite seals. */
import { concat, fromBase64url, toBase64url } from "../suites/encoding.ts";
import { suiteOf } from "../suites/suite.ts";
import { type KeyUse, keyInfo } from "./context.ts";
import { SecaggError } from "./errors.ts";
import { sharedSecret } from "./key-agreement.ts";
import { SHARE_BYTES } from "./sharing.ts";

/** Order of the four sharings in boxes and leaves. */
export const SHARINGS = ["pair1", "self1", "pair2", "self2"] as const;
export type Sharing = (typeof SHARINGS)[number];
export type FourShares = Readonly<Record<Sharing, Uint8Array>>;

/** `use.ids` is dealer, holder; `nonce` is 12 random bytes. */
export function sealShares(
  ownKey: string,
  theirKey: string,
  use: KeyUse,
  shares: FourShares,
  nonce: Uint8Array,
): string {
  const plain = concat(...SHARINGS.map((kind) => shares[kind]));
  return toBase64url(
    suiteOf(use.suite).boxes.seal(sharedSecret(use.suite, ownKey, theirKey), keyInfo(use), plain, nonce),
  );
}

/** Throws ERR_SECAGG_AUTHENTICITY for a box that was not sealed for exactly this use. */
export function openShares(ownKey: string, theirKey: string, use: KeyUse, box: string): FourShares {
  const { boxes } = suiteOf(use.suite);
  try {
    const bytes = fromBase64url(box, "box", boxes.overheadBytes + SHARINGS.length * SHARE_BYTES);
    const body = boxes.open(sharedSecret(use.suite, ownKey, theirKey), keyInfo(use), bytes);
    const at = (i: number) => body.slice(i * SHARE_BYTES, (i + 1) * SHARE_BYTES);
    return { pair1: at(0), self1: at(1), pair2: at(2), self2: at(3) };
  } catch (cause) {
    throw new SecaggError("ERR_SECAGG_AUTHENTICITY", `box of ${use.ids[0]}: does not open`, { cause });
  }
}
