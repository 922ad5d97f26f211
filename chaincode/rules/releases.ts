/** A steward's word on records that a consumer asks for, given once for each negotiation. */
import { agreementIdOf } from "./agreement-id.ts";
import { activeAsset } from "./assets.ts";
import { demand } from "./errors.ts";
import { keys, readAgreement, readReleaseDecision } from "./keys.ts";
import type { ReleaseDecisionState } from "./records.ts";
import { activeMember, providerOf, type Rule, written } from "./rule.ts";

export const decideRelease: Rule<"release.decide"> = async (host, author, decision) => {
  const { negotiation, asset, assetVersion, consumer, policyDigest, policyVersion } = decision;
  demand(
    providerOf(asset) === author.id,
    "ERR_CONTRACT_NOT_PERMITTED",
    `asset: ${asset} belongs to ${providerOf(asset)}, not to ${author.id}`,
    "asset",
  );
  const before = await readReleaseDecision(host.store, author.id, negotiation);
  demand(before === undefined, "ERR_CONTRACT_EXISTS", `negotiation: ${negotiation} was decided on`, "negotiation");
  const agreed = await readAgreement(host.store, agreementIdOf(negotiation, asset));
  demand(
    agreed === undefined,
    "ERR_CONTRACT_STATE",
    "negotiation: already agreed; revoke the agreement",
    "negotiation",
  );
  const state = await activeAsset(host, asset, "asset");
  demand(
    state.version === assetVersion,
    "ERR_CONTRACT_VERSION",
    `assetVersion: expected the present version ${state.version}, got ${assetVersion}`,
    "assetVersion",
  );
  demand(
    state.policyDigest === policyDigest && state.policyVersion === policyVersion,
    "ERR_CONTRACT_POLICY",
    `policyVersion: the active policy is version ${state.policyVersion} (${state.policyDigest})`,
    "policyVersion",
  );
  await activeMember(host, consumer, "consumer");
  demand(consumer !== author.id, "ERR_CONTRACT_ROLES", "consumer: a provider has its own records", "consumer");
  const recorded: ReleaseDecisionState = { provider: author.id, decision, ...written(host) };
  await host.store.put(keys.releaseDecision(author.id, negotiation), recorded);
};
