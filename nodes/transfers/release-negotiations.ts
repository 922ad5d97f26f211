/**
 * Negotiations about records, both roles: an offer without a data request. The provider decides by policy, at once; the
 * agreement is on the ledger before FINALIZED. What a side says next follows from the state alone.
 */
import { agreementIdOf } from "../../chaincode/rules/agreement-id.ts";
import { readAgreement, readAsset } from "../../chaincode/rules/keys.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import {
  agreementMessage,
  eventMessage,
  negotiationTermination,
  verificationMessage,
} from "../../exchange/negotiation/compose.ts";
import type { MessageOffer, NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import { record } from "../../exchange/requests/record.ts";
import {
  completed,
  type Declaration,
  declaredBy,
  offeredPolicy,
  readOffer,
} from "../../exchange/transfers/declaration.ts";
import {
  isReleaseAgreement,
  releaseAgreementOf,
  releaseProblems,
  termsOfPolicy,
} from "../../exchange/transfers/release-agreement.ts";
import { LedgerError } from "../../ledger/port.ts";
import { decideRelease } from "../../policies/engine/decide-release.ts";
import type { Policy } from "../../policies/model/policy.ts";
import { problemLine } from "../../policies/model/problem.ts";
import type { ProcessRecord } from "../dataspace/process-record.ts";
import type { NodeServices } from "../runtime/services.ts";
import type { RecordStore } from "../store/records.ts";
import { agreementUuid, type KeptAgreement, keepAgreement } from "./agreements.ts";
import { type HeldAgreements, MOST_AGREEMENTS } from "./held-agreements.ts";

type Deps = Pick<NodeServices, "ledger" | "members" | "now" | "identity" | "network" | "member" | "assets"> & {
  readonly agreements: RecordStore<KeptAgreement>;
  readonly held: HeldAgreements;
};
type Kept = ProcessRecord<Negotiation, NegotiationMessage>;

interface Judged {
  readonly policy: Policy;
  readonly assetVersion: number;
  readonly declaration: Declaration;
}
interface Refused {
  readonly code: string;
  readonly detail: string;
}

const TOO_MANY: Refused = Object.freeze({
  code: "too-many-agreements",
  detail: `offer: ${MOST_AGREEMENTS} agreements on this asset stand: use one of them, or wait until one is over`,
});

export function createReleaseNegotiations(deps: Deps) {
  /** The provider's word on an offer, by the policy in force now. */
  async function judged(peer: string, offer: MessageOffer): Promise<Judged | Refused> {
    const own = await deps.assets.find(offer.target);
    const terms = own?.policy === undefined ? undefined : termsOfPolicy(own.policy);
    // What has no policy is not offered, and what records are never released of wants a data request.
    if (own?.policy === undefined || own.state !== "registered" || terms === undefined) {
      return { code: "offer-unknown", detail: "offer: no asset of this id is offered" };
    }
    if (terms.release === undefined) return { code: "data-request-wanted", detail: "the offer names no data request" };
    const read = readOffer(offer, own.policy);
    if (read.kind !== "records") {
      return {
        code: "offer-unknown",
        detail: read.kind === "other" ? read.detail : "the offer is about a computation",
      };
    }
    const declaration = read.declaration ?? completed(terms, {});
    if (declaration === undefined) {
      return { code: "declaration-wanted", detail: "offer: name the purpose and territory with sealane:declared" };
    }
    const member = await deps.members.find(peer);
    const decision = decideRelease({
      terms,
      request: declaredBy(peer, declaration),
      asset: own.asset,
      format: undefined,
      context: { now: deps.now(), ...(member?.status === "active" ? { requester: member.record } : {}) },
    });
    if (decision.outcome !== "permit") {
      const [code = "release-not-allowed"] = decision.reasons;
      return { code, detail: `the policy says ${decision.outcome}: ${decision.reasons.join(", ")}` };
    }
    return { policy: own.policy, assetVersion: own.asset.version, declaration };
  }

  async function agreed({ pid, peer }: Kept, document: Negotiation): Promise<NegotiationMessage> {
    const verdict = await judged(peer, document.offer);
    if ("code" in verdict) return negotiationTermination(document, causeOf(verdict.code, verdict.detail));
    const id = agreementIdOf(pid, document.offer.target);
    return agreementMessage(document, releaseAgreementOf({ ...verdict, id, consumer: peer, timestamp: deps.now() }));
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
  async function verified({ pid, peer }: Kept, document: Negotiation): Promise<NegotiationMessage> {
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
    if (!(await keepAgreement(deps.agreements, { agreement, role: "consumer", peer, negotiation: pid }))) {
      return negotiationTermination(
        document,
        causeOf("agreement-mismatch", "agreement: its @id is that of another one"),
      );
    }
    return verificationMessage(document);
  }

  return Object.freeze({
    /** `pid`: what this side would call the negotiation. */
    async admits(peer: string, message: NegotiationMessage, pid: string): Promise<Refused | undefined> {
      if (message["@type"] !== "ContractRequestMessage") {
        return { code: "offer-unwanted", detail: "this participant asks for what it wants itself" };
      }
      // The first one may be forgotten here; what it has led to is not.
      const id = agreementIdOf(pid, message.offer.target);
      if ((await deps.agreements.get(id)) !== undefined || (await readAgreement(deps.ledger, id)) !== undefined) {
        return { code: "pid-taken", detail: "consumerPid: an agreement has been concluded under it: choose a new one" };
      }
      const verdict = await judged(peer, message.offer);
      if ("code" in verdict) return verdict;
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
  });
}
