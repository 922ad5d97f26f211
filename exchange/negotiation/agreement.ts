/**
 * The contract agreement that a permit leads to: an ODRL Agreement with the policy's own terms, bound to the request
 * it answers. Its digest goes to the ledger with `agreement.conclude` once the negotiation is FINALIZED.
 */
import { type Static, Type } from "typebox";
import { canonicalJson, digestOf } from "../../crypto/suites/digest.ts";
import type { Asset } from "../../policies/model/asset.ts";
import { acceptedTerms, parsePolicy } from "../../policies/model/parse-policy.ts";
import type { Policy } from "../../policies/model/policy.ts";
import type { Problem } from "../../policies/model/problem.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import type { PolicyTerms } from "../../policies/model/terms.ts";
import type { Outcome } from "../../policies/model/verdict.ts";
import { requestEndsAt } from "../../policies/rules/validity.ts";
import { NegotiationError } from "./errors.ts";
import { Agreement, type MessageOffer } from "./messages.ts";

/** An Agreement with the bindings that parties and auditors check. */
export const SealaneAgreement = Type.Object({
  ...Agreement.properties,
  "sealane:assetVersion": Type.Integer({ minimum: 1 }),
  "sealane:policy": Type.Object({
    id: Type.String({ maxLength: 512 }),
    version: Type.Integer(),
    digest: Type.String({ maxLength: 64 }),
  }),
  /** `digest`: salted digest of the signed data request, as on the ledger. */
  "sealane:request": Type.Object({ id: Type.String({ maxLength: 64 }), digest: Type.String({ maxLength: 64 }) }),
  /** What the requester has taken on: how long figures are kept, that their deletion is receipted, who gets them. */
  "sealane:obligations": Type.Object({
    retentionDays: Type.String({ maxLength: 5 }),
    deletionReceipt: Type.Literal("owed"),
    recipients: Type.Array(Type.String({ maxLength: 63 }), { maxItems: 34 }),
  }),
  /** On encrypted queries: figures that may be asked for. */
  "sealane:figures": Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
  /** Last instant of use: the earlier of policy and request. */
  "sealane:validUntil": Type.String({ maxLength: 30 }),
});
export type SealaneAgreement = Static<typeof SealaneAgreement>;

export interface AgreementInputs {
  /** Lower-case UUID; the document's @id is its URN. */
  readonly id: string;
  readonly policy: Policy;
  readonly asset: Asset;
  readonly request: DataRequest;
  readonly requestDigest: string;
  /** The permit, as it was kept or as the ledger has it. */
  readonly decision: { readonly outcome: Outcome; readonly policyDigest: string | undefined };
  /** UTC with Z. */
  readonly timestamp: string;
}

/** Throws NegotiationError when the decision is no permit, or was made under another policy. */
export function agreementOf(inputs: AgreementInputs): SealaneAgreement {
  const { policy, asset, request, decision } = inputs;
  if (decision.outcome !== "permit") {
    throw new NegotiationError("ERR_NEGOTIATION_NOT_PERMITTED", `decision: wanted permit, got ${decision.outcome}`);
  }
  const terms = termsFor(policy);
  if (terms === undefined || terms.digest !== decision.policyDigest || terms.asset !== asset.id) {
    throw new NegotiationError(
      "ERR_NEGOTIATION_POLICY_CHANGED",
      `policy: wanted the one decided under (${decision.policyDigest ?? "none"}), got ${terms?.digest ?? "none"}: decide again`,
    );
  }
  return {
    "@id": `urn:uuid:${inputs.id}`,
    "@type": "Agreement",
    profile: policy.profile,
    target: asset.id,
    assigner: policy.assigner,
    assignee: request.requester,
    timestamp: inputs.timestamp,
    permission: structuredClone(policy.permission) as NonNullable<Agreement["permission"]>,
    ...(policy.prohibition === undefined
      ? {}
      : { prohibition: structuredClone(policy.prohibition) as NonNullable<Agreement["prohibition"]> }),
    "sealane:assetVersion": asset.version,
    "sealane:policy": { id: terms.id, version: terms.version, digest: terms.digest },
    "sealane:request": { id: request.id, digest: inputs.requestDigest },
    "sealane:obligations": {
      retentionDays: String(request.retentionDays),
      deletionReceipt: "owed",
      recipients: [...new Set([request.requester, request.receiver, ...request.recipients])].sort(),
    },
    ...(request.encryptedQuery === undefined ? {} : { "sealane:figures": request.encryptedQuery.figures }),
    "sealane:validUntil": validUntil(terms, request),
  };
}

const termsFor = (policy: Policy): PolicyTerms | undefined => {
  const known = acceptedTerms(policy);
  if (known !== undefined) return known;
  const parsed = parsePolicy(policy);
  return parsed.ok ? parsed.terms : undefined;
};

/** The earlier of the policy's end and the last instant of the request's last day. */
const validUntil = (terms: PolicyTerms, request: DataRequest): string =>
  new Date(Math.min(Date.parse(terms.validUntil), requestEndsAt(request))).toISOString();

export const agreementDigest = (agreement: Agreement): string => digestOf(agreement);

/** The policy as the offer of a message. */
export const offerOf = (policy: Policy): MessageOffer => structuredClone(policy) as unknown as MessageOffer;

/**
 * What both sides check before they agree: the agreement is the one that follows from the request, the asset, and the
 * permit and its policy. Empty: it is. Fields are JSON pointers.
 */
export function agreementProblems(
  agreement: Agreement,
  expected: Omit<AgreementInputs, "timestamp">,
): readonly Problem[] {
  const problem = (field: string, detail: string): Problem => ({ field, code: "agreement-mismatch", detail });
  let wanted: SealaneAgreement;
  try {
    wanted = agreementOf({ ...expected, timestamp: agreement.timestamp });
  } catch (error) {
    if (!(error instanceof NegotiationError)) throw error;
    return [problem("/sealane:policy", error.message)];
  }
  const text = (document: object, field: string): string =>
    Object.hasOwn(document, field) ? canonicalJson(document[field as keyof typeof document]) : "nothing";
  return [...new Set([...Object.keys(wanted), ...Object.keys(agreement)])]
    .filter((field) => text(wanted, field) !== text(agreement, field))
    .map((field) =>
      problem(`/${field}`, `wanted ${text(wanted, field).slice(0, 200)}, got ${text(agreement, field).slice(0, 200)}`),
    );
}
