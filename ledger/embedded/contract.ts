/** Runs the contract for the embedded host: signatures from crypto/suites, time and position from the log. */
import { execute, type Outcome } from "../../chaincode/rules/execute.ts";
import type { SignedLike, StateStore } from "../../chaincode/rules/host.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import { type Signed, type SigningDomain, verifySigned } from "../../crypto/suites/signed.ts";

export function runContract(
  store: StateStore,
  at: { readonly position: number; readonly time: string },
  transaction: unknown,
): Promise<Outcome> {
  return execute({ store, ...at, verify: verifyForContract }, transaction);
}

/** Host.verify: false for everything malformed, never an exception. */
export function verifyForContract(publicKey: string, domain: string, signed: SignedLike): boolean {
  try {
    // The contract passes only domains of SigningDomain and envelopes its schema accepted.
    return verifySigned(fromBase64url(publicKey, "public key", 32), domain as SigningDomain, signed as Signed<unknown>);
  } catch {
    return false;
  }
}
