/**
 * For requesters that nobody can connect to: the operator keeps their request documents for the providers, and the
 * providers' agreements for them. It can read the documents, as the ledger's digests prove, but change nothing.
 */
import { readNetwork, readRequest } from "../../chaincode/rules/keys.ts";
import type { ContractAgreementVerificationMessage } from "../../exchange/negotiation/messages.ts";
import { type AgreementDelivery, receiveAgreement } from "../../exchange/requests/agree.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import type { RequestDocument } from "../../exchange/requests/ports.ts";
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
  if (delivery.asset.provider !== from) {
    throw new RequestError("ERR_REQUEST_FORBIDDEN", `${delivery.asset.id}: is not ${from}'s`);
  }
  await ctx.stores.relayedAgreements.put(key, { from, delivery });
  throw new RequestError("ERR_REQUEST_UNREACHABLE", `request ${id}: waiting for the requester to fetch it; try again`);
}

export async function takeVerification(
  ctx: Context,
  author: string,
  id: string,
  answer: { readonly asset: string; readonly verification: ContractAgreementVerificationMessage },
): Promise<void> {
  const key = `${id}/${answer.asset}`;
  const kept = await ctx.stores.relayedAgreements.get(key);
  if (kept === undefined || kept.delivery.message.agreement.assignee !== author) {
    throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${id}: no agreement on ${answer.asset} waits for ${author}`);
  }
  await ctx.stores.relayedAgreements.put(key, { ...kept, verification: answer.verification });
}

// ---- the requester's side

/** Deposits the document and answers the agreements that wait. True while the request may still get some. */
export async function serveThroughRelay(ctx: Context, id: string): Promise<boolean> {
  const { member, members, peers } = ctx.services;
  const standIn = await standInFor(ctx, member);
  const known = await ctx.stores.lives.get(id);
  const document = await ctx.stores.documents.get(id);
  if (standIn === member || document === undefined || known?.life.name !== "submitted") return false;
  if (known.life.requester !== member) return false;
  const target = await members.target(standIn);
  const post = (path: string, body: unknown) => peers.call(target, { method: "POST", path, body, response: Accepted });
  await post(paths.relayDocument(id), document);
  const { agreements } = await peers.call(target, {
    method: "GET",
    path: paths.relayAgreements(id),
    response: RelayedAgreements,
  });
  const ports = {
    identity: ctx.party.identity,
    directory: ctx.facts,
    stores: ctx.stores,
    agreements: ctx.stores.agreements,
    decision: ctx.facts.decision,
  };
  for (const { from, delivery } of agreements) {
    const verification = await receiveAgreement(ports, from, id, delivery);
    await post(paths.relayVerification(id), { asset: delivery.asset.id, verification });
  }
  return true;
}
