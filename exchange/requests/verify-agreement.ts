/** Requester: checks a delivered agreement against its own request and the ledger, verifies it, and sees it finalized. */
import { Compile } from "typebox/compile";
import { canonicalJson, digestOf, saltedDigest } from "../../crypto/suites/digest.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import { agreementProblems } from "../negotiation/agreement.ts";
import { negotiationDocument, verificationMessage } from "../negotiation/compose.ts";
import type { ContractAgreementVerificationMessage, ContractNegotiation } from "../negotiation/messages.ts";
import {
  AgreementDelivery,
  type AgreementRecord,
  agreementIdOf,
  agreementKey,
  type Conclusion,
  conclusionBody,
  invalidAgreement,
  messageOf,
  moved,
  requestDigest,
  requested,
} from "./agreement-record.ts";
import { RequestError } from "./errors.ts";
import type { Directory, RecordStore, RequestDocument, RequestStores } from "./ports.ts";

export interface VerifyPorts {
  readonly identity: { readonly member: string };
  readonly directory: Pick<Directory, "asset">;
  readonly stores: Pick<RequestStores, "documents">;
  readonly agreements: RecordStore<AgreementRecord>;
  /** The provider's decision by this node's replica. */
  readonly decision: (
    request: string,
    asset: string,
  ) => Promise<
    | {
        readonly outcome: "permit" | "refuse" | "wait";
        readonly policyDigest: string;
        readonly explanationDigest: string;
      }
    | undefined
  >;
  /** What was concluded under this id, by this node's replica. */
  readonly concluded: (agreement: string) => Promise<Conclusion | undefined>;
}

const compiled = Compile(AgreementDelivery);

/** The verification; a delivery that comes again gets the same one. Throws RequestError. */
export async function verifyAgreement(
  ports: VerifyPorts,
  from: string,
  id: string,
  received: unknown,
): Promise<ContractAgreementVerificationMessage> {
  const delivery = checkedDelivery(received);
  const asset = delivery.asset.id;
  const document = await ports.stores.documents.get(id);
  if (document === undefined) throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${id}: not filed here`);
  const key = agreementKey(id, asset);
  const kept = await ports.agreements.get(key);
  if (kept !== undefined && canonicalJson(kept.delivery) === canonicalJson(delivery)) {
    return verificationMessage(kept.negotiation);
  }
  await checkDelivery(ports, { from, document, delivery });
  const before =
    kept === undefined || (await isDropped(ports, kept, delivery))
      ? requested(document.document.statement, delivery.policy)
      : kept.negotiation;
  const agreed = moved(before, "provider", delivery.message);
  const verification = verificationMessage(agreed);
  const negotiation = moved(agreed, "consumer", verification);
  await ports.agreements.put(key, { request: id, asset, agreement: agreementIdOf(id, asset), negotiation, delivery });
  return verification;
}

/** The provider says FINALIZED: taken once this node's replica has the very agreement that was verified. */
export async function finalizeAgreement(
  ports: Pick<VerifyPorts, "agreements" | "concluded" | "decision">,
  from: string,
  id: string,
  received: { readonly asset: string; readonly message: unknown },
): Promise<ContractNegotiation> {
  const event = messageOf("ContractNegotiationEventMessage", received.message);
  const key = agreementKey(id, received.asset);
  const kept = await ports.agreements.get(key);
  if (kept === undefined || kept.delivery.asset.provider !== from) {
    throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${id}: no agreement of ${from} on ${received.asset}`);
  }
  const isRepeated = kept.negotiation.state === "FINALIZED" && event.eventType === "FINALIZED";
  const before = isRepeated ? { ...kept.negotiation, state: "VERIFIED" as const } : kept.negotiation;
  const negotiation = moved(before, "provider", event);
  if (isRepeated) return negotiationDocument(kept.negotiation);
  const found = await onLedger(ports, kept);
  if (found === "nothing") throw behind(received.asset);
  if (found === "another") throw refused("agreement", "the ledger does not have what was verified");
  await ports.agreements.put(key, { ...kept, negotiation });
  return negotiationDocument(negotiation);
}

