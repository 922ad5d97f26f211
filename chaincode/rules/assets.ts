/** Assets and their policies: digests only. A provider's asset ids begin with its member id. */
import { demand, found } from "./errors.ts";
import type { Host } from "./host.ts";
import { keys, readAsset } from "./keys.ts";
import { accountsKept } from "./privacy.ts";
import type { AssetState, AssetVersionState } from "./records.ts";
import { type Author, providerOf, type Rule, written } from "./rule.ts";

export const registerAsset: Rule<"asset.register"> = async (host, author, body) => {
  demandOwner(author, body.asset);
  const previous = await readAsset(host.store, body.asset);
  demand(previous?.state !== "withdrawn", "ERR_CONTRACT_STATE", `asset: ${body.asset} is withdrawn`, "asset");
  demandNext(body.version, previous?.version ?? 0, "version");
  const keepAccounts = await accountsKept(host, body.asset, body.privacy);
  const asset: AssetState = {
    asset: body.asset,
    provider: author.id,
    state: "active",
    version: body.version,
    policyDigest: body.policyDigest,
    policyVersion: nextPolicyVersion(previous, body.policyDigest),
    ...written(host),
  };
  const { privacy: _privacy, ...described } = body;
  const version: AssetVersionState = { ...described, ...written(host) };
  await host.store.put(keys.asset(body.asset), asset);
  await host.store.put(keys.assetVersion(body.asset, body.version), version);
  await keepAccounts();
};

export const withdrawAsset: Rule<"asset.withdraw"> = async (host, author, { asset, reason }) => {
  demandOwner(author, asset);
  const state = await activeAsset(host, asset, "asset");
  await host.store.put(keys.asset(asset), { ...state, state: "withdrawn", reason, ...written(host) });
};

/** `version` counts the policies of the asset; the registration's own policy is version 1. */
export const activatePolicy: Rule<"policy.activate"> = async (host, author, body) => {
  const { asset, version, policyDigest, privacy, approvedBy = [] } = body;
  demandOwner(author, asset);
  const stranger = approvedBy.find((person) => !isPersonOf(author.id, person));
  demand(
    stranger === undefined,
    "ERR_CONTRACT_MISMATCH",
    `approvedBy: expected persons of ${author.id}, got ${stranger}`,
    "approvedBy",
  );
  const state = await activeAsset(host, asset, "asset");
  demandNext(version, state.policyVersion, "version");
  const keepAccounts = privacy === undefined ? undefined : await accountsKept(host, asset, privacy);
  await host.store.put(keys.asset(asset), { ...state, policyDigest, policyVersion: version, ...written(host) });
  await keepAccounts?.();
};

/** `<member>/<person>` */
const isPersonOf = (member: string, person: string): boolean =>
  person.startsWith(`${member}/`) && person.length > member.length + 1;

export async function activeAsset(host: Host, asset: string, field: string): Promise<AssetState> {
  const state = found(await readAsset(host.store, asset), "asset", field);
  demand(state.state === "active", "ERR_CONTRACT_STATE", `${field}: ${asset} is withdrawn`, field);
  return state;
}

function demandOwner(author: Author, asset: string): void {
  demand(
    providerOf(asset) === author.id,
    "ERR_CONTRACT_NOT_PERMITTED",
    `asset: ${asset} belongs to ${providerOf(asset)}, not to ${author.id}`,
    "asset",
  );
}

function demandNext(version: number, previous: number, field: string): void {
  demand(version === previous + 1, "ERR_CONTRACT_VERSION", `${field}: expected ${previous + 1}, got ${version}`, field);
}

const nextPolicyVersion = (previous: AssetState | undefined, digest: string): number => {
  if (previous === undefined) return 1;
  return previous.policyDigest === digest ? previous.policyVersion : previous.policyVersion + 1;
};
