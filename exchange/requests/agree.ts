/**
 * From a permit to a concluded agreement: the contract negotiation of DSP 2025-1, where the signed data request stands
 * for the ContractRequestMessage. The provider sends the agreement, the requester answers with the verification, and
 * the ledger record `agreement.conclude` is the FINALIZED event that everybody sees.
 */
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { canonicalJson, digestOf, saltedDigest } from "../../crypto/suites/digest.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import { Asset } from "../../policies/model/asset.ts";
import { Policy, policyDigest } from "../../policies/model/policy.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import {
  type Agreement,
  ContractAgreementMessage,
  type ContractAgreementVerificationMessage,
  type ContractRequestMessage,
  DSP_CONTEXT,
} from "../negotiation/messages.ts";
import { type Negotiation, step } from "../negotiation/negotiation.ts";
import { explanationDocument, latestExplanation, type ProviderPorts } from "./decide-request.ts";
import { RequestError } from "./errors.ts";
import type { Directory, Explanation, RecordStore, RequestStores } from "./ports.ts";
import { record, uuidOf } from "./record.ts";

/** What travels with the agreement, so that the requester can open a computation and assemble evidence. */
export const AgreementDelivery = Type.Object(
  {
    message: ContractAgreementMessage,
    asset: Asset,
    policy: Policy,
    explanation: Type.Object(
      { salt: Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" }), document: Type.Unknown() },
      { additionalProperties: false },
    ),
    validUntil: Type.String({ maxLength: 30 }),
  },
  { additionalProperties: false },
);
export type AgreementDelivery = Static<typeof AgreementDelivery>;

/** A negotiation as either side keeps it. The key in the store is `agreementKey`. */
export interface AgreementRecord {
  readonly request: string;
  readonly asset: string;
  readonly agreement: string;
  readonly negotiation: Negotiation;
  readonly delivery: AgreementDelivery;
}

export const agreementKey = (request: string, asset: string): string => `${request}/${asset}`;
export const agreementIdOf = (request: string, asset: string): string => uuidOf({ agreement: request, asset });

export interface AgreePorts extends ProviderPorts {
  readonly agreements: RecordStore<AgreementRecord>;
  /** Delivers to the requester and resolves with its answer. Throws ERR_REQUEST_UNREACHABLE. */
  readonly deliver: (requester: string, request: string, delivery: AgreementDelivery) => Promise<unknown>;
}

/** Provider: resolves once the agreement is on the ledger. Safe to repeat at any point. */
export async function concludeAgreement(ports: AgreePorts, id: string, asset: string): Promise<void> {
  const document = await ports.stores.documents.get(id);
  const own = await ports.ownAsset(asset);
  const explanation = await latestExplanation(ports.stores, id, asset);
  if (document === undefined || own?.policy === undefined || explanation?.outcome !== "permit") return;
  const request = document.document.statement;
  const kept = await ports.agreements.get(agreementKey(id, asset));
  const prepared = kept ?? prepare(ports, request, { asset: own.asset, policy: own.policy, explanation });
  if (kept === undefined) await ports.agreements.put(agreementKey(id, asset), prepared);
  if (prepared.negotiation.state === "AGREED") {
    const answer = (await ports.deliver(
      request.requester,
      id,
      prepared.delivery,
    )) as ContractAgreementVerificationMessage;
    const negotiation = moved(step(prepared.negotiation, "consumer", answer, ""), asset);
    await ports.agreements.put(agreementKey(id, asset), { ...prepared, negotiation });
  }
  await record(
    ports,
    "agreement.conclude",
    {
      agreement: prepared.agreement,
      request: id,
      asset,
      assetVersion: prepared.delivery.asset.version,
      consumer: request.requester,
      digest: digestOf(prepared.delivery.message.agreement),
      validUntil: prepared.delivery.validUntil,
      ...maxUses(own.policy),
    },
    prepared.agreement,
  );
}

/** Provider: from now on the agreement opens nothing; a running computation stops before view-2. */
export async function revokeAgreement(
  ports: Pick<AgreePorts, "agreements" | "identity" | "ledger" | "network">,
  agreement: string,
  reason: string,
): Promise<void> {
  await record(ports, "agreement.revoke", { agreement, reason }, agreement);
}

export interface ReceivePorts {
  readonly identity: { readonly member: string };
  readonly directory: Directory;
  readonly stores: Pick<RequestStores, "lives" | "documents">;
  readonly agreements: RecordStore<AgreementRecord>;
  /** The provider's decision by this node's replica. */
  readonly decision: (
    request: string,
    asset: string,
  ) => Promise<{ outcome: string; policyDigest: string; explanationDigest: string } | undefined>;
}

const compiled = Compile(AgreementDelivery);

/** Requester: checks a delivered agreement against its own request and the ledger, keeps it, and verifies it. */
export async function receiveAgreement(
  ports: ReceivePorts,
  from: string,
  id: string,
  received: unknown,
): Promise<ContractAgreementVerificationMessage> {
  if (!compiled.Check(received)) {
    const [problem] = compiled.Errors(received);
    throw refused(problem?.instancePath ?? "", problem?.message ?? "malformed");
  }
  const delivery = received as AgreementDelivery;
  const document = await ports.stores.documents.get(id);
  if (document === undefined) throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${id}: not filed here`);
  const request = document.document.statement;
  await checkDelivery(ports, { from, request, delivery });
  const before = requested(request, delivery.asset.id, delivery.policy["@id"]);
  const agreed = moved(step(before, "provider", delivery.message, ""), delivery.asset.id);
  const verification: ContractAgreementVerificationMessage = {
    "@context": [DSP_CONTEXT],
    "@type": "ContractAgreementVerificationMessage",
    providerPid: agreed.providerPid,
    consumerPid: agreed.consumerPid,
  };
  await ports.agreements.put(agreementKey(id, delivery.asset.id), {
    request: id,
    asset: delivery.asset.id,
    agreement: agreementIdOf(id, delivery.asset.id),
    negotiation: moved(step(agreed, "consumer", verification, ""), delivery.asset.id),
    delivery,
  });
  return verification;
}

function prepare(
  ports: AgreePorts,
  request: DataRequest,
  permit: { readonly asset: Asset; readonly policy: Policy; readonly explanation: Explanation },
): AgreementRecord {
  const { asset, policy, explanation } = permit;
  const before = requested(request, asset.id, policy["@id"]);
  const message: ContractAgreementMessage = {
    "@context": [DSP_CONTEXT],
    "@type": "ContractAgreementMessage",
    providerPid: before.providerPid,
    consumerPid: before.consumerPid,
    agreement: agreementOf(request, policy, ports.now()),
  };
  return {
    request: request.id,
    asset: asset.id,
    agreement: agreementIdOf(request.id, asset.id),
    negotiation: moved(step(before, "provider", message, ""), asset.id),
    delivery: {
      message,
      asset,
      policy,
      explanation: { salt: explanation.salt, document: explanationDocument(explanation) },
      validUntil: validUntil(policy, request),
    },
  };
}

/** The policy's rules, offered to this requester for this request. */
const agreementOf = (request: DataRequest, policy: Policy, timestamp: string): Agreement => ({
  "@id": `urn:uuid:${agreementIdOf(request.id, policy.target)}`,
  "@type": "Agreement",
  target: policy.target,
  assigner: policy.assigner,
  assignee: request.requester,
  timestamp,
  ...rulesOf(policy),
});

const rulesOf = (policy: Policy) => ({
  profile: policy.profile,
  permission: policy.permission as never,
  ...(policy.prohibition === undefined ? {} : { prohibition: policy.prohibition as never }),
});

/** State REQUESTED: what a ContractRequestMessage for this offer would have led to. */
function requested(request: DataRequest, asset: string, offer: string): Negotiation {
  const consumerPid = `urn:uuid:${uuidOf({ consumer: request.id, asset })}`;
  const providerPid = `urn:uuid:${uuidOf({ provider: request.id, asset })}`;
  const message: ContractRequestMessage = {
    "@context": [DSP_CONTEXT],
    "@type": "ContractRequestMessage",
    consumerPid,
    offer: { "@id": offer, "@type": "Offer", target: asset },
    callbackAddress: `urn:sealane:request:${request.id}`,
  };
  return moved(step(undefined, "consumer", message, providerPid), asset);
}

function moved(result: ReturnType<typeof step>, asset: string): Negotiation {
  if (result.ok) return result.negotiation;
  throw refused(asset, `${result.code}: ${result.detail}`);
}

async function checkDelivery(
  ports: ReceivePorts,
  input: { readonly from: string; readonly request: DataRequest; readonly delivery: AgreementDelivery },
): Promise<void> {
  const { from, request, delivery } = input;
  const { asset, policy, explanation, message } = delivery;
  const demand = (condition: boolean, field: string, detail: string) => {
    if (!condition) throw refused(field, detail);
  };
  demand(request.requester === ports.identity.member, "request", "was not filed by this node");
  demand(request.assets.includes(asset.id), "asset", `${asset.id} is not part of the request`);
  demand(asset.provider === from && policy.assigner === from, "asset", `${asset.id} is not ${from}'s`);
  const { agreement } = message;
  demand(agreement.target === asset.id && policy.target === asset.id, "agreement.target", "is another asset");
  demand(agreement.assigner === from && agreement.assignee === ports.identity.member, "agreement", "names others");
  const wanted = canonicalJson({ ...agreementOf(request, policy, agreement.timestamp) });
  demand(canonicalJson(agreement) === wanted, "agreement", "does not carry the rules of the policy");
  demand(delivery.validUntil === validUntil(policy, request), "validUntil", "does not follow from policy and request");
  const registered = await ports.directory.asset(asset.id);
  const decision = await ports.decision(request.id, asset.id);
  if (registered === undefined || decision === undefined || decision.outcome === "wait") {
    throw new RequestError("ERR_REQUEST_UNREACHABLE", `${asset.id}: this node's ledger replica is behind; try again`);
  }
  demand(registered.metadataDigest === digestOf(asset), "asset", "its metadata is not what the ledger registered");
  demand(decision.outcome === "permit", "decision", `on the ledger it is ${decision.outcome}`);
  demand(decision.policyDigest === policyDigest(policy), "policy", "is not the one that was decided under");
  const digest = saltedDigest(fromBase64url(explanation.salt, "salt", 32), explanation.document);
  demand(decision.explanationDigest === digest, "explanation", "is not the one on the ledger");
}

function maxUses(policy: Policy): { readonly maxUses?: number } {
  const use = policy.permission.find((permission) => permission.action === "use");
  const limit = use?.constraint?.find((c) => c.leftOperand === "count" && c.operator === "lteq")?.rightOperand;
  return limit === undefined ? {} : { maxUses: Number(limit) };
}

/** The earlier of the policy's end and the request's. */
function validUntil(policy: Policy, request: DataRequest): string {
  const use = policy.permission.find((permission) => permission.action === "use");
  const limit = use?.constraint?.find((c) => c.leftOperand === "dateTime" && c.operator === "lteq")?.rightOperand;
  const ends = [Date.parse(`${request.validity.to}T23:59:59Z`), Date.parse(String(limit))];
  return new Date(Math.min(...ends.filter((end) => !Number.isNaN(end)))).toISOString();
}

const refused = (field: string, detail: string) =>
  new RequestError("ERR_REQUEST_INVALID", `agreement: ${field}: ${detail}`, {
    problems: [{ field, code: "agreement", detail }],
  });
