/** The requester's look at R's answer: a record names one key for ever, so nothing false is put into it. */
import type { Static } from "typebox";
import { assertHomomorphicKey } from "../../crypto/secagg/member-setup.ts";
import { verifySigned } from "../../crypto/suites/signed.ts";
import type { OpenBody } from "../../exchange/computations/opening.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import type { ReceiverKeyAnswer } from "./peer-messages.ts";

/**
 * `publicKey`: R's, of the key id that signed, as the ledger has it. Throws ERR_REQUEST_UNREACHABLE (another answer may come) where the answer is
 * not R's for this computation, or its homomorphic key not one of the plan's parameters under the digest that R signed.
 */
export function assertReceiverKey(
  { computation, request, receiver, envelope }: Omit<OpenBody, "receiverKey">,
  { key, homomorphicKey }: Static<typeof ReceiverKeyAnswer>,
  publicKey: Uint8Array | undefined,
): void {
  const refuse = (field: string, cause?: unknown): never => {
    const message = `computation ${computation}: ${field} in the answer of ${receiver}`;
    throw new RequestError("ERR_REQUEST_UNREACHABLE", message, { cause });
  };
  const { statement } = key;
  for (const [name, wanted] of Object.entries({ computation, request, receiver })) {
    const got = statement[name as "computation" | "request" | "receiver"];
    if (got !== wanted) refuse(`statement.${name}: wanted ${wanted}, got ${got}`);
  }
  if (publicKey === undefined || key.signer !== receiver || !verifySigned(publicKey, "receiver-key", key))
    refuse("signature: not the receiver's");
  if ((envelope === undefined) !== (statement.homomorphicKey === undefined))
    refuse("statement.homomorphicKey: wanted exactly where the method is bfv");
  try {
    assertHomomorphicKey({ ...(envelope === undefined ? {} : { envelope }), receiverKey: key }, homomorphicKey);
  } catch (cause) {
    refuse(`homomorphicKey: ${(cause as Error).message}`, cause);
  }
}
