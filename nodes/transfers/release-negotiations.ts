/**
 * Negotiations about records, both roles: an offer without a data request. The provider decides by policy, at once or
 * after its steward has; the agreement is on the ledger before FINALIZED. What a side says next follows from the state,
 * the ledger and what lies on disk.
 */
import { agreementIdOf } from "../../chaincode/rules/agreement-id.ts";
import { readAgreement, readAsset, readReleaseDecision } from "../../chaincode/rules/keys.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import {
  agreementMessage,
  eventMessage,
  negotiationTermination,
  verificationMessage,
} from "../../exchange/negotiation/compose.ts";
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { type Cause, causeOf } from "../../exchange/protocol/vocabulary.ts";
import { explanationDigest } from "../../exchange/requests/agreement-record.ts";
import { record } from "../../exchange/requests/record.ts";
import { completed, offeredPolicy } from "../../exchange/transfers/declaration.ts";
import {
  isReleaseAgreement,
  type ReleaseAgreement,
  releaseAgreementOf,
  releaseProblems,
  termsOfPolicy,
} from "../../exchange/transfers/release-agreement.ts";
import { aboutAgreement, approvalOf, saltedExplanation } from "../../exchange/transfers/release-decision.ts";
import { LedgerError } from "../../ledger/port.ts";
import type { Policy } from "../../policies/model/policy.ts";
import { problemLine } from "../../policies/model/problem.ts";
import { notYet } from "../dataspace/dataspace-error.ts";
import type { ProcessRecord } from "../dataspace/process-record.ts";
import type { NodeServices } from "../runtime/services.ts";
import type { RecordStore } from "../store/records.ts";
import { agreementUuid, type KeptAgreement, keepAgreement, standingOf } from "./agreements.ts";
import { type Approvals, TOO_MANY as TOO_MANY_WAITING } from "./approvals.ts";
import { type HeldAgreements, MOST_AGREEMENTS } from "./held-agreements.ts";
import type { JudgeOffer, Refused } from "./offer-judge.ts";

type Deps = Pick<NodeServices, "ledger" | "now" | "identity" | "network" | "member"> & {
  readonly agreements: RecordStore<KeptAgreement>;
  readonly held: HeldAgreements;
  readonly judge: JudgeOffer;
  readonly approvals: Approvals;
};
type Kept = ProcessRecord<Negotiation, NegotiationMessage>;
type Refusal = Pick<Refused, "code" | "detail">;

/** A decision that the provider has recorded may be on the way to this replica; then there is none. */
const RECORDED_MS = 24 * 60 * 60_000;

const TOO_MANY: Refusal = Object.freeze({
  code: "too-many-agreements",
  detail: `offer: ${MOST_AGREEMENTS} agreements on this asset stand: use one of them, or wait until one is over`,
});

