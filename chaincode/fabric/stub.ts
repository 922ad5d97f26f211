/** The part of fabric-shim's ChaincodeStub that the contract uses. */
export interface Stub {
  getBufferArgs(): readonly Uint8Array[];
  getCreator(): { readonly mspid: string; readonly idBytes: Uint8Array };
  getTxTimestamp(): { readonly seconds: unknown; readonly nanos: number };
  /** Empty for a key that is not there; never sees what this transaction has put. */
  getState(key: string): Promise<Uint8Array>;
  putState(key: string, value: Uint8Array): Promise<void>;
  getStateByRange(start: string, end: string): AsyncIterable<{ readonly key: string; readonly value: Uint8Array }>;
}

/** The transaction's timestamp in milliseconds since the epoch. `seconds` is a number or a Long. */
export function millisOf({ seconds, nanos }: ReturnType<Stub["getTxTimestamp"]>): number {
  return Number(String(seconds)) * 1_000 + Math.floor(nanos / 1_000_000);
}
