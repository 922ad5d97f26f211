/** Requester: checks a delivered agreement against its own request and the ledger, verifies it, and sees it finalized. */
import { Compile } from "typebox/compile";
import { canonicalJson, digestOf, saltedDigest } from "../../crypto/suites/digest.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import { agreementDigest, agreementProblems } from "../negotiation/agreement.ts";
import { negotiationDocument, verificationMessage } from "../negotiation/compose.ts";
import type { ContractAgreementVerificationMessage, ContractNegotiation } from "../negotiation/messages.ts";
import {
  AgreementDelivery,
  type AgreementRecord,
  agreementIdOf,
  agreementKey,
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
  /** Digest of a concluded agreement by this node's replica. */
  readonly concluded: (agreement: string) => Promise<string | undefined>;
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
  const before = kept?.negotiation ?? requested(document.document.statement, delivery.policy);
  const agreed = moved(before, "provider", delivery.message);
  const verification = verificationMessage(agreed);
  const negotiation = moved(agreed, "consumer", verification);
  await ports.agreements.put(key, { request: id, asset, agreement: agreementIdOf(id, asset), negotiation, delivery });
  return verification;
}

/** The provider says FINALIZED: taken once this node's replica has the very agreement that was verified. */
export async function finalizeAgreement(
  ports: Pick<VerifyPorts, "agreements" | "concluded">,
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
  const digest = await ports.concluded(kept.agreement);
  if (digest === undefined) throw behind(received.asset);
  if (digest !== agreementDigest(kept.delivery.message.agreement)) {
    throw refused("agreement", "the one on the ledger is not the one that was verified");
  }
  await ports.agreements.put(key, { ...kept, negotiation });
  return negotiationDocument(negotiation);
}

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
  const decision = await ports.decision(request.id, asset.id);
  if (registered === undefined || decision === undefined || decision.outcome === "wait") throw behind(asset.id);
  demand(registered.metadataDigest === digestOf(asset), "asset", "its metadata is not what the ledger registered");
  const problems = agreementProblems(message.agreement, {
    id: agreementIdOf(request.id, asset.id),
    policy,
    asset,
    request,
    requestDigest: requestDigest(document),
    decision,
  });
  if (problems.length > 0) throw invalidAgreement(problems);
  const digest = saltedDigest(fromBase64url(explanation.salt, "salt", 32), explanation.document);
  demand(decision.explanationDigest === digest, "explanation", "is not the one on the ledger");
}

const behind = (asset: string) =>
  new RequestError("ERR_REQUEST_UNREACHABLE", `${asset}: this node's ledger replica is behind; try again`);

const refused = (field: string, detail: string) => invalidAgreement([{ field, code: "agreement", detail }]);
