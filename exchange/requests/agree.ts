/**
 * Provider: from a permit to a concluded agreement by the contract negotiation of DSP 2025-1. A provider may have no
 * endpoint, so it makes every call: the answer to the ContractAgreementMessage is the requester's
 * ContractAgreementVerificationMessage, and the FINALIZED event follows once the ledger has `agreement.conclude`.
 */
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import { agreementDigest, agreementOf, agreementProblems } from "../negotiation/agreement.ts";
import { agreementMessage, eventMessage } from "../negotiation/compose.ts";
import type { ContractNegotiationEventMessage } from "../negotiation/messages.ts";
import {
  type AgreementDelivery,
  type AgreementRecord,
  agreementIdOf,
  agreementKey,
  invalidAgreement,
  messageOf,
  moved,
  requestDigest,
  requested,
} from "./agreement-record.ts";
import { explanationDocument, latestExplanation, type ProviderPorts } from "./decide-request.ts";
import type { RecordStore } from "./ports.ts";
import { record } from "./record.ts";

/** An event with the asset whose negotiation it moves. */
export interface NegotiationEvent {
  readonly asset: string;
  readonly message: ContractNegotiationEventMessage;
}

export interface AgreePorts extends ProviderPorts {
  readonly agreements: RecordStore<AgreementRecord>;
  /** Resolves with the requester's verification, unchecked. Throws ERR_REQUEST_UNREACHABLE. */
  readonly deliver: (requester: string, request: string, delivery: AgreementDelivery) => Promise<unknown>;
  /** Resolves once the requester has acknowledged the event. Throws ERR_REQUEST_UNREACHABLE. */
  readonly notify: (requester: string, request: string, event: NegotiationEvent) => Promise<unknown>;
}

/** Takes the negotiation on one permitted asset on to FINALIZED. Safe to repeat at any point: it goes on where it was. */
export async function negotiate(ports: AgreePorts, id: string, asset: string): Promise<void> {
  const key = agreementKey(id, asset);
  let kept = await ports.agreements.get(key);
  // A state changes when the other side has acknowledged, and is on disk before anything else happens.
  const keep = async (next: AgreementRecord) => {
    await ports.agreements.put(key, next);
    return next;
  };
  if (kept === undefined) {
    const prepared = await prepare(ports, id, asset);
    if (prepared === undefined) return;
    kept = await keep(prepared);
  }
  if (kept.negotiation.state === "REQUESTED") kept = await keep(await agree(ports, kept));
  if (kept.negotiation.state === "VERIFIED") await keep(await finalize(ports, kept));
}

/** Provider: from now on the agreement opens nothing; a running computation stops before view-2. */
export async function revokeAgreement(
  ports: Pick<AgreePorts, "identity" | "ledger" | "network">,
  agreement: string,
  reason: string,
): Promise<void> {
  await record(ports, "agreement.revoke", { agreement, reason }, agreement);
}

/** Undefined where there is nothing to agree on: no permit, or no asset any more. */
async function prepare(ports: AgreePorts, id: string, assetId: string): Promise<AgreementRecord | undefined> {
  const document = await ports.stores.documents.get(id);
  const own = await ports.ownAsset(assetId);
  const explanation = await latestExplanation(ports.stores, id, assetId);
  if (document === undefined || own?.policy === undefined || explanation?.outcome !== "permit") return undefined;
  const { asset, policy } = own;
  const request = document.document.statement;
  const agreement = agreementIdOf(id, assetId);
  const terms = {
    id: agreement,
    asset,
    policy,
    request,
    requestDigest: requestDigest(document),
    decision: explanation,
  };
  const negotiation = requested(request, policy);
  const message = agreementMessage(negotiation, agreementOf({ ...terms, timestamp: ports.now() }));
  const problems = agreementProblems(message.agreement, terms);
  if (problems.length > 0) throw invalidAgreement(problems);
  return {
    request: id,
    asset: assetId,
    agreement,
    negotiation,
    delivery: {
      message,
      asset,
      policy,
      explanation: { salt: explanation.salt, document: explanationDocument(explanation) },
    },
  };
}

async function agree(ports: AgreePorts, kept: AgreementRecord): Promise<AgreementRecord> {
  const { delivery, request } = kept;
  const answer = await ports.deliver(delivery.message.agreement.assignee, request, delivery);
  const agreed = moved(kept.negotiation, "provider", delivery.message);
  const negotiation = moved(agreed, "consumer", messageOf("ContractAgreementVerificationMessage", answer));
  return { ...kept, negotiation };
}

async function finalize(ports: AgreePorts, kept: AgreementRecord): Promise<AgreementRecord> {
  const { agreement } = kept.delivery.message;
  const { request, asset } = kept;
  const body = {
    agreement: kept.agreement,
    request,
    asset,
    assetVersion: agreement["sealane:assetVersion"],
    consumer: agreement.assignee,
    digest: agreementDigest(agreement),
    validUntil: agreement["sealane:validUntil"],
    ...maxUses(kept.delivery),
  };
  await record(ports, "agreement.conclude", body, kept.agreement);
  const message = eventMessage(kept.negotiation, "FINALIZED");
  await ports.notify(agreement.assignee, request, { asset, message });
  return { ...kept, negotiation: moved(kept.negotiation, "provider", message) };
}

function maxUses({ policy }: AgreementDelivery): { readonly maxUses?: number } {
  const parsed = parsePolicy(policy);
  return parsed.ok && parsed.terms.uses !== undefined ? { maxUses: parsed.terms.uses } : {};
}
