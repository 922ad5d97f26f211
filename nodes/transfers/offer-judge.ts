/** The provider's word on an offer about records, by the policy in force now and what its steward has said. */
import type { MessageOffer } from "../../exchange/negotiation/messages.ts";
import { completed, type Declaration, declaredBy, readOffer } from "../../exchange/transfers/declaration.ts";
import { termsOfPolicy } from "../../exchange/transfers/release-agreement.ts";
import { decideRelease, type ReleaseDecision } from "../../policies/engine/decide-release.ts";
import type { Asset } from "../../policies/model/asset.ts";
import type { DecisionContext } from "../../policies/model/context.ts";
import type { Policy } from "../../policies/model/policy.ts";
import type { PolicyTerms, ReleaseTerms } from "../../policies/model/terms.ts";
import type { NodeServices } from "../runtime/services.ts";

/** An offer that may lead to an agreement: at once, or after a person has approved. */
export interface OpenOffer {
  readonly outcome: "permit" | "wait";
  readonly policy: Policy;
  readonly terms: PolicyTerms & { readonly release: ReleaseTerms };
  readonly asset: Asset;
  readonly declaration: Declaration;
  readonly decision: ReleaseDecision;
}
export interface Refused {
  readonly outcome: "refuse";
  readonly code: string;
  /** Where the policy refuses: the codes of all its reasons. */
  readonly detail: string;
  /** Absent: no rule was asked. */
  readonly decision?: ReleaseDecision;
}

/** What the steward has said of this asset under this policy. */
type Approval = (about: { readonly asset: Asset; readonly terms: PolicyTerms }) => DecisionContext["approval"];

export type JudgeOffer = (peer: string, offer: MessageOffer, approval?: Approval) => Promise<OpenOffer | Refused>;

const refused = (code: string, detail: string): Refused => ({ outcome: "refuse", code, detail });

export const createOfferJudge =
  (
    deps: Pick<NodeServices, "members" | "now"> & { readonly assets: Pick<NodeServices["assets"], "find"> },
  ): JudgeOffer =>
  async (peer, offer, approval = () => undefined) => {
    const own = await deps.assets.find(offer.target);
    const terms = own?.policy === undefined ? undefined : termsOfPolicy(own.policy);
    // What has no policy is not offered, and what records are never released of wants a data request.
    if (own?.policy === undefined || own.state !== "registered" || terms === undefined) {
      return refused("offer-unknown", "offer: no asset of this id is offered");
    }
    const { asset, policy } = own;
    const { release } = terms;
    if (release === undefined) return refused("data-request-wanted", "the offer names no data request");
    const read = readOffer(offer, policy);
    if (read.kind !== "records") {
      return refused("offer-unknown", read.kind === "other" ? read.detail : "the offer is about a computation");
    }
    const declaration = read.declaration ?? completed(terms, {});
    if (declaration === undefined) {
      return refused("declaration-wanted", "offer: name the purpose and territory with sealane:declared");
    }
    const member = await deps.members.find(peer);
    const given = approval({ asset, terms });
    const decision = decideRelease({
      terms,
      request: declaredBy(peer, declaration),
      asset,
      format: undefined,
      context: {
        now: deps.now(),
        ...(member?.status === "active" ? { requester: member.record } : {}),
        ...(given === undefined ? {} : { approval: given }),
      },
    });
    const { outcome, reasons } = decision;
    if (outcome !== "refuse") return { outcome, policy, terms: { ...terms, release }, asset, declaration, decision };
    const [code = "release-not-allowed"] = reasons;
    return { ...refused(code, reasons.join(", ")), decision };
  };
