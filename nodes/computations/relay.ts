/**
 * For requesters that nobody can connect to: the operator keeps their request documents for the providers, and the
 * providers' agreements for them. It can read the documents, as the ledger's digests prove, but change nothing.
 */
import type { Static } from "typebox";
import { readNetwork, readRequest } from "../../chaincode/rules/keys.ts";
import { providerOf } from "../../chaincode/rules/rule.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import type { ContractAgreementVerificationMessage, ContractNegotiation } from "../../exchange/negotiation/messages.ts";
import type { AgreementDelivery } from "../../exchange/requests/agreement-record.ts";
import { messageOf } from "../../exchange/requests/agreement-record.ts";
import type { KnownLife } from "../../exchange/requests/decide-request.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import { isOver } from "../../exchange/requests/life.ts";
import type { RequestDocument } from "../../exchange/requests/ports.ts";
import { finalizeAgreement, verifyAgreement } from "../../exchange/requests/verify-agreement.ts";
import { PeerError } from "../peer/peer-error.ts";
import { consumerPorts } from "./consumer.ts";
import type { Context, RelayedAgreement } from "./context.ts";
import { Accepted, paths, RelayedAgreements, type RelayedAnswer } from "./peer-messages.ts";

/** Whom to ask for a requester's documents: itself, or the operator when it has no endpoint. */
export async function standInFor(ctx: Pick<Context, "facts" | "services">, requester: string): Promise<string> {
  const member = await ctx.facts.member(requester);
  if (member?.endpoint !== undefined) return requester;
  const network = await readNetwork(ctx.services.ledger);
  return network?.operator ?? requester;
}

// ---- the operator's side

/** Only the requester's own, signed by it; checked again by everyone who pulls it. */
export async function depositDocument(
  ctx: Context,
  author: string,
  id: string,
  document: RequestDocument,
): Promise<void> {
  if (document.document.signer !== author || document.document.statement.id !== id) {
    throw new RequestError("ERR_REQUEST_FORBIDDEN", `request ${id}: only its requester deposits it`);
  }
  // Only what is on the ledger takes room here: one document for each request that its author submitted.
  const onLedger = await readRequest(ctx.services.ledger, id);
  if (onLedger === undefined) {
    throw new RequestError("ERR_REQUEST_UNREACHABLE", `request ${id}: not on this node's replica yet; try again`);
  }
  if (onLedger.requester !== author) {
    throw new RequestError("ERR_REQUEST_FORBIDDEN", `request ${id}: only its requester deposits it`);
  }
  await ctx.stores.relayedDocuments.put(`${id}/${author}`, document);
}

/** A provider's agreement waits here; the answer is the requester's to this very delivery, or "try again". */
export async function relayAgreement(
  ctx: Context,
  from: string,
  id: string,
  delivery: AgreementDelivery,
): Promise<ContractAgreementVerificationMessage> {
  const { asset, message } = delivery;
  const key = `${id}/${asset.id}`;
  const kept = await ctx.stores.relayedAgreements.get(key);
  const isRepeated = kept?.from === from && digestOf(kept.delivery) === digestOf(delivery);
  if (isRepeated && kept.verification !== undefined) return kept.verification;
  if (isRepeated && kept.refused !== undefined) {
    await ctx.stores.relayedAgreements.delete(key);
    throw new RequestError(kept.refused, `request ${id}: the requester refused the agreement on ${asset.id}`);
  }
  const onLedger = await readRequest(ctx.services.ledger, id);
  // What the delivery says of itself is its author's word: whose place it takes follows from the ledger.
  if (providerOf(asset.id) !== from || onLedger?.assets.includes(asset.id) !== true) {
    throw new RequestError("ERR_REQUEST_FORBIDDEN", `request ${id}: names no asset ${asset.id} of ${from}`);
  }
  if (message.agreement.assignee !== onLedger.requester) {
    throw new RequestError("ERR_REQUEST_FORBIDDEN", `request ${id}: is not of ${message.agreement.assignee}`);
  }
  // Another delivery begins anew: nothing that was said of the one before is said of it.
  if (!isRepeated) await ctx.stores.relayedAgreements.put(key, { from, delivery });
  throw new RequestError("ERR_REQUEST_UNREACHABLE", `request ${id}: waiting for the requester to fetch it; try again`);
}

