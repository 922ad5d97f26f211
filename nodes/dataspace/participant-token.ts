/**
 * Who a participant is, to another one: a JWT (RFC 7519) as compact JWS (see compact-jws.ts) in `Authorization: Bearer`,
 * good for one call: audience, a minute at most, method, path and digest of the body. Keys are those of the ledger.
 */
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { Digest, MemberId } from "../../chaincode/rules/vocabulary.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import { bodyDigest } from "../peer/request-signature.ts";
import { bearerToken, readCompact, signCompact } from "./compact-jws.ts";

const TYPE = "sealane-participant+jwt";
const LIFE_SECONDS = 60;
/** Clocks of two members may differ by so much (as for calls between members). */
const SKEW_SECONDS = 300;

/** NumericDate, which may have a fraction (RFC 7519 section 2). */
const Seconds = Type.Number({ minimum: 0 });
const Claims = Type.Object({
  iss: MemberId,
  aud: MemberId,
  iat: Seconds,
  exp: Seconds,
  jti: Type.String({ pattern: "^[A-Za-z0-9_-]{22}$" }),
  htm: Type.String({ pattern: "^[A-Z]{3,7}$" }),
  /** Path and query as sent. */
  htu: Type.String({ minLength: 1, maxLength: 2048 }),
  /** SHA-256 of the body, of no bytes where there is none. */
  "sealane:digest": Digest,
});
type Claims = Static<typeof Claims>;
const claimsCheck = Compile(Claims);

/** One call as both sides see it. */
export interface TokenCall {
  readonly method: string;
  readonly target: string;
}

/** The value of `Authorization`. */
export function participantToken(
  identity: SigningIdentity,
  about: TokenCall & { readonly audience: string; readonly body: Uint8Array },
  effects: { readonly now: () => string; readonly random: (bytes: number) => Uint8Array },
): string {
  const iat = Date.parse(effects.now()) / 1000;
  const claims: Claims = {
    iss: identity.member,
    aud: about.audience,
    iat,
    exp: iat + LIFE_SECONDS,
    jti: toBase64url(effects.random(16)),
    htm: about.method,
    htu: about.target,
    "sealane:digest": bodyDigest(about.body),
  };
  return `Bearer ${signCompact(identity, TYPE, claims)}`;
}

export interface TokenCheck {
  /** Raw public key of an active member's current key, by the ledger; undefined for all others. */
  readonly publicKey: (member: string, key: string) => Promise<Uint8Array | undefined>;
  readonly audience: string;
  readonly now: () => string;
}

/** What a good token says; the caller still looks for a replay of `nonce`, and compares `digest` with the body. */
export interface TokenFacts {
  readonly member: string;
  readonly nonce: string;
  /** When it was made: UTC with Z. */
  readonly time: string;
  readonly digest: string;
}

/** Undefined for whatever is wrong with it: the caller learns nothing, and so does this node's log. */
export async function readParticipantToken(
  authorization: string | undefined,
  call: TokenCall,
  check: TokenCheck,
): Promise<TokenFacts | undefined> {
  const token = bearerToken(authorization);
  const read = token === undefined ? undefined : readCompact(token, TYPE, claimsCheck);
  if (read === undefined) return undefined;
  const { claims, keyId } = read;
  const publicKey = await check.publicKey(claims.iss, keyId);
  if (publicKey === undefined || !(await read.isSignedBy(publicKey))) return undefined;
  const now = Date.parse(check.now()) / 1000;
  const isTimely =
    claims.exp > claims.iat &&
    claims.exp - claims.iat <= LIFE_SECONDS &&
    claims.iat <= now + SKEW_SECONDS &&
    // No longer than a nonce is remembered (see createReplayCache).
    now <= claims.exp + SKEW_SECONDS - LIFE_SECONDS;
  if (!isTimely || claims.aud !== check.audience || claims.htm !== call.method || claims.htu !== call.target) {
    return undefined;
  }
  const time = new Date(Math.round(claims.iat * 1000)).toISOString();
  return { member: claims.iss, nonce: claims.jti, time, digest: claims["sealane:digest"] };
}
