/** The node's keys at start: those that the ledger names, also when a rotation was cut off half way. */
import { keys as stateKeys } from "../../chaincode/rules/keys.ts";
import type { KeyState } from "../../chaincode/rules/records.ts";
import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import type { Ledger } from "../../ledger/port.ts";
import { dropNextKeys, haveNextKeys, promoteNextKeys, readIdentity } from "../config/node-keys.ts";

/**
 * Signs peer requests. From the moment the sequencer knows a rotation until this node restarts under the new key, only
 * the new key is accepted, while everything else still runs under the old one.
 */
export interface RequestSigner {
  identity(): SigningIdentity;
  offerNext(next: SigningIdentity): void;
  /** The other side did not know the key: true when there is another one to try. */
  refused(): boolean;
}

export function createRequestSigner(current: SigningIdentity, next: SigningIdentity | undefined): RequestSigner {
  let used = current;
  let other = next;
  return Object.freeze({
    identity: () => used,
    offerNext(identity: SigningIdentity) {
      other = identity;
    },
    refused() {
      if (other === undefined) return false;
      [used, other] = [other, used];
      return true;
    },
  });
}

/**
 * Made by a rotation that this node has not seen the end of; undefined in all other cases. Only the identity: a crash in
 * the middle of a promotion has moved the TLS files already.
 */
export const readNextIdentity = async (
  dir: string,
  member: string,
  passphrase: string | undefined,
): Promise<SigningIdentity | undefined> =>
  (await haveNextKeys(dir)) ? await readIdentity(dir, "next", member, passphrase) : undefined;

/**
 * Asks the ledger about the next keys. `promoted`: it names them, so they are now the current files. `dropped`: they
 * were replaced or revoked since. `unknown`: the rotation may still be on its way, so nothing is touched.
 */
export async function settleNextKeys(
  dir: string,
  next: SigningIdentity,
  ledger: Pick<Ledger, "get">,
): Promise<"promoted" | "dropped" | "unknown"> {
  const state = await ledger.get<KeyState>(stateKeys.key(next.key));
  if (state === undefined) return "unknown";
  if (state.state === "current") {
    await promoteNextKeys(dir);
    return "promoted";
  }
  await dropNextKeys(dir);
  return "dropped";
}
