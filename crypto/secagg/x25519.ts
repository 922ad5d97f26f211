/** X25519 (RFC 7748) over raw 32-byte keys, native; keys that contribute nothing to the secret are refused. */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import { fromBase64url, toBase64url } from "../suites/encoding.ts";
import type { KeyUse } from "./context.ts";
import { SecaggError } from "./errors.ts";
import { deriveKey } from "./masks.ts";

const FIELD = 2n ** 255n - 19n;

// RFC 8410 section 7 as RFC 7468 texts: fixed prefixes of X25519 keys. Node reads a text in a third of the time that an
// object takes, of which it must find out first that it is no key already.
const pem = (label: string, prefix: string, raw: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.concat([Buffer.from(prefix, "hex"), raw]).toString("base64")}\n-----END ${label}-----`;

const privateKeyObject = (privateKey: string): KeyObject =>
  createPrivateKey(
    pem("PRIVATE KEY", "302e020100300506032b656e04220420", fromBase64url(privateKey, "private key", 32)),
  );
const publicKeyObject = (publicKey: string): KeyObject =>
  createPublicKey(pem("PUBLIC KEY", "302a300506032b656e032100", fromBase64url(publicKey, "public key", 32)));

/** base64url in, base64url out. */
export function publicKeyOf(privateKey: string): string {
  const jwk = createPublicKey(privateKeyObject(privateKey)).export({ format: "jwk" });
  return toBase64url(new Uint8Array(Buffer.from(jwk.x ?? "", "base64url")));
}

/** RFC 7748 section 6.1 refuses an all-zero secret; OpenSSL does so itself, the check is for other builds. */
function agree(mine: KeyObject, publicKey: string): Uint8Array {
  const theirs = publicKeyObject(publicKey);
  let secret: Uint8Array;
  try {
    secret = new Uint8Array(diffieHellman({ privateKey: mine, publicKey: theirs }));
  } catch (cause) {
    throw new SecaggError("ERR_SECAGG_AUTHENTICITY", "public key: low order", { cause });
  }
  if (secret.every((byte) => byte === 0)) throw new SecaggError("ERR_SECAGG_AUTHENTICITY", "public key: low order");
  return secret;
}

/** Shared secrets (32 bytes) with many public keys; the private key is read once. Throws for low-order keys. */
export function keyAgreement(privateKey: string): (publicKey: string) => Uint8Array {
  const mine = privateKeyObject(privateKey);
  return (publicKey) => agree(mine, publicKey);
}

interface Pair {
  readonly secret: Uint8Array;
  /** The latest of each kind. */
  readonly keys: Map<KeyUse["kind"], { readonly context: string; readonly key: Uint8Array }>;
}
interface Agreed {
  readonly agree: (publicKey: string) => Uint8Array;
  readonly pairs: Map<string, Pair>;
}
/** Some 60 MB: more than a thousand members in one process have at once. */
const KEPT_SECRETS = 2 ** 18;
const agreed = new Map<string, Agreed>();
let kept = 0;

/**
 * A pair agrees once: its secret is wanted for the box that is dealt, the one that comes back, and every chunk of a mask.
 * Kept in this process alone, until `forgetSecrets`. The bytes are shared: never write to them.
 */
export const sharedSecret = (privateKey: string, publicKey: string): Uint8Array => pairOf(privateKey, publicKey).secret;

/**
 * A key of a pair that is wanted again and again under one context: for every chunk of a mask, for what is said of a view.
 * Kept, shared and forgotten with the secret it follows from; `use` has the kinds that a pair has one key of.
 */
export function sharedKey(privateKey: string, publicKey: string, use: KeyUse): Uint8Array {
  const { secret, keys } = pairOf(privateKey, publicKey);
  const known = keys.get(use.kind);
  if (known?.context === use.context) return known.key;
  const key = deriveKey(secret, use);
  known?.key.fill(0);
  keys.set(use.kind, { context: use.context, key });
  return key;
}

function pairOf(privateKey: string, publicKey: string): Pair {
  const { agree, pairs } = agreedWith(privateKey);
  let pair = pairs.get(publicKey);
  if (pair === undefined) {
    pair = { secret: agree(publicKey), keys: new Map() };
    pairs.set(publicKey, pair);
    kept += 1;
  }
  return pair;
}

function agreedWith(privateKey: string): Agreed {
  const known = agreed.get(privateKey);
  if (known !== undefined) return known;
  while (kept >= KEPT_SECRETS) forgetSecrets([agreed.keys().next().value!]);
  const fresh: Agreed = { agree: keyAgreement(privateKey), pairs: new Map() };
  agreed.set(privateKey, fresh);
  return fresh;
}

/** What was agreed with these private keys, and every key kept with it, is overwritten: their computation is over. */
export function forgetSecrets(privateKeys: readonly string[]): void {
  for (const privateKey of privateKeys) {
    const { pairs } = agreed.get(privateKey) ?? { pairs: new Map<string, Pair>() };
    for (const { secret, keys } of pairs.values()) {
      secret.fill(0);
      for (const { key } of keys.values()) key.fill(0);
    }
    kept -= pairs.size;
    agreed.delete(privateKey);
  }
}

/** Canonical encodings of the points of order 1, 2, 4 and 8 on Curve25519 and its twist (RFC 7748 section 7). */
const LOW_ORDER: ReadonlySet<string> = new Set(
  [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  ].map((hex) => toBase64url(new Uint8Array(Buffer.from(hex, "hex")))),
);

/** Refuses low-order points, and second encodings of a point, which would pass a duplicate check. */
export function assertUsablePublicKey(publicKey: string, label: string): void {
  const raw = fromBase64url(publicKey, label, 32);
  const value = BigInt(`0x${Buffer.from(raw).reverse().toString("hex")}`);
  if (value >= FIELD) throw new SecaggError("ERR_SECAGG_AUTHENTICITY", `${label}: not a canonical X25519 key`);
  if (LOW_ORDER.has(publicKey)) throw new SecaggError("ERR_SECAGG_AUTHENTICITY", `${label}: low order`);
}
