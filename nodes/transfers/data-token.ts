/**
 * What opens one data endpoint: a JWT of whoever serves it, for one endpoint, transfer, agreement and holder, good for
 * minutes. Only its issuer reads it, under the key that the issuer has now: a rotation ends all of them.
 */
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { MemberId } from "../../chaincode/rules/vocabulary.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import { readCompact, signCompact } from "../dataspace/compact-jws.ts";

const TYPE = "sealane-data+jwt";
export const TOKEN_LIFE_MS = 5 * 60_000;

const Text = Type.String({ minLength: 1, maxLength: 2048 });
const Claims = Type.Object(
  {
    iss: MemberId,
    /** The endpoint it opens. */
    aud: Text,
    /** The participant it was given to. */
    sub: MemberId,
    iat: Type.Number(),
    exp: Type.Number(),
    jti: Type.String({ pattern: "^[A-Za-z0-9_-]{22}$" }),
    /** The transfer by the name that the issuer gave it. */
    "sealane:transfer": Text,
    "sealane:agreement": Text,
  },
  { additionalProperties: false },
);
type Claims = Static<typeof Claims>;
const claimsCheck = Compile(Claims);

export interface DataGrant {
  readonly transfer: string;
  readonly agreement: string;
  readonly holder: string;
}

export function dataToken(
  identity: SigningIdentity,
  endpoint: string,
  grant: DataGrant,
  effects: { readonly now: () => string; readonly random: (bytes: number) => Uint8Array },
): { readonly token: string; readonly expires: string } {
  const now = Date.parse(effects.now());
  const expires = new Date(now + TOKEN_LIFE_MS).toISOString();
  const claims: Claims = {
    iss: identity.member,
    aud: endpoint,
    sub: grant.holder,
    iat: Math.floor(now / 1000),
    exp: Math.floor((now + TOKEN_LIFE_MS) / 1000),
    jti: toBase64url(effects.random(16)),
    "sealane:transfer": grant.transfer,
    "sealane:agreement": grant.agreement,
  };
  return { token: signCompact(identity, TYPE, claims), expires };
}

export type ReadToken =
  | { readonly kind: "good"; readonly grant: DataGrant }
  /** It was good once. */
  | { readonly kind: "expired" };

/** Undefined for whatever this node did not give out for this endpoint. */
export async function readDataToken(
  token: string,
  check: { readonly endpoint: string; readonly identity: SigningIdentity; readonly now: () => string },
): Promise<ReadToken | undefined> {
  const read = readCompact<Claims>(token, TYPE, claimsCheck);
  if (read === undefined || read.keyId !== check.identity.key) return undefined;
  if (!(await read.isSignedBy(check.identity.publicKey))) return undefined;
  const { claims } = read;
  if (claims.iss !== check.identity.member || claims.aud !== check.endpoint) return undefined;
  if (Date.parse(check.now()) >= claims.exp * 1000) return { kind: "expired" };
  const grant = { transfer: claims["sealane:transfer"], agreement: claims["sealane:agreement"], holder: claims.sub };
  return { kind: "good", grant };
}
