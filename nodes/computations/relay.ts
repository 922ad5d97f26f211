/**
 * For requesters that nobody can connect to: the operator keeps their request documents for the providers, and the
 * providers' agreements for them. It can read the documents, as the ledger's digests prove, but change nothing.
 */
import { readNetwork, readRequest } from "../../chaincode/rules/keys.ts";
import { providerOf } from "../../chaincode/rules/rule.ts";
import type { ContractAgreementVerificationMessage, ContractNegotiation } from "../../exchange/negotiation/messages.ts";
import type { AgreementDelivery } from "../../exchange/requests/agreement-record.ts";
import { messageOf } from "../../exchange/requests/agreement-record.ts";
import type { KnownLife } from "../../exchange/requests/decide-request.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import { isOver } from "../../exchange/requests/life.ts";
import type { RequestDocument } from "../../exchange/requests/ports.ts";
import { finalizeAgreement, verifyAgreement } from "../../exchange/requests/verify-agreement.ts";
import { consumerPorts } from "./consumer.ts";
import type { Context } from "./context.ts";
import { Accepted, paths, RelayedAgreements } from "./peer-messages.ts";

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

/** A provider's agreement waits here; the answer is the requester's verification, or "try again". */
export async function relayAgreement(
  ctx: Context,
  from: string,
  id: string,
  delivery: AgreementDelivery,
): Promise<ContractAgreementVerificationMessage> {
  const key = `${id}/${delivery.asset.id}`;
  const kept = await ctx.stores.relayedAgreements.get(key);
  if (kept?.verification !== undefined && kept.from === from) return kept.verification;
  const { asset, message } = delivery;
  const onLedger = await readRequest(ctx.services.ledger, id);
  // What the delivery says of itself is its author's word: whose place it takes follows from the ledger.
  if (providerOf(asset.id) !== from || onLedger?.assets.includes(asset.id) !== true) {
    throw new RequestError("ERR_REQUEST_FORBIDDEN", `request ${id}: names no asset ${asset.id} of ${from}`);
  }
  if (message.agreement.assignee !== onLedger.requester) {
    throw new RequestError("ERR_REQUEST_FORBIDDEN", `request ${id}: is not of ${message.agreement.assignee}`);
  }
  await ctx.stores.relayedAgreements.put(key, { from, delivery });
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
  const event = { asset, message: messageOf("ContractNegotiationEventMessage", message) };
  await ctx.stores.relayedAgreements.put(key, { ...kept, event });
  throw new RequestError("ERR_REQUEST_UNREACHABLE", `request ${id}: waiting for the requester to fetch it; try again`);
}

export async function takeAnswer(
  ctx: Context,
  author: string,
  id: string,
  {
    asset,
    answer,
  }: { readonly asset: string; readonly answer: ContractAgreementVerificationMessage | ContractNegotiation },
): Promise<void> {
  const key = `${id}/${asset}`;
  const kept = await ctx.stores.relayedAgreements.get(key);
  if (kept === undefined || kept.delivery.message.agreement.assignee !== author) {
    throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${id}: no agreement on ${asset} waits for ${author}`);
  }
  const said = answer["@type"] === "ContractNegotiation" ? { finalized: answer } : { verification: answer };
  await ctx.stores.relayedAgreements.put(key, { ...kept, ...said });
}

// ---- the requester's side

/** Deposits the document and answers the agreements and events that wait. True while there may still be some. */
export async function serveThroughRelay(ctx: Context, id: string): Promise<boolean> {
  const { member, members, peers } = ctx.services;
  const standIn = await standInFor(ctx, member);
  const known = await ctx.stores.lives.get(id);
  const document = await ctx.stores.documents.get(id);
  if (standIn === member || document === undefined || known === undefined || known.life.name === "draft") return false;
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
  const ports = consumerPorts(ctx);
  for (const { from, delivery, event } of agreements) {
    const answer =
      event === undefined
        ? await verifyAgreement(ports, from, id, delivery)
        : await finalizeAgreement(ports, from, id, event);
    await post(paths.relayAnswer(id), { asset: delivery.asset.id, answer });
  }
  return true;
}

/** Verified here, but the provider's FINALIZED has not come yet. */
async function isNegotiating(ctx: Context, life: KnownLife): Promise<boolean> {
  if (isOver(life)) return false;
  for await (const [, { negotiation }] of ctx.stores.agreements.entries(`${life.id}/`)) {
    if (negotiation.state === "VERIFIED") return true;
  }
  return false;
}
