/** An algorithm suite: every signature and key record names one, so that a network can move to another. */
import { intl } from "./intl.ts";

export const SUITE_IDS = ["intl"] as const;
export type SuiteId = (typeof SUITE_IDS)[number];

export interface Suite {
  readonly id: string;
  /** Deterministic key pair from 32 secret random bytes. Keys are raw bytes. */
  keyPair(seed: Uint8Array): { publicKey: Uint8Array; privateKey: Uint8Array };
  sign(privateKey: Uint8Array, message: Uint8Array): Uint8Array;
  /** False for every malformed key or signature; never throws. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** The same answer from another thread; never rejects. */
  verifyAhead(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

const SUITES: Readonly<Record<SuiteId, Suite>> = Object.freeze(Object.assign(Object.create(null), { intl }));

/** Throws RangeError for an unknown id. */
export function suiteOf(id: string): Suite {
  const suite = SUITES[id as SuiteId];
  if (suite === undefined) throw new RangeError(`suite: unknown algorithm suite ${JSON.stringify(id)}`);
  return suite;
}
