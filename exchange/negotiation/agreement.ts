/**
 * The contract agreement that a permit leads to: an ODRL Agreement with the policy's own terms, bound to the request
 * it answers. Its digest goes to the ledger with `agreement.conclude` once the negotiation is FINALIZED.
 */
import { digestOf } from "../../crypto/suites/digest.ts";
import type { Asset } from "../../policies/model/asset.ts";
import { acceptedTerms, parsePolicy } from "../../policies/model/parse-policy.ts";
import type { Policy } from "../../policies/model/policy.ts";
import type { Problem } from "../../policies/model/problem.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import type { PolicyTerms } from "../../policies/model/terms.ts";
import type { Outcome } from "../../policies/model/verdict.ts";
import { requestEndsAt } from "../../policies/rules/validity.ts";
import { NegotiationError } from "./errors.ts";
import type { Agreement, MessageOffer } from "./messages.ts";

/** An Agreement with the bindings that the verifier of an evidence bundle checks. */
export type SealaneAgreement = Agreement & {
  readonly "sealane:assetVersion": number;
  readonly "sealane:policy": { readonly id: string; readonly version: number; readonly digest: string };
  /** `digest`: salted digest of the signed data request, as on the ledger. */
  readonly "sealane:request": { readonly id: string; readonly digest: string };
  /** Last instant of use: the earlier of policy and request. */
  readonly "sealane:validUntil": string;
};

export interface AgreementInputs {
  /** Lower-case UUID; the document's @id is its URN. */
  readonly id: string;
  readonly policy: Policy;
  readonly asset: Asset;
  readonly request: DataRequest;
  readonly requestDigest: string;
  /** The permit, of the engine or as it was kept. */
  readonly decision: { readonly outcome: Outcome; readonly policyDigest: string | undefined };
  /** UTC with Z. */
  readonly timestamp: string;
}

const URN = "urn:uuid:";

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
    "@id": `${URN}${inputs.id}`,
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
export const validUntil = (terms: PolicyTerms, request: DataRequest): string =>
  new Date(Math.min(Date.parse(terms.validUntil), requestEndsAt(request))).toISOString();

export const agreementDigest = (agreement: Agreement): string => digestOf(agreement);

/** UUID of the `agreement.conclude` record; undefined where the @id is no UUID URN. */
export const agreementUuid = (agreement: Agreement): string | undefined => {
  const id = agreement["@id"];
  return /^urn:uuid:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/.test(id) ? id.slice(URN.length) : undefined;
};

/** The policy as the offer of a message. */
export const offerOf = (policy: Policy): MessageOffer => structuredClone(policy) as unknown as MessageOffer;

/** What the consumer checks before it verifies an agreement. Empty: it is the one asked for. */
export function agreementProblems(
  agreement: Agreement,
  expected: {
    readonly request: DataRequest;
    readonly requestDigest: string;
    /** Provider of the asset, as on the ledger. */
    readonly provider: string;
    readonly policyDigest: string;
  },
): readonly Problem[] {
  const problems: Problem[] = [];
  const given = agreement as Partial<SealaneAgreement>;
  const same = (field: string, wanted: string, got: string | undefined) => {
    if (wanted === got) return;
    problems.push({ field, code: "agreement-mismatch", detail: `wanted ${wanted}, got ${got ?? "none"}` });
  };
  same("/assignee", expected.request.requester, agreement.assignee);
  same("/assigner", expected.provider, agreement.assigner);
  same("/sealane:request/id", expected.request.id, given["sealane:request"]?.id);
  same("/sealane:request/digest", expected.requestDigest, given["sealane:request"]?.digest);
  same("/sealane:policy/digest", expected.policyDigest, given["sealane:policy"]?.digest);
  if (!expected.request.assets.includes(agreement.target)) {
    const detail = `wanted an asset of the request, got ${agreement.target}`;
    problems.push({ field: "/target", code: "agreement-mismatch", detail });
  }
  if (agreementUuid(agreement) === undefined) {
    problems.push({ field: "/@id", code: "agreement-mismatch", detail: "wanted a urn:uuid" });
  }
  return problems;
}