/** The FINALIZED event takes the same way; a repeated one is answered as before. */
export async function relayEvent(
  ctx: Context,
  from: string,
  id: string,
  { asset, message }: { readonly asset: string; readonly message: unknown },
): Promise<ContractNegotiation> {
  const key = `${id}/${asset}`;
  const kept = await ctx.stores.relayedAgreements.get(key);
  if (kept?.from !== from || kept.verification === undefined) {
    throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${id}: no agreement of ${from} on ${asset} was verified`);
  }
  if (kept.finalized !== undefined) return kept.finalized;
  const { refused, ...unrefused } = kept;
  if (refused !== undefined) {
    const { event: _event, ...verified } = unrefused;
    await ctx.stores.relayedAgreements.put(key, verified);
    throw new RequestError(refused, `request ${id}: the requester refused the event on ${asset}`);
  }
  const event = { asset, message: messageOf("ContractNegotiationEventMessage", message) };
  await ctx.stores.relayedAgreements.put(key, { ...kept, event });
  throw new RequestError("ERR_REQUEST_UNREACHABLE", `request ${id}: waiting for the requester to fetch it; try again`);
}

/** An answer is to the delivery that it names: one to a delivery that has given way meanwhile is dropped. */
export async function takeAnswer(
  ctx: Pick<Context, "stores">,
  author: string,
  id: string,
  { asset, digest, answer }: RelayedAnswer,
): Promise<void> {
  const key = `${id}/${asset}`;
  const kept = await ctx.stores.relayedAgreements.get(key);
  const isMeant = kept?.delivery.message.agreement.assignee === author && digestOf(kept.delivery) === digest;
  if (!isMeant || !waitsForAnswer(kept)) {
    throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${id}: no such agreement on ${asset} waits for ${author}`);
  }
  await ctx.stores.relayedAgreements.put(key, { ...kept, ...taken(kept, answer) });
}

function taken(kept: RelayedAgreement, answer: RelayedAnswer["answer"]): Partial<RelayedAgreement> {
  if ("refused" in answer) return answer;
  const isOfEvent = answer["@type"] === "ContractNegotiation";
  if (isOfEvent !== (kept.event !== undefined)) {
    throw new RequestError(
      "ERR_REQUEST_TRANSITION",
      `agreement on ${kept.delivery.asset.id}: ${answer["@type"]} is no answer`,
    );
  }
  return answer["@type"] === "ContractNegotiation" ? { finalized: answer } : { verification: answer };
}

/** An event waits behind its verified agreement. */
export const waitsForAnswer = ({ verification, event, finalized, refused }: RelayedAgreement): boolean =>
  refused === undefined && (verification === undefined || (event !== undefined && finalized === undefined));

// ---- the requester's side

/** Deposits the document and answers the agreements and events that wait. True while there may still be some. */
export async function serveThroughRelay(ctx: Context, id: string): Promise<boolean> {
  const { member, members, peers } = ctx.services;
  const standIn = await standInFor(ctx, member);
  if (standIn === member) return false;
  const known = await ctx.stores.lives.get(id);
  const document = await ctx.stores.documents.get(id);
  if (document === undefined || known === undefined || known.life.name === "draft") return false;
  const { life } = known;
  if (life.requester !== member || !(life.name === "submitted" || (await isNegotiating(ctx, life)))) return false;
  const target = await members.target(standIn);
  const post = (path: string, body: unknown) => peers.call(target, { method: "POST", path, body, response: Accepted });
  await post(paths.relayDocument(id), document);
  const { agreements } = await peers.call(target, {
    method: "GET",
    path: paths.relayAgreements(id),
    response: RelayedAgreements,
  });
  for (const { from, digest, delivery, event } of agreements) {
    const asset = delivery.asset.id;
    const answer = await answerTo(ctx, id, { from, delivery, event });
    if (answer === undefined) continue;
    const said: RelayedAnswer = { asset, digest, answer };
    // A delivery that gave way meanwhile is fetched again; it holds up nobody else's.
    await post(paths.relayAnswer(id), said).catch(unlessRefused);
  }
  return true;
}

type Waiting = Omit<Static<typeof RelayedAgreements>["agreements"][number], "digest">;

/** Undefined: not known yet; it waits for the next round. Whatever one provider sends, the others are answered. */
async function answerTo(
  ctx: Context,
  id: string,
  { from, delivery, event }: Waiting,
): Promise<RelayedAnswer["answer"] | undefined> {
  const ports = consumerPorts(ctx);
  try {
    return event === undefined
      ? await verifyAgreement(ports, from, id, delivery)
      : await finalizeAgreement(ports, from, id, event);
  } catch (error) {
    const isFinal = error instanceof RequestError && error.code !== "ERR_REQUEST_UNREACHABLE";
    const { log } = ctx.services;
    log[isFinal ? "warn" : "debug"]({ err: error, request: id, from }, "relayed agreement could not be answered");
    return isFinal ? { refused: error.code } : undefined;
  }
}

function unlessRefused(error: unknown): void {
  const status = error instanceof PeerError ? (error.answer?.status ?? 503) : 503;
  if (status >= 500) throw error;
}

/** Verified here, but the provider's FINALIZED has not come yet. */
async function isNegotiating(ctx: Context, life: KnownLife): Promise<boolean> {
  if (isOver(life)) return false;
  for await (const [, { negotiation }] of ctx.stores.agreements.entries(`${life.id}/`)) {
    if (negotiation.state === "VERIFIED") return true;
  }
  return false;
}
