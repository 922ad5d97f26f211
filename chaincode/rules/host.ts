/** What a host (embedded ledger, Fabric peer) gives the contract. The contract itself has no clock, network or keys. */

/** Ordered key-value state. Values are JSON. `range` yields keys with the prefix in ascending byte order. */
export interface StateStore {
  get(key: string): Promise<unknown>;
  put(key: string, value: unknown): Promise<void>;
  range(prefix: string): AsyncIterable<readonly [key: string, value: unknown]>;
}

export interface Host {
  readonly store: StateStore;
  /** Ordering time of this transaction, UTC with Z; monotone over the ledger. */
  readonly time: string;
  /** Position of this transaction in the ledger, from 0. */
  readonly position: number;
  /** Entries of the sequencer's log before this one: the position, or 0 where no sequencer keeps the ledger. */
  readonly logSize: number;
  /** False for unknown suites and malformed input; never throws. `domain` as in crypto/suites/signed.ts. */
  verify(publicKey: string, domain: string, signed: SignedLike): boolean | Promise<boolean>;
}

/** The signed-statement envelope of crypto/suites, as the contract sees it. */
export interface SignedLike {
  readonly statement: unknown;
  readonly signer: string;
  readonly key: string;
  readonly suite: string;
  readonly signature: string;
  readonly batch?: { readonly index: number; readonly size: number; readonly path: readonly string[] };
}
