/** What the embedded log gives the contract: signatures of crypto/suites, checked ahead of their turn on other cores. */
import type { Host, SignedLike } from "../chaincode/rules/host.ts";
import { readKey, type StateReader } from "../chaincode/rules/keys.ts";
import {
  type Signed,
  type SigningDomain,
  verifySigned,
  verifySignedAhead,
  verifySignedOnce,
} from "../crypto/suites/signed.ts";
import { readPublicKey } from "../crypto/suites/suite.ts";

/** Host.verify: false for everything malformed, never an exception. */
export function verifyForContract(publicKey: string, domain: string, signed: SignedLike): boolean {
  try {
    // The contract passes only domains of SigningDomain and envelopes its schema accepted.
    const verify = domain === "transaction" ? verifySigned : verifySignedOnce;
    const key = readPublicKey({ suite: signed.suite, publicKey });
    return verify(key.publicKey, domain as SigningDomain, signed as Signed<unknown>);
  } catch {
    return false;
  }
}

/** Checks started at once: enough for every core, few enough that a disk write need not wait long for its thread. */
const RUN = 64;

/** What is asked about a transaction. `text` is its canonical text, where that is known. */
export interface Queued {
  readonly transaction: unknown;
  readonly text?: string | undefined;
}

interface Started {
  readonly publicKey: string;
  readonly valid: boolean | Promise<boolean>;
}

/**
 * The transactions in order, in runs, each handed out when it is its turn to be executed; meanwhile the signatures of
 * the next run are checked. `state` tells which public key a key id names; where that has changed when the contract
 * asks, the signature is checked again. Transactions are hostile: any value. They must not change until they are executed.
 */
export function createSignatureQueue(state: StateReader): {
  readonly verify: Host["verify"];
  inOrder<T extends Queued>(runs: AsyncIterable<readonly T[]> | Iterable<readonly T[]>): AsyncIterable<readonly T[]>;
} {
  const started = new Map<unknown, Started>();
  const publicKeys = new Map<string, { readonly text: string; readonly bytes: Uint8Array }>();

  async function findKeys(run: readonly Queued[]): Promise<void> {
    for (const { transaction } of run) {
      const key = keyOf(transaction);
      if (key === undefined || publicKeys.has(key)) continue;
      const known = await readKey(state, key);
      // A key that is not there yet may be brought by a record before this one.
      if (known !== undefined) publicKeys.set(key, { text: known.publicKey, bytes: readPublicKey(known).publicKey });
    }
  }

  async function start(run: readonly Queued[]): Promise<void> {
    await findKeys(run);
    for (const { transaction, text } of run) {
      const publicKey = publicKeys.get(keyOf(transaction) ?? "");
      if (publicKey === undefined) continue;
      const valid = verifySignedAhead(publicKey.bytes, "transaction", transaction as Signed<unknown>, text);
      started.set(transaction, { publicKey: publicKey.text, valid });
    }
  }

  return {
    verify(publicKey, domain, signed) {
      const ahead = domain === "transaction" ? started.get(signed) : undefined;
      return ahead?.publicKey === publicKey ? ahead.valid : verifyForContract(publicKey, domain, signed);
    },
    async *inOrder<T extends Queued>(runs: AsyncIterable<readonly T[]> | Iterable<readonly T[]>) {
      let waiting: readonly T[] = [];
      for await (const run of runs) {
        await start(run);
        yield waiting;
        for (const { transaction } of waiting) started.delete(transaction);
        waiting = run;
      }
      yield waiting;
    },
  };
}

/** `items` in runs of what is worth checking at once. */
export async function* inRuns<T>(items: AsyncIterable<T> | Iterable<T>): AsyncIterable<readonly T[]> {
  let run: T[] = [];
  // Waiting for what is there already would take a tenth of the time of an audit.
  if (Symbol.iterator in items) {
    for (const item of items) {
      if (run.push(item) < RUN) continue;
      yield run;
      run = [];
    }
  } else {
    for await (const item of items) {
      if (run.push(item) < RUN) continue;
      yield run;
      run = [];
    }
  }
  yield run;
}

function keyOf(transaction: unknown): string | undefined {
  const { key } = (transaction ?? {}) as { readonly key?: unknown };
  return typeof key === "string" ? key : undefined;
}
