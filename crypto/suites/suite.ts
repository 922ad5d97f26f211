/** An algorithm suite: every signature and key record names one, so that a network can move to another. */
import type { Boxes } from "./boxes.ts";
import { fromBase64url } from "./encoding.ts";
import { gm } from "./gm.ts";
import { intl } from "./intl.ts";
import { intlPq } from "./intl-pq.ts";
import type { Encapsulated } from "./x-wing.ts";

export const SUITE_IDS = ["intl", "gm", "intl-pq"] as const;
export type SuiteId = (typeof SUITE_IDS)[number];

/** Two parties, each from its own 32-byte private key and the other's public key, get the same 32 secret bytes. */
export interface Agreement {
  readonly publicKeyBytes: number;
  publicKeyOf(privateKey: Uint8Array): Uint8Array;
  /** The private key is read once. The inner function throws for keys that give no secret. */
  agreeing(privateKey: Uint8Array): (publicKey: Uint8Array) => Uint8Array;
  /** Throws for keys that contribute nothing to the secret, and for second encodings of a key. */
  assertUsable(publicKey: Uint8Array): void;
}

/** Secrets that one party makes for another's public key of `agreement`; they do not follow from what both publish. */
export interface Encapsulation {
  readonly ciphertextBytes: number;
  encapsulate(publicKey: Uint8Array): Encapsulated;
  /** The private key is read once. */
  decapsulating(privateKey: Uint8Array): (ciphertext: Uint8Array) => Uint8Array;
}

export interface Jwk {
  readonly kty: string;
  readonly crv: string;
  readonly x: string;
  readonly y?: string;
}

/** Everything a network needs, except that digests and trees of documents are SHA-256 in every suite. */
export interface Suite {
  readonly id: SuiteId;
  /** Length of raw public signing keys. Signatures have 64 bytes in every suite. */
  readonly publicKeyBytes: number;
  /** `alg` of a JWS (RFC 7515). */
  readonly jwsAlgorithm: string;
  /** JWK (RFC 7517) of a raw public signing key. */
  publicKeyJwk(publicKey: Uint8Array): Jwk;
  /** Deterministic key pair from 32 secret random bytes. Keys are raw bytes. */
  keyPair(seed: Uint8Array): { publicKey: Uint8Array; privateKey: Uint8Array };
  /** Deterministic: the same bytes for the same message. */
  sign(privateKey: Uint8Array, message: Uint8Array): Uint8Array;
  /** False for every malformed key or signature; never throws. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** The same answer later, from another thread where there is one; never rejects. */
  verifyAhead(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
  readonly agreement: Agreement;
  /** Where there is one, it keeps what is confidential, and `agreement` only tells two members who they talk to. */
  readonly encapsulation?: Encapsulation;
  readonly boxes: Boxes;
  /** Key of a mask stream: 32 bytes are one of AES-256-CTR, 16 bytes one of SM4-CTR. */
  maskKey(secret: Uint8Array, info: Uint8Array): Uint8Array;
}

const SUITES: Readonly<Record<SuiteId, Suite>> = Object.freeze(
  Object.assign(Object.create(null), { intl, gm, "intl-pq": intlPq }),
);

/** Throws RangeError for an unknown id. */
export function suiteOf(id: string): Suite {
  const suite = SUITES[id as SuiteId];
  if (suite === undefined) throw new RangeError(`suite: unknown algorithm suite ${JSON.stringify(id)}`);
  return suite;
}

/** A public key with the suite that it is one of. */
export interface PublicKey {
  readonly suite: SuiteId;
  readonly publicKey: Uint8Array;
}

/** Raw bytes of a key record. Throws RangeError for an unknown suite and for another length than the suite's. */
export function readPublicKey(record: { readonly suite: string; readonly publicKey: string }): PublicKey {
  const { id, publicKeyBytes } = suiteOf(record.suite);
  return { suite: id, publicKey: fromBase64url(record.publicKey, "public key", publicKeyBytes) };
}
