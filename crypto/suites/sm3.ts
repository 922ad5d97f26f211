/** What suite `gm` derives with SM3 (GB/T 32905-2016), native in OpenSSL. */
import { createHash, hkdfSync } from "node:crypto";
import { concat } from "./encoding.ts";

const NO_SALT = new Uint8Array(0);

export const sm3 = (...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(
    createHash("sm3")
      .update(concat(...parts))
      .digest(),
  );

/** HKDF (RFC 5869) over HMAC-SM3 with an empty salt. */
export const hkdfSm3 = (secret: Uint8Array, info: Uint8Array, length: number): Uint8Array =>
  new Uint8Array(hkdfSync("sm3", secret, NO_SALT, info, length));

/** The key derivation function of GB/T 32918.3 section 5.4.3. */
export function kdfSm3(shared: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(Math.ceil(length / 32) * 32);
  const counter = new Uint8Array(4);
  for (let block = 0; block * 32 < length; block++) {
    new DataView(counter.buffer).setUint32(0, block + 1);
    out.set(sm3(shared, counter), block * 32);
  }
  return out.subarray(0, length);
}
