/**
 * Signed peer requests: a compact JWS (RFC 7515; `alg` EdDSA of RFC 8037, or SM2-SM3 in suite `gm`) in the header `sealane-signature` over method,
 * target, body digest, nonce, time, network, sender and audience. Answers are covered by the pinned TLS identity.
 *
 * Every call between members passes here, so the few lines of the compact serialization (RFC 7515 section 7.1) are
 * written out over node:crypto: a general JOSE library imports the key and visits the thread pool for each of them.
 */
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { Code, closed, Digest, Instant, MemberId } from "../../chaincode/rules/vocabulary.ts";
import { sha256 } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url, utf8 } from "../../crypto/suites/encoding.ts";
import { type SigningIdentity, suiteOfKey } from "../../crypto/suites/signed.ts";
import { suiteOf } from "../../crypto/suites/suite.ts";
import { PeerError } from "./peer-error.ts";

export const SIGNATURE_HEADER = "sealane-signature";
export const MAX_CLOCK_SKEW_MS = 5 * 60_000;
const MAX_SIGNATURE_CHARACTERS = 4096;
const TYPE = "sealane-peer+jws";

export const PeerClaims = closed({
  network: Code,
  from: MemberId,
  to: MemberId,
  method: Type.String({ pattern: "^[A-Z]{3,7}$" }),
  /** Path and query exactly as sent. */
  target: Type.String({ minLength: 1, maxLength: 2048 }),
  /** SHA-256 of the body bytes; of no bytes where there is no body. */
  digest: Digest,
  nonce: Type.String({ pattern: "^[A-Za-z0-9_-]{22}$" }),
  time: Instant,
});
export type PeerClaims = Static<typeof PeerClaims>;
/** `key` is the id of the key that signed them. */
export type VerifiedClaims = PeerClaims & { readonly key: string };

const claimsCheck = Compile(PeerClaims);

export const bodyDigest = (body: Uint8Array): string => toBase64url(sha256(body));

export function signPeerRequest(
  identity: SigningIdentity,
  request: { network: string; to: string; method: string; target: string; body: Uint8Array },
  effects: { now: () => string; random: (bytes: number) => Uint8Array },
): string {
  const claims: PeerClaims = {
    network: request.network,
    from: identity.member,
    to: request.to,
    method: request.method,
    target: request.target,
    digest: bodyDigest(request.body),
    nonce: toBase64url(effects.random(16)),
    time: effects.now(),
  };
  const suite = suiteOf(identity.suite);
  const signed = `${textOf({ alg: suite.jwsAlgorithm, typ: TYPE, kid: identity.key })}.${textOf(claims)}`;
  return `${signed}.${toBase64url(suite.sign(identity.privateKey, utf8(signed)))}`;
}

const textOf = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

export interface SignatureCheck {
  /** Raw public key of an active member's key, by the ledger; undefined for all others. */
  readonly publicKey: (member: string, key: string) => Promise<Uint8Array | undefined>;
  /** The member is active, and the key was its own until the ledger replaced or revoked it. */
  readonly isReplaced?: (member: string, key: string) => Promise<boolean>;
  readonly network: string;
  readonly audience: string;
  readonly now: () => string;
}

/**
 * Returns the claims of a well-signed, timely request for this audience. The caller still compares `digest` with the
 * body, `method` and `target` with the request line, and `nonce` with its replay cache. Throws PeerError.
 */
export async function verifyPeerSignature(header: unknown, check: SignatureCheck): Promise<VerifiedClaims> {
  if (typeof header !== "string" || header === "") {
    throw new PeerError("ERR_PEER_UNSIGNED", `${SIGNATURE_HEADER}: header missing; sign the request`);
  }
  if (header.length > MAX_SIGNATURE_CHARACTERS) {
    throw new PeerError(
      "ERR_PEER_SIGNATURE",
      `${SIGNATURE_HEADER}: longer than ${MAX_SIGNATURE_CHARACTERS} characters`,
    );
  }
  const { claims, algorithm, keyId, signed, signature } = readUnverified(header);
  const publicKey = await check.publicKey(claims.from, keyId);
  if (publicKey === undefined && (await check.isReplaced?.(claims.from, keyId)) === true) {
    throw new PeerError("ERR_PEER_KEY_REPLACED", `${claims.from}: the ledger replaced or revoked key ${keyId}`);
  }
  if (publicKey === undefined) {
    throw new PeerError("ERR_PEER_UNKNOWN_MEMBER", `${claims.from}: no active member with key ${keyId} on the ledger`);
  }
  const suite = suiteOfKey(publicKey, keyId);
  if (suite?.jwsAlgorithm !== algorithm || !suite.verify(publicKey, signed, signature)) {
    throw new PeerError("ERR_PEER_SIGNATURE", `${SIGNATURE_HEADER}: the signature does not verify`);
  }
  if (claims.network !== check.network || claims.to !== check.audience) {
    throw new PeerError(
      "ERR_PEER_AUDIENCE",
      `signed for ${claims.to} of network ${claims.network}; this is ${check.audience} of network ${check.network}`,
    );
  }
  const ours = check.now();
  if (Math.abs(Date.parse(ours) - Date.parse(claims.time)) > MAX_CLOCK_SKEW_MS) {
    throw new PeerError(
      "ERR_PEER_CLOCK_SKEW",
      `request time ${claims.time}, our time ${ours}: more than 5 minutes apart; set the clocks`,
    );
  }
  return { ...claims, key: keyId };
}

function readUnverified(header: string) {
  const parts = header.split(".");
  const [head, payload, signature] = parts;
  if (parts.length === 3 && head !== undefined && payload !== undefined && signature !== undefined) {
    try {
      const fields = parsed(head) as { alg?: unknown; typ?: unknown; kid?: unknown; crit?: unknown };
      const claims = parsed(payload);
      // Exactly these header fields: RFC 7515 section 4.1.11 would have this side understand every critical one.
      const isOurs = typeof fields.alg === "string" && fields.typ === TYPE && Object.keys(fields).length === 3;
      if (isOurs && typeof fields.kid === "string" && claimsCheck.Check(claims)) {
        return {
          claims,
          algorithm: fields.alg as string,
          keyId: fields.kid,
          signed: utf8(`${head}.${payload}`),
          signature: fromBase64url(signature, "signature", 64),
        };
      }
    } catch (cause) {
      throw new PeerError("ERR_PEER_SIGNATURE", `${SIGNATURE_HEADER}: not a compact JWS`, { cause });
    }
  }
  throw new PeerError("ERR_PEER_SIGNATURE", `${SIGNATURE_HEADER}: header or claims do not have the expected fields`);
}

const parsed = (part: string): unknown => JSON.parse(Buffer.from(fromBase64url(part, "jws")).toString("utf8"));