export function createReleaseNegotiations(deps: Deps) {
  const { approvals, judge } = deps;

  /** At once, or once the steward's word on it is on the ledger. */
  async function agreed(kept: Kept, document: Negotiation): Promise<NegotiationMessage | undefined> {
    const { pid, peer } = kept;
    const ends = (cause: Cause) => negotiationTermination(document, cause);
    const changed = await approvals.settled(pid);
    if (changed !== undefined) return ends(changed);
    const decided = await approvals.onLedger(pid);
    const verdict = await judge(peer, document.offer, ({ asset, terms }) =>
      approvalOf(decided, {
        ...{ negotiation: pid, consumer: peer, asset: asset.id },
        ...{ assetVersion: asset.version, policyDigest: terms.digest },
      }),
    );
    const explanation = decided === undefined ? undefined : await approvals.explanation(pid);
    if (verdict.outcome === "refuse") {
      const isStewards = verdict.code === "approval-refused";
      return ends(causeOf(verdict.code, (isStewards ? explanation?.words : undefined) ?? verdict.detail));
    }
    if (verdict.outcome === "wait") {
      const cause = decided === undefined ? await approvals.waits(kept, verdict) : causeOf("policy-replaced");
      return cause && ends(cause);
    }
    const { policy, asset, declaration } = verdict;
    const id = agreementIdOf(pid, asset.id);
    const about = { policy, declaration, id, assetVersion: asset.version, consumer: peer, timestamp: deps.now() };
    return agreementMessage(document, releaseAgreementOf(about), explanation && saltedExplanation(explanation));
  }

  /** The agreement is on the ledger and kept before the consumer hears that it is final. */
  async function finalized({ pid, peer }: Kept, document: Negotiation): Promise<NegotiationMessage> {
    const { agreement } = document;
    if (agreement === undefined || !isReleaseAgreement(agreement))
      throw new TypeError(`${pid}: no agreement on records`);
    const id = agreementUuid(agreement["@id"]);
    if (!(await deps.held.hold(peer, agreement.target, id, agreement["sealane:validUntil"]))) {
      return negotiationTermination(document, causeOf(TOO_MANY.code, TOO_MANY.detail));
    }
    const { digest } = agreement["sealane:policy"];
    const body = {
      agreement: id,
      policy: { digest, version: (await readAsset(deps.ledger, agreement.target))?.policyVersion ?? 0 },
      negotiation: pid,
      asset: agreement.target,
      assetVersion: agreement["sealane:assetVersion"],
      consumer: agreement.assignee,
      digest: digestOf(agreement),
      validUntil: agreement["sealane:validUntil"],
    };
    try {
      await record(deps, "agreement.conclude", body, { agreement: id });
    } catch (error) {
      if (!(error instanceof LedgerError) || error.code !== "ERR_LEDGER_REJECTED") throw error;
      const code = error.rejection?.code ?? error.code;
      // A crash before the answer: it was recorded then, under a policy version that may have been replaced since.
      const standing = code === "ERR_CONTRACT_EXISTS" ? await readAgreement(deps.ledger, id) : undefined;
      if (standing?.agreement.digest !== body.digest) {
        await deps.held.drop(peer, agreement.target, id);
        return negotiationTermination(document, causeOf("agreement-not-recorded", code));
      }
    }
    if (!(await keepAgreement(deps.agreements, { agreement, role: "provider", peer, negotiation: pid }))) {
      throw new TypeError(`${pid}: another agreement than the ledger's is kept under the id ${id}`);
    }
    return eventMessage(document, "FINALIZED");
  }

  /** The consumer verifies what it derives itself from the offer that it took. */
  async function verified(kept: Kept, document: Negotiation): Promise<NegotiationMessage> {
    const { pid, peer } = kept;
    const { agreement, offer } = document;
    const { policy, declaration } = offeredPolicy(offer);
    const terms = termsOfPolicy(policy);
    const stated = declaration ?? (terms === undefined ? undefined : completed(terms, {}));
    if (terms === undefined || stated === undefined || agreement === undefined || !isReleaseAgreement(agreement)) {
      return negotiationTermination(document, causeOf("agreement-mismatch"));
    }
    const assetVersion = (await readAsset(deps.ledger, agreement.target))?.version ?? agreement["sealane:assetVersion"];
    const expected = { policy: policy as Policy, assetVersion, consumer: deps.member, declaration: stated };
    const problems = releaseProblems(agreement, expected);
    if (problems.length > 0 || terms.provider !== peer) {
      return negotiationTermination(document, causeOf("agreement-mismatch", ...problems.map(problemLine)));
    }
    const id = agreementUuid(agreement["@id"]);
    if (id !== agreementIdOf(document.providerPid, agreement.target)) {
      return negotiationTermination(document, causeOf("agreement-mismatch", "agreement: its @id is not this one's"));
    }
    if (terms.approval === "steward" && !(await isApproved(kept, document, agreement))) {
      const detail = "agreement: the policy wants a steward's approval, and the ledger has none of these records";
      return negotiationTermination(document, causeOf("approval-not-recorded", detail));
    }
    if (!(await keepAgreement(deps.agreements, { agreement, role: "consumer", peer, negotiation: pid }))) {
      return negotiationTermination(
        document,
        causeOf("agreement-mismatch", "agreement: its @id is that of another one"),
      );
    }
    return verificationMessage(document);
  }

  /** By this node's replica; throws while it may be behind. */
  async function isApproved(
    { peer, history }: Kept,
    { providerPid, explanation }: Negotiation,
    agreement: ReleaseAgreement,
  ): Promise<boolean> {
    const found = await readReleaseDecision(deps.ledger, peer, providerPid);
    const since = history?.at(-1)?.at;
    if (found === undefined && since !== undefined && Date.parse(deps.now()) - Date.parse(since) < RECORDED_MS) {
      throw notYet("the steward's decision is not on the ledger here");
    }
    if (explanation !== undefined && found?.decision.explanationDigest !== explanationDigest(explanation)) return false;
    return approvalOf(found, aboutAgreement(providerPid, agreement))?.outcome === "approved";
  }

  return Object.freeze({
    /** `pid`: what this side would call the negotiation. */
    async admits(peer: string, message: NegotiationMessage, pid: string): Promise<Refusal | undefined> {
      if (message["@type"] !== "ContractRequestMessage") {
        return { code: "offer-unwanted", detail: "this participant asks for what it wants itself" };
      }
      // The first one may be forgotten here; what it has led to is not.
      const id = agreementIdOf(pid, message.offer.target);
      if ((await deps.agreements.get(id)) !== undefined || (await readAgreement(deps.ledger, id)) !== undefined) {
        return { code: "pid-taken", detail: "consumerPid: an agreement has been concluded under it: choose a new one" };
      }
      if ((await approvals.onLedger(pid)) !== undefined) {
        return { code: "pid-taken", detail: "consumerPid: the steward has decided on it: choose a new one" };
      }
      const verdict = await judge(peer, message.offer);
      if (verdict.outcome === "refuse") return verdict;
      if (verdict.outcome === "wait" && (await approvals.isFull(peer))) return TOO_MANY_WAITING;
      return (await deps.held.isFull(peer, message.offer.target)) ? TOO_MANY : undefined;
    },
    async next(kept: Kept): Promise<NegotiationMessage | undefined> {
      const { role, document } = kept.side;
      if (document === undefined) return undefined;
      if (role === "provider" && document.state === "REQUESTED") return await agreed(kept, document);
      if (role === "consumer" && document.state === "AGREED") return await verified(kept, document);
      if (role === "provider" && document.state === "VERIFIED") return await finalized(kept, document);
      return undefined;
    },
    /** FINALIZED rests on the ledger, which this node's replica may have a moment later: throws until it has. */
    async mayTake({ side }: Kept, message: NegotiationMessage): Promise<Refusal | undefined> {
      const { agreement, state } = side.document ?? {};
      const isFinal = message["@type"] === "ContractNegotiationEventMessage" && message.eventType === "FINALIZED";
      const isAwaited = state === "AGREED" || state === "VERIFIED";
      if (!isFinal || side.role !== "consumer" || !isAwaited) return undefined;
      const standing = isReleaseAgreement(agreement) ? await standingOf(deps.ledger, agreement) : "other";
      if (standing === "absent") throw notYet("the agreement is not on the ledger here");
      if (standing !== "other") return undefined;
      return { code: "agreement-not-on-ledger", detail: "the ledger does not have what was verified" };
    },
  });
}
