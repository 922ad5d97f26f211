/**
 * May records leave under this agreement, now? Asked at every call and for every piece of a stream: the agreement
 * stands on the ledger, both members are active, the asset is the version agreed on, and the policy agreed on and the
 * one in force both permit what the consumer declared. A steward's approval counts for the policy it was given under.
 */
import { readAgreement, readReleaseDecision } from "../../chaincode/rules/keys.ts";
import { canonicalJson, digestOf } from "../../crypto/suites/digest.ts";
import { declaredBy } from "../../exchange/transfers/declaration.ts";
import { policyOfAgreement, type ReleaseAgreement, termsOfPolicy } from "../../exchange/transfers/release-agreement.ts";
import { aboutAgreement, approvalOf } from "../../exchange/transfers/release-decision.ts";
import { decideRelease } from "../../policies/engine/decide-release.ts";
import type { Asset, Field } from "../../policies/model/asset.ts";
import type { PolicyTerms, ReleaseTerms } from "../../policies/model/terms.ts";
import { releasedFields } from "../../policies/rules/release.ts";
import type { NodeServices } from "../runtime/services.ts";
import { agreementUuid } from "./agreements.ts";

type Deps = Pick<NodeServices, "ledger" | "members" | "now"> & {
  readonly assets: Pick<NodeServices["assets"], "find">;
};

export interface Permitted {
  readonly ok: true;
  readonly asset: Asset;
  /** The columns that leave. */
  readonly fields: readonly Field[];
  readonly release: ReleaseTerms;
}
export type Permission = Permitted | { readonly ok: false; readonly reason: string };

const refused = (reason: string): Permission => ({ ok: false, reason });

export async function permission(
  deps: Deps,
  agreement: ReleaseAgreement,
  format: string | undefined,
): Promise<Permission> {
  const now = deps.now();
  const onLedger = await readAgreement(deps.ledger, agreementUuid(agreement["@id"]));
  if (onLedger?.agreement.digest !== digestOf(agreement)) return refused("agreement-not-recorded");
  if (onLedger.state === "revoked") return refused("agreement-revoked");
  if (!(Date.parse(now) <= Date.parse(agreement["sealane:validUntil"]))) return refused("agreement-expired");
  const consumer = await activeMember(deps, agreement.assignee);
  if (consumer === undefined || (await activeMember(deps, agreement.assigner)) === undefined) {
    return refused("member-not-active");
  }
  const own = await deps.assets.find(agreement.target);
  if (own?.state !== "registered") return refused("asset-withdrawn");
  const { asset, policy } = own;
  if (asset.version !== agreement["sealane:assetVersion"]) return refused("asset-version-changed");
  const agreed = termsOfPolicy(policyOfAgreement(agreement));
  const inForce = policy === undefined ? undefined : termsOfPolicy(policy);
  if (agreed?.release === undefined || inForce === undefined) return refused("release-not-allowed");
  const request = declaredBy(agreement.assignee, agreement["sealane:declared"]);
  const isAsked = agreed.approval === "steward" || inForce.approval === "steward";
  const { negotiation = "" } = onLedger.agreement;
  const decided = isAsked ? await readReleaseDecision(deps.ledger, agreement.assigner, negotiation) : undefined;
  for (const terms of agreed.digest === inForce.digest ? [agreed] : [agreed, inForce]) {
    const about = { ...aboutAgreement(negotiation, agreement), policyDigest: terms.digest };
    const approval = approvalOf(decided, about);
    const context = { requester: consumer, now, ...(approval === undefined ? {} : { approval }) };
    const { outcome, reasons } = decideRelease({ terms, request, asset, format, context });
    // Nobody is asked any more: another policy wants another agreement.
    if (outcome === "wait") return refused(terms === agreed ? "approval-not-recorded" : "policy-replaced");
    if (outcome === "refuse") return refused(reasons[0] ?? "release-not-allowed");
  }
  const fields = releasedFields(agreed, asset);
  const still = releasedFields(inForce, asset).map(({ name }) => name);
  if (!fields.every(({ name }) => still.includes(name))) return refused("policy-replaced");
  // Of two masks nobody can say which one hides more: a new one wants a new agreement.
  const isMaskedAnew = fields.some(({ element }) => {
    const mask = inForce.release?.masks[element];
    return mask !== undefined && canonicalJson(mask) !== canonicalJson(agreed.release?.masks[element] ?? null);
  });
  if (isMaskedAnew) return refused("policy-replaced");
  return { ok: true, asset, fields, release: strictest(agreed.release, inForce) };
}

async function activeMember(deps: Pick<Deps, "members">, id: string) {
  const found = await deps.members.find(id);
  return found?.status === "active" ? found.record : undefined;
}

function strictest(agreed: ReleaseTerms, { release: inForce }: PolicyTerms): ReleaseTerms {
  if (inForce === undefined) return agreed;
  const least = (a: number | undefined, b: number | undefined) => (a === undefined ? b : Math.min(a, b ?? a));
  return {
    ...agreed,
    uses: least(agreed.uses, inForce.uses),
    rows: Math.min(agreed.rows, inForce.rows),
    bytes: Math.min(agreed.bytes, inForce.bytes),
    callsPerMinute: Math.min(agreed.callsPerMinute, inForce.callsPerMinute),
  };
}
