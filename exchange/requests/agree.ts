/**
 * Provider: from a permit to a concluded agreement, by the contract negotiation of DSP 2025-1. The agreement is drawn
 * up with the decision; once the requester has verified it, both reach the ledger under one signature, and FINALIZED
 * follows. What to say next is a function of the negotiation, the ledger and what was decided.
 */
import { agreementDigest, agreementOf, agreementProblems, offerOf } from "../negotiation/agreement.ts";
import { agreementMessage, eventMessage, negotiationTermination, offerMessage } from "../negotiation/compose.ts";
import { dataRequestOf, isOfferFor, withDataRequest } from "../negotiation/data-request.ts";
import type { NegotiationMessage } from "../negotiation/messages.ts";
import type { Negotiation } from "../negotiation/negotiation.ts";
import {
  type AgreementRecord,
  agreementIdOf,
  agreementKey,
  type Conclusion,
  conclusionBody,
  invalidAgreement,
  isConcluded,
  requestDigest,
} from "./agreement-record.ts";
import {
  decisionOn,
  explanationDocument,
  latestExplanation,
  type ProviderPorts,
  recordDecision,
} from "./decide-request.ts";
import { ending, endOf, POLICY_REPLACED } from "./negotiated.ts";
import type { Explanation, RecordStore } from "./ports.ts";
import { record, type ToRecord } from "./record.ts";

export interface AgreePorts extends ProviderPorts {
  readonly agreements: RecordStore<AgreementRecord>;
  /** Resolves with true once the requester has verified this agreement; with false where it does not in time. */
  readonly verified: (kept: AgreementRecord) => Promise<boolean>;
}

/**
 * Decides on one own asset. A permit and its agreement reach the ledger together where the requester verifies at once;
 * the decision alone where it does not, so that it never depends on who asked. Safe to repeat at any point.
 */
export async function decideAndAgree(ports: AgreePorts, id: string, asset: string): Promise<void> {
  const made = await decisionOn(ports, id, asset);
  // Whatever keeps it from being drawn up is met, and told, again once the decision is on the ledger.
  const kept =
    made.explanation.outcome === "permit" ? await drawnUp(ports, id, asset).catch(() => undefined) : undefined;
  const isVerified = kept !== undefined && (await ports.verified(kept));
  await recordDecision(ports, id, made, isVerified ? [conclusionOf(kept)] : []);
}

/** Concludes on one permitted asset, once the requester has verified. Safe to repeat at any point. */
export async function conclude(ports: AgreePorts, id: string, asset: string): Promise<void> {
  const kept = await drawnUp(ports, id, asset);
  if (kept === undefined || !(await ports.verified(kept))) return;
  const { type, body, about } = conclusionOf(kept);
  await record(ports, type, body, about);
}

/** Provider: from now on the agreement opens nothing; a running computation stops before view-2. */
export async function revokeAgreement(
  ports: Pick<AgreePorts, "identity" | "ledger" | "network">,
  agreement: string,
  reason: string,
): Promise<void> {
  await record(ports, "agreement.revoke", { agreement, reason }, agreement);
}

const conclusionOf = (kept: AgreementRecord): ToRecord<"agreement.conclude"> => ({
  type: "agreement.conclude",
  body: conclusionBody(kept),
  about: kept.agreement,
});

/** The agreement that the latest permit leads to, on disk. Undefined where there is no permit, or no asset any more. */
async function drawnUp(ports: AgreePorts, id: string, assetId: string): Promise<AgreementRecord | undefined> {
  const key = agreementKey(id, assetId);
  const explanation = await latestExplanation(ports.stores, id, assetId);
  const kept = await ports.agreements.get(key);
  // Of a decision that was never recorded, because its policy was replaced meanwhile, nothing is left.
  if (kept !== undefined && kept.terms.explanation.salt === explanation?.salt) return kept;
  const made = await drawUp(ports, id, assetId, explanation);
  if (made !== undefined) await ports.agreements.put(key, made);
  return made;
}

async function drawUp(
  ports: AgreePorts,
  id: string,
  assetId: string,
  explanation: Explanation | undefined,
): Promise<AgreementRecord | undefined> {
  const document = await ports.stores.documents.get(id);
  const own = await ports.ownAsset(assetId);
  if (document === undefined || own?.policy === undefined || explanation?.outcome !== "permit") return undefined;
  const { asset, policy } = own;
  const terms = {
    id: agreementIdOf(id, assetId),
    asset,
    policy,
    request: document.document.statement,
    requestDigest: requestDigest(document),
    decision: explanation,
  };
  const agreement = agreementOf({ ...terms, timestamp: ports.now() });
  const problems = agreementProblems(agreement, terms);
  if (problems.length > 0) throw invalidAgreement(problems);
  const salted = { salt: explanation.salt, document: explanationDocument(explanation) };
  return { request: id, asset: assetId, agreement: terms.id, terms: { agreement, asset, policy, explanation: salted } };
}

/** Is this what the negotiation is about now? */
export const isAgreedIn = ({ agreement }: Negotiation, { terms }: AgreementRecord): boolean =>
  agreement !== undefined && agreementDigest(agreement) === agreementDigest(terms.agreement);

export interface ProviderWord extends Pick<ProviderPorts, "stores"> {
  readonly agreements: Pick<RecordStore<AgreementRecord>, "get">;
  /** What was concluded under this id, by this node's replica. */
  readonly concluded: (agreement: string) => Promise<Conclusion | undefined>;
}

/** What the provider says next; undefined: it waits for its own decision, its ledger, or the requester. */
export async function nextOfProvider(
  ports: ProviderWord,
  negotiation: Negotiation,
): Promise<NegotiationMessage | undefined> {
  const { state, offer } = negotiation;
  const reference = dataRequestOf(offer);
  if (reference === undefined || (state !== "REQUESTED" && state !== "ACCEPTED" && state !== "VERIFIED"))
    return undefined;
  const { request } = reference;
  const kept = await ports.agreements.get(agreementKey(request, offer.target));
  const isVerified = state === "VERIFIED" && kept !== undefined && isAgreedIn(negotiation, kept);
  const concluded = isVerified ? await ports.concluded(kept.agreement) : undefined;
  if (isVerified && concluded !== undefined) {
    if (isConcluded(concluded, kept)) return eventMessage(negotiation, "FINALIZED");
    return negotiationTermination(negotiation, ending("agreement-mismatch"));
  }
  const life = (await ports.stores.lives.get(request))?.life;
  const cause = life === undefined ? undefined : endOf(life, offer.target);
  if (cause !== undefined) return negotiationTermination(negotiation, cause);
  if (isVerified) return undefined;
  if (state === "VERIFIED") return negotiationTermination(negotiation, ending(POLICY_REPLACED));
  const explanation = await latestExplanation(ports.stores, request, offer.target);
  if (kept === undefined || explanation?.salt !== kept.terms.explanation.salt) return undefined;
  const { agreement, policy, explanation: salted } = kept.terms;
  if (isOfferFor(offer, policy, reference)) return agreementMessage(negotiation, agreement, salted);
  if (state === "ACCEPTED") return negotiationTermination(negotiation, ending(POLICY_REPLACED));
  return offerMessage(negotiation, withDataRequest(offerOf(policy), reference));
}
