/**
 * Key agreement of a computation's suite over texts (base64url), and what follows from it while the computation lasts.
 * Keys that contribute nothing to the secret are refused.
 */
import { fromBase64url, toBase64url } from "../suites/encoding.ts";
import { type SuiteId, suiteOf } from "../suites/suite.ts";
import type { KeyUse } from "./context.ts";
import { SecaggError } from "./errors.ts";
import { deriveKey } from "./masks.ts";

/** `privateKey` is 32 bytes in every suite. */
export const publicKeyOf = (suite: SuiteId, privateKey: string): string =>
  toBase64url(suiteOf(suite).agreement.publicKeyOf(fromBase64url(privateKey, "private key", 32)));

/** Shared secrets (32 bytes) with many public keys; the private key is read once. Throws for unusable keys. */
export function keyAgreement(suite: SuiteId, privateKey: string): (publicKey: string) => Uint8Array {
  const { agreeing, publicKeyBytes } = suiteOf(suite).agreement;
  const agree = agreeing(fromBase64url(privateKey, "private key", 32));
  return (publicKey) => {
    const raw = fromBase64url(publicKey, "public key", publicKeyBytes);
    try {
      return agree(raw);
    } catch (cause) {
      throw new SecaggError("ERR_SECAGG_AUTHENTICITY", (cause as Error).message, { cause });
    }
  };
}

interface Pair {
  readonly secret: Uint8Array;
  /** The latest of each kind. */
  readonly keys: Map<KeyUse["kind"], { readonly context: string; readonly key: Uint8Array }>;
}
interface Agreed {
  readonly agree: (publicKey: string) => Uint8Array;
  decapsulate?: (ciphertext: Uint8Array) => Uint8Array;
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
export const sharedSecret = (suite: SuiteId, privateKey: string, publicKey: string): Uint8Array =>
  pairOf(suite, privateKey, publicKey).secret;

/**
 * A key of a pair that is wanted again and again under one context: for every chunk of a mask, for what is said of a view.
 * Kept, shared and forgotten with the secret it follows from; `use` has the kinds that a pair has one key of.
 */
export function sharedKey(
  privateKey: string,
  publicKey: string,
  use: KeyUse,
  /** Where the pair's secret is no agreement of these keys. */
  given?: () => Uint8Array,
): Uint8Array {
  const { secret, keys } = pairOf(use.suite, privateKey, publicKey, given);
  const known = keys.get(use.kind);
  if (known?.context === use.context) return known.key;
  const key = deriveKey(secret, use);
  known?.key.fill(0);
  keys.set(use.kind, { context: use.context, key });
  return key;
}

/** What a ciphertext for this private key encapsulates; the key is read once. */
export function decapsulated(suite: SuiteId, privateKey: string, ciphertext: Uint8Array): Uint8Array {
  const known = agreedWith(suite, privateKey);
  known.decapsulate ??= suiteOf(suite).encapsulation?.decapsulating(fromBase64url(privateKey, "private key", 32));
  if (known.decapsulate === undefined) throw new RangeError(`suite: ${suite} has no encapsulation`);
  try {
    return known.decapsulate(ciphertext);
  } catch (cause) {
    throw new SecaggError("ERR_SECAGG_AUTHENTICITY", (cause as Error).message, { cause });
  }
}

function pairOf(suite: SuiteId, privateKey: string, publicKey: string, given?: () => Uint8Array): Pair {
  const { agree, pairs } = agreedWith(suite, privateKey);
  let pair = pairs.get(publicKey);
  if (pair === undefined) {
    pair = { secret: given === undefined ? agree(publicKey) : given(), keys: new Map() };
    pairs.set(publicKey, pair);
    kept += 1;
  }
  return pair;
}

function agreedWith(suite: SuiteId, privateKey: string): Agreed {
  const known = agreed.get(privateKey);
  if (known !== undefined) return known;
  while (kept >= KEPT_SECRETS) forgetSecrets([agreed.keys().next().value!]);
  const fresh: Agreed = { agree: keyAgreement(suite, privateKey), pairs: new Map() };
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

/** Of the length of a ciphertext; what is in it shows when it is opened. */
export function assertCiphertext(suite: SuiteId, ciphertext: string, label: string): void {
  try {
    fromBase64url(ciphertext, "ciphertext", suiteOf(suite).encapsulation?.ciphertextBytes);
  } catch (cause) {
    throw new SecaggError("ERR_SECAGG_AUTHENTICITY", `${label}: ${(cause as Error).message}`, { cause });
  }
}

/** Refuses keys that contribute nothing, and second encodings of a key, which would pass a duplicate check. */
export function assertUsablePublicKey(suite: SuiteId, publicKey: string, label: string): void {
  const { agreement } = suiteOf(suite);
  try {
    agreement.assertUsable(fromBase64url(publicKey, "public key", agreement.publicKeyBytes));
  } catch (cause) {
    throw new SecaggError("ERR_SECAGG_AUTHENTICITY", `${label}: ${(cause as Error).message}`, { cause });
  }
}
