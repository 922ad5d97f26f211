import { canonicalText, sha256Of } from "./canonical.ts";

/**
 * The only id that an agreement on an asset can have: `about` is the data request it answers, or the negotiation that
 * led to it. An asset has one provider, so nobody else can take the id first. A UUID of version 8 (RFC 9562 §5.8).
 */
export function agreementIdOf(about: string, asset: string): string {
  const bytes = Buffer.from(sha256Of(canonicalText({ agreement: about, asset }) ?? ""), "base64url").subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
