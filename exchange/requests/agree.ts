/**
 * Provider: from a permit to a concluded agreement by the contract negotiation of DSP 2025-1. A provider may have no
 * endpoint, so it makes every call: the answer to the ContractAgreementMessage is the requester's
 * ContractAgreementVerificationMessage, and the FINALIZED event follows once the ledger has `agreement.conclude`.
 */
import { agreementOf, agreementProblems } from "../negotiation/agreement.ts";
import { agreementMessage, eventMessage } from "../negotiation/compose.ts";
import type { ContractNegotiationEventMessage } from "../negotiation/messages.ts";
import {
  type AgreementDelivery,
  type AgreementRecord,
  agreementIdOf,
  agreementKey,
  conclusionBody,
  invalidAgreement,
  messageOf,
  moved,
  requestDigest,
  requested,
} from "./agreement-record.ts";
import {
  decisionOn,
  explanationDocument,
  latestExplanation,
  type ProviderPorts,
  recordDecision,
} from "./decide-request.ts";
import type { Explanation, RecordStore } from "./ports.ts";
import { record, type ToRecord } from "./record.ts";

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

/**
 * Decides on one own asset. A permit and its agreement reach the ledger together where the requester verifies at once;
 * the decision alone where it does not, so that it never depends on who asked. Resolves with what was concluded: the
 * requester is told once nothing else waits for it. Safe to repeat at any point.
 */
export async function decideAndAgree(
  ports: AgreePorts,
  id: string,
  asset: string,
): Promise<AgreementRecord | undefined> {
  const made = await decisionOn(ports, id, asset);
  // Whatever kept it from being verified is met, and told, again once the decision is on the ledger.
  const kept =
    made.explanation.outcome === "permit" ? await verified(ports, id, asset).catch(() => undefined) : undefined;
  const isVerified = kept?.negotiation.state === "VERIFIED";
  await recordDecision(ports, id, made, isVerified ? [conclusionOf(kept)] : []);
  return isVerified ? kept : undefined;
}

/** Takes the negotiation on one permitted asset on to FINALIZED. Safe to repeat at any point: it goes on where it was. */
export async function negotiate(ports: AgreePorts, id: string, asset: string): Promise<void> {
  const kept = await verified(ports, id, asset);
  if (kept?.negotiation.state !== "VERIFIED") return;
  const { type, body, about } = conclusionOf(kept);
  await record(ports, type, body, about);
  await tellFinalized(ports, kept);
}

/** Up to the requester's verification. A state changes when the other side has acknowledged, and is on disk then. */
async function verified(ports: AgreePorts, id: string, asset: string): Promise<AgreementRecord | undefined> {
  const key = agreementKey(id, asset);
  const explanation = await latestExplanation(ports.stores, id, asset);
  let kept = await ports.agreements.get(key);
  // Verified under a decision that was never recorded, because its policy was replaced meanwhile.
  if (kept?.delivery.explanation.salt !== explanation?.salt) kept = undefined;
  if (kept === undefined) {
    kept = await prepare(ports, id, asset, explanation);
    if (kept === undefined) return undefined;
    await ports.agreements.put(key, kept);
  }
  if (kept.negotiation.state !== "REQUESTED") return kept;
  const agreed = await agree(ports, kept);
  await ports.agreements.put(key, agreed);
  return agreed;
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
async function prepare(
  ports: AgreePorts,
  id: string,
  assetId: string,
  explanation: Explanation | undefined,
): Promise<AgreementRecord | undefined> {
  const document = await ports.stores.documents.get(id);
  const own = await ports.ownAsset(assetId);
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

const conclusionOf = (kept: AgreementRecord): ToRecord<"agreement.conclude"> => ({
  type: "agreement.conclude",
  body: conclusionBody(kept),
  about: kept.agreement,
});

/** Once the ledger has it. */
export async function tellFinalized(ports: AgreePorts, kept: AgreementRecord): Promise<void> {
  const { request, asset } = kept;
  const message = eventMessage(kept.negotiation, "FINALIZED");
  await ports.notify(kept.delivery.message.agreement.assignee, request, { asset, message });
  const negotiation = moved(kept.negotiation, "provider", message);
  await ports.agreements.put(agreementKey(request, asset), { ...kept, negotiation });
}
