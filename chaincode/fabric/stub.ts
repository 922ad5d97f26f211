/** What a call of the contract gets from the peer. Names are those of fabric-shim, where it has them. */
export interface Stub {
  getBufferArgs(): readonly Uint8Array[];
  getCreator(): { readonly mspid: string; readonly idBytes: Uint8Array };
  getTxTimestamp(): { readonly seconds: number; readonly nanos: number };
  /** Empty for a key that is not there; never sees what this transaction has put. */
  getState(key: string): Promise<Uint8Array>;
  putState(key: string, value: Uint8Array): Promise<void>;
  getStateByRange(start: string, end: string): AsyncIterable<{ readonly key: string; readonly value: Uint8Array }>;
  /** Many at once, in order; where the peer can (3.1 and later). */
  getStates?(keys: readonly string[]): Promise<readonly Uint8Array[]>;
  putStates?(entries: readonly StateEntry[]): Promise<void>;
}

export interface StateEntry {
  readonly key: string;
  readonly value: Uint8Array;
}

/** The transaction's timestamp in milliseconds since the epoch. */
export function millisOf({ seconds, nanos }: ReturnType<Stub["getTxTimestamp"]>): number {
  return seconds * 1_000 + Math.floor(nanos / 1_000_000);
}
