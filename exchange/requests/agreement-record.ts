/** A contract negotiation as both sides keep it, and what travels with the agreement. */
import { type Static, Type } from "typebox";
import { saltedDigest } from "../../crypto/suites/digest.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import type { TransactionBody } from "../../ledger/port.ts";
import { Asset } from "../../policies/model/asset.ts";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import { Policy } from "../../policies/model/policy.ts";
import { type Problem, problemLine } from "../../policies/model/problem.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import { Bytes32 } from "../../policies/model/vocabulary.ts";
import { agreementDigest, offerOf, SealaneAgreement } from "../negotiation/agreement.ts";
import { firstRequest } from "../negotiation/compose.ts";
import {
  ContractAgreementMessage,
  type NegotiationMessage,
  type NegotiationMessageType,
} from "../negotiation/messages.ts";
import { type Negotiation, type NegotiationRole, step } from "../negotiation/negotiation.ts";
import { parseMessage } from "../negotiation/parse-message.ts";
import { RequestError } from "./errors.ts";
import type { RequestDocument } from "./ports.ts";
import { uuidOf } from "./record.ts";

/** What travels with the agreement, so that the requester can open a computation and assemble evidence. */
export const AgreementDelivery = Type.Object(
  {
    message: Type.Object({ ...ContractAgreementMessage.properties, agreement: SealaneAgreement }),
    asset: Asset,
    policy: Policy,
    explanation: Type.Object({ salt: Bytes32, document: Type.Unknown() }, { additionalProperties: false }),
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

/** Salted digest of a signed request, as on the ledger. */
export const requestDigest = ({ document, salt }: RequestDocument): string =>
  saltedDigest(fromBase64url(salt, "salt", 32), document);

/** What the ledger has of an agreement, to the letter: derived by the provider to record it, by the requester to know it. */
export function conclusionBody({ agreement, request, asset, delivery }: AgreementRecord): Conclusion {
  const { agreement: document } = delivery.message;
  const policy = parsePolicy(delivery.policy);
  const body = {
    agreement,
    request,
    asset,
    assetVersion: document["sealane:assetVersion"],
    consumer: document.assignee,
    digest: agreementDigest(document),
    validUntil: document["sealane:validUntil"],
  };
  return policy.ok && policy.terms.uses !== undefined ? { ...body, maxUses: policy.terms.uses } : body;
}
export type Conclusion = TransactionBody<"agreement.conclude">;

/**
 * State REQUESTED. The signed data request stands for the ContractRequestMessage; which offer it meets is known once
 * the provider has decided under one of its policies.
 */
export function requested(request: DataRequest, policy: Policy): Negotiation {
  const asset = policy.target;
  const consumerPid = `urn:uuid:${uuidOf({ consumer: request.id, asset })}`;
  const providerPid = `urn:uuid:${uuidOf({ provider: request.id, asset })}`;
  const message = firstRequest(consumerPid, offerOf(policy), `urn:sealane:request:${request.id}`);
  return moved(undefined, "consumer", message, providerPid);
}

/** The next state. Throws ERR_REQUEST_TRANSITION when the message has no place in this one. */
export function moved(
  negotiation: Negotiation | undefined,
  from: NegotiationRole,
  message: NegotiationMessage,
  pid = "",
): Negotiation {
  const result = step(negotiation, from, message, pid);
  if (result.ok) return result.document;
  throw new RequestError("ERR_REQUEST_TRANSITION", `negotiation: ${result.code}: ${result.detail}`, {
    problems: [{ field: "message", code: result.code, detail: result.detail }],
  });
}

/** A message of another party, of this type. Throws ERR_REQUEST_INVALID with every problem. */
export function messageOf<T extends NegotiationMessageType>(
  type: T,
  received: unknown,
): Extract<NegotiationMessage, { "@type": T }> {
  const parsed = parseMessage(received, [type]);
  if (!parsed.ok) throw invalidAgreement(parsed.problems);
  return parsed.message as Extract<NegotiationMessage, { "@type": T }>;
}

export function invalidAgreement(problems: readonly Problem[]): RequestError {
  return new RequestError("ERR_REQUEST_INVALID", `agreement: ${problems.map(problemLine).join("; ")}`, { problems });
}
