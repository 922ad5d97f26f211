/** What the embedded log gives the contract: signatures of crypto/suites, checked ahead of their turn on other cores. */
import type { Host, SignedLike } from "../chaincode/rules/host.ts";
import { readKey, type StateReader } from "../chaincode/rules/keys.ts";
import { fromBase64url } from "../crypto/suites/encoding.ts";
import { type Signed, type SigningDomain, verifySigned, verifySignedAhead } from "../crypto/suites/signed.ts";

/** Host.verify: false for everything malformed, never an exception. */
export function verifyForContract(publicKey: string, domain: string, signed: SignedLike): boolean {
  try {
    // The contract passes only domains of SigningDomain and envelopes its schema accepted.
    return verifySigned(fromBase64url(publicKey, "public key", 32), domain as SigningDomain, signed as Signed<unknown>);
  } catch {
    return false;
  }
}

/** Checks under way at once: enough for every core, few enough that a disk write need not wait long for its thread. */
const AHEAD = 64;

interface Started {
  readonly publicKey: string;
  readonly valid: Promise<boolean>;
}

/**
 * The transactions in order, each handed out when it is its turn to be executed; meanwhile the signatures of those
 * behind it are checked. `state` tells which public key a key id names; where that has changed when the contract asks,
 * the signature is checked again. Transactions are hostile: any value. They must not change until they are executed.
 */
export function createSignatureQueue(state: StateReader): {
  readonly verify: Host["verify"];
  inOrder<T>(items: AsyncIterable<T> | Iterable<T>, transactionOf: (item: T) => unknown): AsyncIterable<T>;
} {
  const started = new Map<unknown, Started>();
  const publicKeys = new Map<string, string | undefined>();

  async function publicKeyOf(key: string): Promise<string | undefined> {
    // A key that is not there yet may be brought by a record before this one.
    if (publicKeys.get(key) === undefined) publicKeys.set(key, (await readKey(state, key))?.publicKey);
    return publicKeys.get(key);
  }

  async function start(transaction: unknown): Promise<void> {
    const { key } = (transaction ?? {}) as { readonly key?: unknown };
    const publicKey = typeof key === "string" ? await publicKeyOf(key) : undefined;
    if (publicKey === undefined) return;
    const bytes = fromBase64url(publicKey, "public key", 32);
    started.set(transaction, {
      publicKey,
      valid: verifySignedAhead(bytes, "transaction", transaction as Signed<unknown>),
    });
  }

  return {
    verify(publicKey, domain, signed) {
      const ahead = domain === "transaction" ? started.get(signed) : undefined;
      return ahead?.publicKey === publicKey ? ahead.valid : verifyForContract(publicKey, domain, signed);
    },
    async *inOrder<T>(items: AsyncIterable<T> | Iterable<T>, transactionOf: (item: T) => unknown) {
      const waiting: T[] = [];
      for await (const item of items) {
        await start(transactionOf(item));
        waiting.push(item);
        if (waiting.length < AHEAD) continue;
        const next = waiting.shift()!;
        yield next;
        started.delete(transactionOf(next));
      }
      for (const next of waiting) {
        yield next;
        started.delete(transactionOf(next));
      }
    },
  };
}