/** Verified under a decision that gave way to another one before it was recorded: its policy was replaced. */
const isDropped = async (ports: VerifyPorts, kept: AgreementRecord, delivery: AgreementDelivery): Promise<boolean> =>
  kept.delivery.explanation.salt !== delivery.explanation.salt && (await ports.concluded(kept.agreement)) === undefined;

/**
 * Does the ledger have the very agreement that was verified, behind the permit that came with it? Whatever differs would
 * have the opening refused, or reviewed in vain, for everyone: an explanation's digest alone does not bind its policy, nor an
 * agreement's digest what its provider recorded beside it.
 */
export async function onLedger(
  ports: Pick<VerifyPorts, "concluded" | "decision">,
  kept: AgreementRecord,
): Promise<"the-same" | "another" | "nothing"> {
  const { message, explanation } = kept.delivery;
  const [concluded, decision] = await Promise.all([
    ports.concluded(kept.agreement),
    ports.decision(kept.request, kept.asset),
  ]);
  if (concluded === undefined || decision === undefined) return "nothing";
  const isSame =
    canonicalJson(concluded) === canonicalJson(conclusionBody(kept)) &&
    decision.outcome === "permit" &&
    decision.policyDigest === message.agreement["sealane:policy"].digest &&
    decision.explanationDigest === explanationDigest(explanation);
  return isSame ? "the-same" : "another";
}

const explanationDigest = ({ salt, document }: AgreementDelivery["explanation"]): string =>
  saltedDigest(fromBase64url(salt, "salt", 32), document);

/** By schema only. Throws ERR_REQUEST_INVALID. */
export function checkedDelivery(received: unknown): AgreementDelivery {
  if (!compiled.Check(received)) {
    const [problem] = compiled.Errors(received);
    throw refused(problem?.instancePath ?? "", problem?.message ?? "malformed");
  }
  const delivery = received as AgreementDelivery;
  messageOf("ContractAgreementMessage", delivery.message);
  return delivery;
}

async function checkDelivery(
  ports: VerifyPorts,
  input: { readonly from: string; readonly document: RequestDocument; readonly delivery: AgreementDelivery },
): Promise<void> {
  const { from, document, delivery } = input;
  const { asset, policy, explanation, message } = delivery;
  const request = document.document.statement;
  const demand = (condition: boolean, field: string, detail: string) => {
    if (!condition) throw refused(field, detail);
  };
  demand(request.requester === ports.identity.member, "request", "was not filed by this node");
  demand(request.assets.includes(asset.id), "asset", `${asset.id} is not part of the request`);
  demand(asset.provider === from && policy.assigner === from, "asset", `${asset.id} is not ${from}'s`);
  const registered = await ports.directory.asset(asset.id);
  const recorded = await ports.decision(request.id, asset.id);
  const decision = recorded === undefined || recorded.outcome === "wait" ? undefined : recorded;
  const permit = decision ?? claimed(explanation.document);
  // Recorded together with the agreement: until then it must be what follows from the ledger as this node knows it.
  const isKnown = decision !== undefined || permit.policyDigest === registered?.policyDigest;
  if (registered === undefined || !isKnown) throw behind(asset.id);
  demand(registered.metadataDigest === digestOf(asset), "asset", "its metadata is not what the ledger registered");
  const problems = agreementProblems(message.agreement, {
    id: agreementIdOf(request.id, asset.id),
    policy,
    asset,
    request,
    requestDigest: requestDigest(document),
    decision: permit,
  });
  if (problems.length > 0) throw invalidAgreement(problems);
  const isTold = decision === undefined || decision.explanationDigest === explanationDigest(explanation);
  demand(isTold, "explanation", "is not the one on the ledger");
}

function claimed(explanation: unknown) {
  const { outcome, policyDigest } = (explanation ?? {}) as { outcome?: unknown; policyDigest?: unknown };
  if (outcome !== "permit" || typeof policyDigest !== "string") throw refused("explanation", "is of no permit");
  return { outcome: "permit" as const, policyDigest };
}

const behind = (asset: string) =>
  new RequestError("ERR_REQUEST_UNREACHABLE", `${asset}: this node's ledger replica is behind; try again`);

const refused = (field: string, detail: string) => invalidAgreement([{ field, code: "agreement", detail }]);
