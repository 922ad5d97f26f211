/** Requester: asks every provider, checks an agreement against its own request and the ledger, and sees it finalized. */
import { digestOf } from "../../crypto/suites/digest.ts";
import type { Asset } from "../../policies/model/asset.ts";
import type { Policy } from "../../policies/model/policy.ts";
import { type Problem, problemLine } from "../../policies/model/problem.ts";
import { agreementProblems } from "../negotiation/agreement.ts";
import { eventMessage, negotiationTermination, verificationMessage } from "../negotiation/compose.ts";
import { withoutDataRequest } from "../negotiation/data-request.ts";
import type { NegotiationMessage } from "../negotiation/messages.ts";
import type { Negotiation } from "../negotiation/negotiation.ts";
import {
  type AgreementRecord,
  agreementIdOf,
  agreementKey,
  type Conclusion,
  explanationDigest,
  invalidAgreement,
  isConcluded,
  requestDigest,
} from "./agreement-record.ts";
import { RequestError } from "./errors.ts";
import { ending, endOf, POLICY_REPLACED, type Subject, subjectOf } from "./negotiated.ts";
import type { Directory, RecordStore, RequestStores } from "./ports.ts";

export interface VerifyPorts {
  readonly identity: { readonly member: string };
  readonly directory: Pick<Directory, "asset">;
  readonly stores: Pick<RequestStores, "documents" | "lives">;
  readonly agreements: RecordStore<AgreementRecord>;
  /** Public metadata of an asset as its provider published them. Throws where they cannot be had now. */
  readonly metadata: (asset: string) => Promise<Asset>;
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

/**
 * What the requester says next; undefined: the provider has the word. A verified agreement is on disk before it is
 * said to be. Throws ERR_REQUEST_UNREACHABLE while this node's replica is behind what the provider says.
 */
export async function nextOfConsumer(
  ports: VerifyPorts,
  provider: string,
  negotiation: Negotiation,
): Promise<NegotiationMessage | undefined> {
  const { state } = negotiation;
  const subject = subjectOf(negotiation);
  if (subject === undefined || (state !== "REQUESTED" && state !== "OFFERED" && state !== "AGREED")) return undefined;
  const life = (await ports.stores.lives.get(subject.request))?.life;
  const cause = life === undefined ? undefined : endOf(life, subject.asset);
  // A refusal is its provider's to say.
  if (cause !== undefined && (cause.code !== "data-request-refused" || state !== "REQUESTED")) {
    return negotiationTermination(negotiation, cause);
  }
  if (state === "REQUESTED") return undefined;
  if (state === "OFFERED") return await accepted(ports, negotiation, subject);
  try {
    const verified = await checkedAgreement(ports, provider, negotiation, subject);
    await ports.agreements.put(agreementKey(subject.request, subject.asset), verified);
    return verificationMessage(negotiation);
  } catch (error) {
    if (!(error instanceof RequestError) || error.code !== "ERR_REQUEST_INVALID") throw error;
    const isReplaced = error.problems.some(({ code }) => code === POLICY_REPLACED);
    const ended = isReplaced
      ? ending(POLICY_REPLACED)
      : ending("agreement-mismatch", ...error.problems.slice(0, 16).map(problemLine));
    return negotiationTermination(negotiation, ended);
  }
}

/** The provider's own offer in answer to ours: taken where it is the policy that the ledger has in force. */
async function accepted(ports: VerifyPorts, negotiation: Negotiation, { asset }: Subject) {
  const registered = await ports.directory.asset(asset);
  if (registered?.policyDigest !== digestOf(withoutDataRequest(negotiation.offer))) throw behind(asset);
  return eventMessage(negotiation, "ACCEPTED");
}

/** The agreement of a negotiation as it may be counted on. Throws RequestError. */
async function checkedAgreement(
  ports: VerifyPorts,
  provider: string,
  negotiation: Negotiation,
  subject: Subject,
): Promise<AgreementRecord> {
  const { agreement, explanation, offer } = negotiation;
  const { request: id, asset: assetId } = subject;
  const demand: Demand = (condition, field, detail, code = "agreement") => {
    if (!condition) throw invalidAgreement([{ field, code, detail }]);
  };
  const document = await ports.stores.documents.get(id);
  demand(document?.document.statement.requester === ports.identity.member, "request", "was not filed by this node");
  const request = document.document.statement;
  demand(agreement !== undefined && explanation !== undefined, "explanation", "is missing");
  demand(request.assets.includes(assetId), "asset", `${assetId} is not part of the request`);
  const registered = await ports.directory.asset(assetId);
  const recorded = await ports.decision(id, assetId);
  const decision = recorded === undefined || recorded.outcome === "wait" ? undefined : recorded;
  const permit = decision ?? claimed(explanation.document);
  const policyDigest = digestOf(withoutDataRequest(offer));
  const isReplaced = decision !== undefined && decision.policyDigest !== policyDigest;
  demand(!isReplaced, "policy", "is not the one that the ledger has the decision under", POLICY_REPLACED);
  // Recorded together with the agreement: until then it must be what follows from the ledger as this node knows it.
  const isKnown = decision !== undefined || permit.policyDigest === registered?.policyDigest;
  if (registered === undefined || !isKnown) throw behind(assetId);
  const asset = await ports.metadata(assetId);
  const policy = withoutDataRequest(offer) as unknown as Policy;
  demand(asset.provider === provider && policy.assigner === provider, "asset", `${assetId} is not ${provider}'s`);
  demand(registered.metadataDigest === digestOf(asset), "asset", "its metadata is not what the ledger registered");
  const agreementId = agreementIdOf(id, assetId);
  const problems = agreementProblems(agreement, {
    id: agreementId,
    policy,
    asset,
    request,
    requestDigest: requestDigest(document),
    decision: permit,
  });
  if (problems.length > 0) throw invalidAgreement(problems);
  const isTold = decision === undefined || decision.explanationDigest === explanationDigest(explanation);
  demand(isTold, "explanation", "is not the one on the ledger");
  const terms = { agreement: agreement as AgreementRecord["terms"]["agreement"], asset, policy, explanation };
  return { request: id, asset: assetId, agreement: agreementId, terms };
}

type Demand = (condition: boolean, field: string, detail: string, code?: string) => asserts condition;

/** May the provider say FINALIZED? Only once this node's replica has the very agreement that was verified. */
export async function mayFinalize(
  ports: Pick<VerifyPorts, "agreements" | "concluded" | "decision">,
  negotiation: Negotiation,
): Promise<"yes" | "no" | "not-yet"> {
  const subject = subjectOf(negotiation);
  const kept = subject && (await ports.agreements.get(agreementKey(subject.request, subject.asset)));
  if (kept === undefined) return "no";
  const found = await onLedger(ports, kept);
  return found === "the-same" ? "yes" : found === "nothing" ? "not-yet" : "no";
}

/**
 * Does the ledger have the very agreement that was verified, behind the permit that came with it? Whatever differs would
 * have the opening refused, or reviewed in vain, for everyone: an explanation's digest alone does not bind its policy, nor an
 * agreement's digest what its provider recorded beside it.
 */
export async function onLedger(
  ports: Pick<VerifyPorts, "concluded" | "decision">,
  kept: AgreementRecord,
): Promise<"the-same" | "another" | "nothing"> {
  const { agreement, explanation } = kept.terms;
  const [concluded, decision] = await Promise.all([
    ports.concluded(kept.agreement),
    ports.decision(kept.request, kept.asset),
  ]);
  if (concluded === undefined || decision === undefined) return "nothing";
  const isSame =
    isConcluded(concluded, kept) &&
    decision.outcome === "permit" &&
    decision.policyDigest === agreement["sealane:policy"].digest &&
    decision.explanationDigest === explanationDigest(explanation);
  return isSame ? "the-same" : "another";
}

function claimed(explanation: unknown) {
  const { outcome, policyDigest } = (explanation ?? {}) as { outcome?: unknown; policyDigest?: unknown };
  if (outcome !== "permit" || typeof policyDigest !== "string") {
    const problem: Problem = { field: "explanation", code: "agreement", detail: "is of no permit" };
    throw invalidAgreement([problem]);
  }
  return { outcome: "permit" as const, policyDigest };
}

const behind = (asset: string) =>
  new RequestError("ERR_REQUEST_UNREACHABLE", `${asset}: this node's ledger replica is behind; try again`);
