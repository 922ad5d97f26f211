/**
 * How a node shows its own operator that it is the node of a folder before it is told the folder's token: whoever else
 * listens on the configured port cannot answer, and learns nothing that opens the node. HMAC-SHA-256 (RFC 2104) under
 * the token, over a challenge of the caller.
 */
import { createHmac, timingSafeEqual } from "node:crypto";

const DOMAIN = "sealane/api-identity/v1";

/** `challenge`: 43 characters of base64url, drawn for this one question. */
export function apiIdentityProof(token: string, challenge: string): string {
  return createHmac("sha256", token).update(`${DOMAIN}\n${challenge}`).digest("base64url");
}

export function isApiIdentityProof(token: string, challenge: string, proof: string): boolean {
  const expected = Buffer.from(apiIdentityProof(token, challenge));
  const given = Buffer.from(proof);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
