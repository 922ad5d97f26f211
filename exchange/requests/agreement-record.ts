/** What was agreed on one asset as both sides keep it, and what of it goes to the ledger. */
import type { Static } from "typebox";
import { canonicalJson, saltedDigest } from "../../crypto/suites/digest.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import type { TransactionBody } from "../../ledger/port.ts";
import { Asset } from "../../policies/model/asset.ts";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import { Policy } from "../../policies/model/policy.ts";
import { type Problem, problemLine } from "../../policies/model/problem.ts";
import { closed } from "../../policies/model/vocabulary.ts";
import { agreementDigest, SealaneAgreement } from "../negotiation/agreement.ts";
import { SaltedExplanation } from "../negotiation/messages.ts";
import { RequestError } from "./errors.ts";
import type { RequestDocument } from "./ports.ts";
import { uuidOf } from "./record.ts";

/** What a computation is opened with and evidence is assembled from. */
export const AgreedTerms = closed({
  agreement: SealaneAgreement,
  asset: Asset,
  policy: Policy,
  explanation: SaltedExplanation,
});
export type AgreedTerms = Static<typeof AgreedTerms>;

/** An agreement that its provider has drawn up, or that the requester has verified. By `agreementKey`. */
export interface AgreementRecord {
  readonly request: string;
  readonly asset: string;
  readonly agreement: string;
  readonly terms: AgreedTerms;
}

export const agreementKey = (request: string, asset: string): string => `${request}/${asset}`;
export const agreementIdOf = (request: string, asset: string): string => uuidOf({ agreement: request, asset });

/** What the requester calls its negotiation on an asset; another attempt follows one that a new policy has overtaken. */
export const consumerPidOf = (request: string, asset: string, attempt: number): string =>
  `urn:uuid:${uuidOf({ consumer: request, asset, attempt })}`;

/** A new policy may overtake a negotiation, or its provider be away, so often: some weeks of asking in vain. */
export const MAX_ATTEMPTS = 32;

/** Which attempt of the requester this is; undefined: none of its ids. */
export function attemptOf(request: string, asset: string, consumerPid: string): number | undefined {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    if (consumerPidOf(request, asset, attempt) === consumerPid) return attempt;
  }
  return undefined;
}

/** Salted digest of a signed request, as on the ledger. */
export const requestDigest = ({ document, salt }: RequestDocument): string =>
  saltedDigest(fromBase64url(salt, "salt", 32), document);

export const explanationDigest = ({ salt, document }: SaltedExplanation): string =>
  saltedDigest(fromBase64url(salt, "salt", 32), document);

/** What the ledger has of an agreement, to the letter: derived by the provider to record it, by the requester to know it. */
export function conclusionBody({ agreement, request, asset, terms }: AgreementRecord): Conclusion {
  const document = terms.agreement;
  const policy = parsePolicy(terms.policy);
  const body = {
    agreement,
    request,
    asset,
    assetVersion: document["sealane:assetVersion"],
    consumer: document.assignee,
    digest: agreementDigest(document),
    validUntil: document["sealane:validUntil"],
    ...(document["sealane:figures"] === undefined ? {} : { figures: document["sealane:figures"] }),
  };
  if (!policy.ok) return body;
  const { uses, joins } = policy.terms;
  return {
    ...body,
    ...(uses === undefined ? {} : { maxUses: uses }),
    ...(joins.operations.length === 0 ? {} : { joinRuns: joins.runs }),
  };
}
export type Conclusion = TransactionBody<"agreement.conclude">;

/** Is this very agreement what the ledger has under its id? */
export const isConcluded = (onLedger: Conclusion, kept: AgreementRecord): boolean =>
  canonicalJson(onLedger) === canonicalJson(conclusionBody(kept));

export function invalidAgreement(problems: readonly Problem[]): RequestError {
  return new RequestError("ERR_REQUEST_INVALID", `agreement: ${problems.map(problemLine).join("; ")}`, { problems });
}
