/**
 * Tokens of this protocol: JWS in compact form (RFC 7515), with exactly the header fields named here. `alg` is that of the
 * key's suite: EdDSA (RFC 8037), or SM2-SM3, a name of our own since nobody registered one.
 */
import { fromBase64url, toBase64url, utf8 } from "../../crypto/suites/encoding.ts";
import { type SigningIdentity, suiteOfKey } from "../../crypto/suites/signed.ts";
import { suiteOf } from "../../crypto/suites/suite.ts";

const MAX_CHARACTERS = 4096;
const SCHEME = /^Bearer ([\x21-\x7e]+)$/i;

/** `type` keeps tokens of one kind from being taken for another's. */
export function signCompact(identity: SigningIdentity, type: string, claims: object): string {
  const suite = suiteOf(identity.suite);
  const signed = `${textOf({ alg: suite.jwsAlgorithm, typ: type, kid: identity.key })}.${textOf(claims)}`;
  return `${signed}.${toBase64url(suite.sign(identity.privateKey, utf8(signed)))}`;
}

const textOf = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** The token of an `Authorization` header; undefined: there is none that could be one. */
export function bearerToken(authorization: string | undefined): string | undefined {
  const token = SCHEME.exec((authorization ?? "").slice(0, MAX_CHARACTERS + 8))?.[1];
  return token === undefined || token.length > MAX_CHARACTERS ? undefined : token;
}

export interface UnverifiedToken<C> {
  readonly claims: C;
  readonly keyId: string;
  /** Verified beside this thread: a node that is asked much does little else. */
  isSignedBy(publicKey: Uint8Array): Promise<boolean>;
}

/** Undefined for what has not exactly this form. */
export function readCompact<C>(
  token: string,
  type: string,
  claimsCheck: { Check(value: unknown): value is C },
): UnverifiedToken<C> | undefined {
  const parts = token.split(".");
  const [head, payload, signature] = parts;
  if (parts.length !== 3 || head === undefined || payload === undefined || signature === undefined) return undefined;
  try {
    const fields = parsed(head) as { alg?: unknown; typ?: unknown; kid?: unknown };
    const claims = parsed(payload);
    // Exactly these header fields: RFC 7515 section 4.1.11 would have this side understand every critical one.
    const isOurs = typeof fields.alg === "string" && fields.typ === type && Object.keys(fields).length === 3;
    if (!isOurs || typeof fields.kid !== "string" || !claimsCheck.Check(claims)) return undefined;
    const bytes = fromBase64url(signature, "signature", 64);
    const signed = utf8(`${head}.${payload}`);
    const { alg, kid } = fields;
    return {
      claims,
      keyId: kid,
      async isSignedBy(publicKey) {
        const suite = suiteOfKey(publicKey, kid);
        return suite !== undefined && suite.jwsAlgorithm === alg && (await suite.verifyAhead(publicKey, signed, bytes));
      },
    };
  } catch {
    return undefined;
  }
}

const parsed = (part: string): unknown => JSON.parse(Buffer.from(fromBase64url(part, "jwt")).toString("utf8"));
