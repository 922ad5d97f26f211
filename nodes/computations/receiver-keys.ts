/**
 * The receiver's keys of a computation, on disk before the signature of one leaves. Which of them the computation has, its
 * opening says: until then a requester may have asked for others, of a suite that the network has left or of other
 * parameters, and none takes the place of one that was answered before.
 */
import type { Static } from "typebox";
import { readComputationOpened, readRequest } from "../../chaincode/rules/keys.ts";
import type { ComputationOpened } from "../../chaincode/rules/records.ts";
import { parametersNamed } from "../../crypto/he/parameters.ts";
import { createReceiverKey, type ReceiverKeyPair } from "../../crypto/secagg/receiver.ts";
import { sha256 } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import type { SuiteId } from "../../crypto/suites/suite.ts";
import { ComputationError } from "../../exchange/computations/errors.ts";
import { computationIdOf, type OpenBody } from "../../exchange/computations/opening.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import { MAX_RESTARTS } from "../../exchange/requests/life.ts";
import { createEnvelopeKeys } from "../he/envelope.ts";
import type { Context } from "./context.ts";
import type { ReceiverKeyAnswer as KeyAnswer } from "./peer-messages.ts";

const ATTEMPTS = Array.from({ length: MAX_RESTARTS + 1 }, (_, attempt) => attempt);
const fileName = (computation: string) => `${computation}-key`;
/** A file of its own for each: what is written of one leaves the others as they are. */
const partName = (suite: SuiteId, parameters = "mask") => `${suite}-${parameters}`;

export interface KeptReceiverKey extends ReceiverKeyPair {
  /** base64url. The secret half is gone once its sum is decoded. */
  readonly homomorphic?: { readonly parameters: string; readonly publicKey: string; readonly secretKey?: string };
}

type ReceiverKeyAnswer = Static<typeof KeyAnswer>;
type Opened = ComputationOpened["body"];
type Inflight = Context["services"]["inflight"];

/** Message 1, R's part: the same key for the same computation, suite and parameters; once it is opened, the one it was opened with. */
export async function receiverKeyFor(
  ctx: Context,
  from: string,
  about: { readonly computation: string; readonly request: string; readonly parameters?: string | undefined },
): Promise<ReceiverKeyAnswer> {
  const { inflight, ledger, member, random } = ctx.services;
  const { computation, request, parameters } = about;
  const filed = await readRequest(ledger, request);
  // The requester's replica may be ahead of this one.
  if (filed === undefined)
    throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${request}: not on the ledger here yet`);
  if (filed.requester !== from || filed.receiver !== member) {
    throw new ComputationError("ERR_COMPUTATION_FORBIDDEN", `request ${request}: ${from} is not its requester`);
  }
  // One computation for each attempt; the id of another request's computation is not to be had.
  if (!ATTEMPTS.some((attempt) => computationIdOf(request, attempt) === computation)) {
    throw new ComputationError("ERR_COMPUTATION_CONFLICT", `computation ${computation}: not of this request`);
  }
  const opened = await readComputationOpened(ledger, computation);
  if (opened !== undefined) {
    const kept = await openedReceiverKey(inflight, opened.body);
    if (kept !== undefined) return answerOf(kept);
    // A requester that came back may be behind the ledger: a key that nothing is sealed for would stay for ever.
    throw new ComputationError("ERR_COMPUTATION_OVER", `computation ${computation}: its key is gone`);
  }
  const suite = await ctx.facts.suite();
  const part = partName(suite, parameters);
  // A call that is repeated while the first one is still being answered must not make a second key.
  return await ctx.shared(`receiver-key/${computation}/${part}`, async () => {
    const kept = await readKey(inflight, computation, part);
    if (kept !== undefined) return answerOf(kept);
    const homomorphic = parameters === undefined ? undefined : await createHomomorphicKey(parameters);
    const digest = homomorphic === undefined ? {} : { homomorphicKey: digestOfKey(homomorphic.publicKey) };
    const names = { computation, request, receiver: member, suite, ...digest };
    const pair = createReceiverKey(names, { random, sign: ctx.sign });
    const made: KeptReceiverKey = homomorphic === undefined ? pair : { ...pair, homomorphic };
    await writeKey(inflight, computation, part, made);
    return answerOf(made);
  });
}

/** The key that the computation was opened with; undefined where this node has none. */
export async function openedReceiverKey(inflight: Inflight, opened: Opened): Promise<KeptReceiverKey | undefined> {
  const kept = await readKey(inflight, opened.computation, partOf(opened));
  return kept?.signed.statement.publicKey === opened.receiverKey.statement.publicKey ? kept : undefined;
}

/** Once its sum is decoded. */
export async function forgetHomomorphicKey(inflight: Inflight, opened: Opened): Promise<void> {
  const kept = await openedReceiverKey(inflight, opened);
  if (kept?.homomorphic?.secretKey === undefined) return;
  const { secretKey: _spent, ...homomorphic } = kept.homomorphic;
  await writeKey(inflight, opened.computation, partOf(opened), { ...kept, homomorphic });
}

/** All that were asked for. */
export const eraseReceiverKeys = (inflight: Inflight, computation: string): Promise<void> =>
  inflight.erase(fileName(computation));

const partOf = ({ suite = "intl", envelope }: Opened): string => partName(suite, envelope?.parameters);

async function readKey(inflight: Inflight, computation: string, part: string): Promise<KeptReceiverKey | undefined> {
  const bytes = await inflight.getPart(fileName(computation), part);
  return bytes === undefined ? undefined : (JSON.parse(Buffer.from(bytes).toString("utf8")) as KeptReceiverKey);
}

const writeKey = (inflight: Inflight, computation: string, part: string, key: KeptReceiverKey): Promise<void> =>
  inflight.putPart(fileName(computation), part, Buffer.from(JSON.stringify(key), "utf8"));

const answerOf = ({ signed, homomorphic }: KeptReceiverKey): ReceiverKeyAnswer => ({
  key: signed as OpenBody["receiverKey"],
  ...(homomorphic === undefined ? {} : { homomorphicKey: homomorphic.publicKey }),
});

async function createHomomorphicKey(parameters: string) {
  const { publicKey, secretKey } = await createEnvelopeKeys(parametersNamed(parameters));
  const kept = { parameters, publicKey: toBase64url(publicKey), secretKey: toBase64url(secretKey) };
  secretKey.fill(0);
  return kept;
}

const digestOfKey = (publicKey: string): string => toBase64url(sha256(fromBase64url(publicKey, "homomorphic key")));
