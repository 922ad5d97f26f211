/** Agreements: recorded by the provider when the DSP negotiation is FINALIZED; revocable by the provider. */

import { agreementIdOf } from "./agreement-id.ts";
import { activeAsset } from "./assets.ts";
import { failRunning } from "./computation-states.ts";
import { demand, found } from "./errors.ts";
import type { Host } from "./host.ts";
import { keys, readAgreement, readAgreementUses, readAssetVersion, readDecision, readReleaseDecision } from "./keys.ts";
import type { AgreementState, AssetState } from "./records.ts";
import { openRequest } from "./requests.ts";
import { activeMember, millisOf, providerOf, type Rule, written } from "./rule.ts";
import type { TransactionBody } from "./transactions.ts";

type Conclusion = TransactionBody<"agreement.conclude">;

export const concludeAgreement: Rule<"agreement.conclude"> = async (host, author, body) => {
  const { agreement, request, policy, negotiation, asset, assetVersion } = body;
  demand(
    providerOf(asset) === author.id,
    "ERR_CONTRACT_NOT_PERMITTED",
    `asset: the provider ${providerOf(asset)} concludes, not ${author.id}`,
    "asset",
  );
  demand(
    (request === undefined) !== (policy === undefined),
    "ERR_CONTRACT_MISMATCH",
    "request: expected a data request, or the policy that records are released by",
    "request",
  );
  demand(
    (policy === undefined) === (negotiation === undefined),
    "ERR_CONTRACT_MISMATCH",
    "negotiation: expected with an agreement on records, and with no other",
    "negotiation",
  );
  demand(
    agreement === agreementIdOf(request ?? negotiation ?? "", asset),
    "ERR_CONTRACT_MISMATCH",
    "agreement: expected the id that follows from its request or negotiation, and its asset",
    "agreement",
  );
  const existing = await readAgreement(host.store, agreement);
  demand(existing === undefined, "ERR_CONTRACT_EXISTS", `agreement: ${agreement} exists`, "agreement");
  if (request !== undefined) await demandAsked(host, request, body);
  const state = await activeAsset(host, asset, "asset");
  demand(
    state.version === assetVersion,
    "ERR_CONTRACT_VERSION",
    `assetVersion: expected the present version ${state.version}, got ${assetVersion}`,
    "assetVersion",
  );
  found(await readAssetVersion(host.store, asset, assetVersion), "asset version", "assetVersion");
  if (request !== undefined) await demandPermit(host, request, asset);
  if (policy !== undefined) await demandRelease(host, author.id, body, state);
  demand(
    millisOf(body.validUntil, "validUntil") > millisOf(host.time, "time"),
    "ERR_CONTRACT_DEADLINE",
    `validUntil: expected after ${host.time}, got ${body.validUntil}`,
    "validUntil",
  );
  if (request !== undefined) await demandFirst(host, request, asset);
  const concluded: AgreementState = {
    agreement: body,
    provider: author.id,
    concluded: written(host),
    state: "finalized",
  };
  await host.store.put(keys.agreement(agreement), concluded);
  if (request !== undefined) await host.store.put(keys.requestAgreement(request, asset), { agreement });
};

async function demandAsked(host: Host, request: string, { consumer, asset }: Conclusion): Promise<void> {
  const open = await openRequest(host, request, "request");
  demand(
    open.requester === consumer,
    "ERR_CONTRACT_MISMATCH",
    `consumer: expected the requester ${open.requester}, got ${consumer}`,
    "consumer",
  );
  demand(open.assets.includes(asset), "ERR_CONTRACT_MISMATCH", `asset: ${asset} is not in the request`, "asset");
}

async function demandPermit(host: Host, request: string, asset: string): Promise<void> {
  const decision = await readDecision(host.store, request, asset);
  demand(
    decision?.decision.outcome === "permit",
    "ERR_CONTRACT_DECISION",
    `asset: the last decision is ${decision?.decision.outcome ?? "missing"}, expected permit`,
    "asset",
  );
}

async function demandFirst(host: Host, request: string, asset: string): Promise<void> {
  const link = (await host.store.get(keys.requestAgreement(request, asset))) as { agreement: string } | undefined;
  const standing = link === undefined ? undefined : await readAgreement(host.store, link.agreement);
  demand(
    standing === undefined,
    "ERR_CONTRACT_EXISTS",
    `agreement: ${link?.agreement} was concluded for this asset and request`,
    "agreement",
  );
}

/** Records go to another active member, by the policy in force; where a person was asked, by that person's word on them. */
async function demandRelease(
  host: Host,
  provider: string,
  { consumer, policy, negotiation, assetVersion }: Conclusion,
  asset: AssetState,
): Promise<void> {
  await activeMember(host, consumer, "consumer");
  demand(consumer !== provider, "ERR_CONTRACT_ROLES", "consumer: a provider has its own records", "consumer");
  demand(
    asset.policyDigest === policy?.digest && asset.policyVersion === policy.version,
    "ERR_CONTRACT_POLICY",
    `policy: the active policy is version ${asset.policyVersion} (${asset.policyDigest})`,
    "policy",
  );
  const decision = (await readReleaseDecision(host.store, provider, negotiation ?? ""))?.decision;
  demand(
    decision === undefined ||
      (decision.outcome === "permit" &&
        decision.asset === asset.asset &&
        decision.assetVersion === assetVersion &&
        decision.consumer === consumer &&
        decision.policyDigest === policy?.digest &&
        decision.policyVersion === policy.version),
    "ERR_CONTRACT_DECISION",
    `negotiation: the decision on it is ${decision?.outcome}, on ${decision?.asset} for ${decision?.consumer}`,
    "negotiation",
  );
}

/** Ends every computation under it that has not closed its second phase. */
export const revokeAgreement: Rule<"agreement.revoke"> = async (host, author, { agreement, reason }) => {
  const state = found(await readAgreement(host.store, agreement), "agreement", "agreement");
  demand(
    state.provider === author.id,
    "ERR_CONTRACT_NOT_PERMITTED",
    `agreement: only its provider ${state.provider} may revoke it`,
    "agreement",
  );
  demand(state.state === "finalized", "ERR_CONTRACT_STATE", `agreement: ${agreement} is ${state.state}`, "agreement");
  const uses = await readAgreementUses(host.store, agreement);
  const revoked: AgreementState = { ...state, state: "revoked", revoked: written(host), reason };
  await host.store.put(keys.agreement(agreement), revoked);
  for (const use of uses) await failRunning(host, use, { reason: "agreement-revoked", by: author.id });
};

/** Neither revoked nor past its end. `field` names it to the author of the transaction. */
export async function standingAgreement(host: Host, agreement: string, field: string): Promise<AgreementState> {
  const state = found(await readAgreement(host.store, agreement), "agreement", field);
  demand(state.state === "finalized", "ERR_CONTRACT_AGREEMENT", `${field}: ${agreement} is ${state.state}`, field);
  demand(
    millisOf(host.time, "time") < millisOf(state.agreement.validUntil, "validUntil"),
    "ERR_CONTRACT_AGREEMENT",
    `${field}: ${agreement} ended at ${state.agreement.validUntil}`,
    field,
  );
  return state;
}
