import { expect, test } from "vitest";
import { parametersFor } from "../../crypto/he/parameters.ts";
import { createReceiverKey } from "../../crypto/secagg/receiver.ts";
import { sha256 } from "../../crypto/suites/digest.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { signingIdentity, signStatement } from "../../crypto/suites/signed.ts";
import type { OpenBody } from "../../exchange/computations/opening.ts";
import { createEnvelopeKeys } from "../he/envelope.ts";
import { assertReceiverKey } from "./receiver-key-check.ts";

const set = parametersFor(3);
const [{ publicKey }, other] = await Promise.all([createEnvelopeKeys(set), createEnvelopeKeys(set)]);
const identity = signingIdentity("bureau", "intl", new Uint8Array(32).fill(1));
const names = { computation: "c1", request: "r1", receiver: "bureau" };
const body = { ...names, envelope: { method: "bfv", parameters: set.id } } as unknown as Omit<OpenBody, "receiverKey">;

function answer(over: Partial<typeof names & { key: Uint8Array; signed: Uint8Array }> = {}) {
  const { key = publicKey, signed = key, ...about } = over;
  const pair = createReceiverKey(
    { ...names, suite: "intl", homomorphicKey: toBase64url(sha256(signed)), ...about },
    {
      random: (bytes) => new Uint8Array(bytes).fill(2),
      sign: (domain, statement) => signStatement(identity, domain, statement),
    },
  );
  return { key: pair.signed as OpenBody["receiverKey"], homomorphicKey: toBase64url(key) };
}
const REFUSED = expect.objectContaining({ code: "ERR_REQUEST_UNREACHABLE" });

test("the receiver's own key for this computation is taken", () => {
  expect(() => assertReceiverKey(body, answer(), identity.publicKey)).not.toThrow();
  const { envelope: _none, ...masked } = body;
  const { key } = answer();
  expect(() => assertReceiverKey(masked, { key }, identity.publicKey)).toThrow(REFUSED);
});

test.each([
  ["another key than the one that was signed", answer({ signed: other.publicKey })],
  ["a key that is none of the parameter set", answer({ key: publicKey.with(5, 1) })],
  ["no key", { key: answer().key }],
  ["a key for another computation", answer({ computation: "c2" })],
  ["a key for another request", answer({ request: "r2" })],
  ["a key in another's name", answer({ receiver: "mallory" })],
])("%s is refused before anything is recorded", (_, given) => {
  expect(() => assertReceiverKey(body, given, identity.publicKey)).toThrow(REFUSED);
});

test("what the receiver has not signed is refused", () => {
  const stranger = signingIdentity("bureau", "intl", new Uint8Array(32).fill(9));
  for (const key of [stranger.publicKey, undefined]) {
    expect(() => assertReceiverKey(body, answer(), key)).toThrow(REFUSED);
  }
});
