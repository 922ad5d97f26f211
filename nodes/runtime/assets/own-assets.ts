/**
 * The steward's desk: registers this node's tables as assets, sets their policies, opens their sources. A policy is in
 * force when its digest is the one on the ledger, so no second record of "the current policy" can disagree with it.
 */

import { join } from "node:path";
import { readAsset, readAssetVersion } from "../../../chaincode/rules/keys.ts";
import { digestOf } from "../../../crypto/suites/digest.ts";
import { checkDescription } from "../../../exchange/catalog/check-description.ts";
import { CatalogError } from "../../../exchange/catalog/errors.ts";
import {
  type Announcement,
  type AssetRecord,
  registerAsset,
  resumeRegistrations,
  withdrawAsset,
} from "../../../exchange/catalog/register.ts";
import { record } from "../../../exchange/requests/record.ts";
import { LedgerError } from "../../../ledger/port.ts";
import type { Asset } from "../../../policies/model/asset.ts";
import { parsePolicy } from "../../../policies/model/parse-policy.ts";
import { type Policy, policyDigest } from "../../../policies/model/policy.ts";
import type { Problem } from "../../../policies/model/problem.ts";
import { createKeyedLock } from "../../computations/keyed-lock.ts";
import type { SourceDescription } from "../../sources/description.ts";
import { SourceError } from "../../sources/errors.ts";
import { type OpenedSource, openSource } from "../../sources/open.ts";
import type { CoreServices } from "../core-services.ts";
import { AssetError } from "./asset-error.ts";
import { createContentCommitments } from "./content-commitment.ts";

/** Policy digest of an asset that has none: nobody has access. */
export const NO_POLICY_DIGEST = digestOf(null);
const SCRATCH_FOLDER = "scratch";

export interface OwnAsset {
  readonly asset: Asset;
  readonly state: AssetRecord<SourceDescription>["state"];
  /** In force by the ledger; undefined: nobody has access. */
  readonly policy: Policy | undefined;
  readonly policyDigest: string;
  readonly policyVersion: number;
}

/** `unchanged`: the description and the bytes were those of the registered version, so only the policy was set. */
export interface Registered extends OwnAsset {
  readonly unchanged: boolean;
}

export interface OwnAssets {
  /**
   * Throws CatalogError (everything that is wrong with description, table and policy), SourceError or LedgerError;
   * nothing half registered.
   */
  register(input: { description: unknown; source: SourceDescription; policy?: unknown }): Promise<Registered>;
  withdraw(asset: string, reason: string): Promise<void>;
  /**
   * Activates a policy. Throws AssetError ERR_ASSET_POLICY_INVALID with every problem, and ERR_ASSET_POLICY_PERSONS
   * where more than one person has to agree.
   */
  setPolicy(asset: string, policy: unknown): Promise<OwnAsset>;
  /** The digest of a policy that may be put in force. Throws AssetError; writes nothing. */
  judgePolicy(asset: string, policy: unknown): Promise<string>;
  /** As judgePolicy, and the policy is on disk when it resolves. */
  keepPolicy(asset: string, policy: unknown): Promise<string>;
  keptPolicy(asset: string, digest: string): Promise<Policy | undefined>;
  /**
   * Puts a kept policy in force under this version, with the names of who agreed to it; a repeat is answered, not
   * doubled. `overtaken`: the version is another policy's.
   */
  activate(
    asset: string,
    digest: string,
    version: number,
    approvedBy: readonly string[],
  ): Promise<"active" | "overtaken">;
  find(asset: string): Promise<OwnAsset | undefined>;
  list(): Promise<readonly OwnAsset[]>;
  /** The table in its sandbox; the caller closes it. `threads`: 1 reads records in their order; default: as configured. */
  open(asset: string, threads?: number): Promise<OpenedSource>;
  /** Finishes what a crash left half announced. */
  resume(): Promise<void>;
  /** Told of every change of an asset, once it is on disk. Returns what ends it. */
  watch(changed: (asset: string) => void): () => void;
}

type Deps = Pick<
  CoreServices,
  "config" | "dir" | "identity" | "ledger" | "member" | "network" | "openStore" | "random"
>;

export function createOwnAssets(services: Deps, onChange: (asset: string) => Promise<void>): OwnAssets {
  const watchers = new Set<(asset: string) => void>();
  const store = services.openStore<AssetRecord<SourceDescription>>("assets");
  const assets: typeof store = {
    ...store,
    async put(id, record) {
      await store.put(id, record);
      for (const changed of watchers) changed(id);
    },
  };
  /** By `<asset>/<digest>`. */
  const policies = services.openStore<Policy>("policies");
  /** Policy digest that a version is announced with, by `<asset>/<version>`: a repeat must say the same. */
  const announced = services.openStore<{ readonly policyDigest: string }>("announced-policies");

  const statedPrivacy = createContentCommitments(services);

  async function announce(asset: Asset, given: string | undefined): Promise<Announcement> {
    const metadataDigest = digestOf(asset);
    const onLedger = await readAssetVersion(services.ledger, asset.id, asset.version);
    if (onLedger?.metadataDigest === metadataDigest) return { accepted: true };
    const id = `${asset.id}/${asset.version}`;
    const digest =
      given ??
      (await announced.get(id))?.policyDigest ??
      (await readAsset(services.ledger, asset.id))?.policyDigest ??
      NO_POLICY_DIGEST;
    await announced.put(id, { policyDigest: digest });
    const { fingerprint } = await known(asset.id);
    const body = {
      asset: asset.id,
      version: asset.version,
      metadataDigest,
      policyDigest: digest,
      unitDomain: asset.unitDomain,
      privacy: await statedPrivacy(fingerprint, await policies.get(`${asset.id}/${digest}`)),
    };
    return await accepted(() => record(services, "asset.register", body, body));
  }

  const ports = (given?: Policy) => ({
    member: services.member,
    store: assets,
    random: services.random,
    onLedger: (asset: string) => readAsset(services.ledger, asset),
    // The policy is kept before the ledger names it, and not for a description that is refused.
    announce: async (asset: Asset) => {
      if (given !== undefined) await keepPolicy(asset.id, given);
      return await announce(asset, given === undefined ? undefined : policyDigest(given));
    },
  });
  /** Two at a time would prepare the same version twice. */
  const oneAtATime = createKeyedLock();

  function checkedPolicy(asset: string, value: unknown): Policy {
    const { policy, problems } = judgedPolicy(asset, value);
    if (policy !== undefined) return policy;
    throw new AssetError("ERR_ASSET_POLICY_INVALID", `policy of ${asset}: ${problems.length} problems`, problems);
  }

  const keepPolicy = (asset: string, policy: Policy) => policies.put(`${asset}/${policyDigest(policy)}`, policy);

  async function view(stored: AssetRecord<SourceDescription>): Promise<OwnAsset> {
    const onLedger = await readAsset(services.ledger, stored.asset.id);
    const digest = onLedger?.policyDigest ?? NO_POLICY_DIGEST;
    const policy = await policies.get(`${stored.asset.id}/${digest}`);
    const { asset, state } = stored;
    return { asset, state, policy, policyDigest: digest, policyVersion: onLedger?.policyVersion ?? 0 };
  }

  async function known(asset: string): Promise<AssetRecord<SourceDescription>> {
    const stored = await assets.get(asset);
    if (stored !== undefined) return stored;
    throw new AssetError("ERR_ASSET_UNKNOWN", `asset: ${asset} is not registered on this node`);
  }

  function sourceOptions() {
    const { memoryLimitMiB, threads, timeoutMs } = services.config().sources;
    return { scratch: join(services.dir, SCRATCH_FOLDER), memoryMiB: memoryLimitMiB, threads, timeoutMs };
  }

  async function setPolicy(asset: string, value: unknown): Promise<OwnAsset> {
    refuseAlone();
    const digest = await judgePolicy(asset, value);
    const stored = await known(asset);
    const onLedger = await readAsset(services.ledger, asset);
    if (onLedger?.policyDigest === digest) {
      throw new AssetError("ERR_ASSET_POLICY_UNCHANGED", `policy: version ${onLedger.policyVersion} is the same`);
    }
    await keepPolicy(asset, checkedPolicy(asset, value));
    await recordPolicy(asset, digest, (onLedger?.policyVersion ?? 0) + 1);
    return await view(stored);
  }

  async function recordPolicy(
    asset: string,
    digest: string,
    version: number,
    approvedBy: readonly string[] = [],
  ): Promise<void> {
    const { fingerprint } = await known(asset);
    const privacy = await statedPrivacy(fingerprint, await policies.get(`${asset}/${digest}`));
    const approved = approvedBy.length === 0 ? {} : { approvedBy: [...approvedBy] };
    const body = { asset, version, policyDigest: digest, privacy, ...approved };
    await record(services, "policy.activate", body, body);
    await onChange(asset);
  }

  /** A policy that several persons have to agree to comes in force through its activation alone. */
  function refuseAlone(): void {
    const { persons } = services.config().policies;
    if (persons > 1) throw new AssetError("ERR_ASSET_POLICY_PERSONS", `policy: ${persons} persons have to agree to it`);
  }

  async function judgePolicy(asset: string, value: unknown): Promise<string> {
    // Before the asset: whoever wrote it wants to know what is wrong with it wherever it is for.
    const policy = checkedPolicy(asset, value);
    const { state } = await known(asset);
    if (state === "withdrawn") throw new AssetError("ERR_ASSET_UNKNOWN", `asset: ${asset} is withdrawn`);
    return policyDigest(policy);
  }

  return Object.freeze({
    async register(input: { description: unknown; source: SourceDescription; policy?: unknown }) {
      const { allowedPaths } = services.config().sources;
      if (allowedPaths.length > 0 && !allowedPaths.includes(input.source.path)) {
        throw new AssetError(
          "ERR_ASSET_SOURCE_FORBIDDEN",
          `source.path: ${input.source.path} is not in sources.allowedPaths of sealane.json`,
        );
      }
      if (input.policy !== undefined) refuseAlone();
      const id = String((input.description as { id?: unknown } | null)?.id);
      const { policy, problems } =
        input.policy === undefined ? { policy: undefined, problems: [] } : judgedPolicy(id, input.policy);
      const beside = problems.map((problem) => ({ ...problem, field: `policy${problem.field}` }));
      const source = await openSource(input.source, sourceOptions()).catch((error: unknown) => {
        const described = checkDescription(input.description, services.member, undefined).problems;
        throw withOthers(error, [...described, ...beside]);
      });
      try {
        const request = { description: input.description, location: input.source, source, known: beside };
        const asset = await oneAtATime(id, () => registerAsset(ports(policy), request));
        await onChange(asset.id);
        return { ...(await view(await known(asset.id))), unchanged: false };
      } catch (error) {
        if (!isUnchanged(error) || policy === undefined) throw error;
        return { ...(await setPolicy(id, policy).catch(unlessSame(error))), unchanged: true };
      } finally {
        await source.close();
      }
    },
    async withdraw(asset: string, reason: string) {
      const body = { asset, reason };
      await withdrawAsset(
        { store: assets, announce: () => accepted(() => record(services, "asset.withdraw", body, asset)) },
        asset,
      );
      await onChange(asset);
    },
    setPolicy,
    judgePolicy,
    async keepPolicy(asset: string, value: unknown) {
      const digest = await judgePolicy(asset, value);
      await keepPolicy(asset, checkedPolicy(asset, value));
      return digest;
    },
    keptPolicy: (asset: string, digest: string) => policies.get(`${asset}/${digest}`),
    async activate(asset: string, digest: string, version: number, approvedBy: readonly string[]) {
      try {
        await recordPolicy(asset, digest, version, approvedBy);
        return "active";
      } catch (error) {
        if (error instanceof LedgerError && error.rejection?.code === "ERR_CONTRACT_VERSION") return "overtaken";
        throw error;
      }
    },
    async find(asset: string) {
      const stored = await assets.get(asset);
      return stored === undefined ? undefined : await view(stored);
    },
    async list() {
      const found: OwnAsset[] = [];
      for await (const [, stored] of assets.entries()) found.push(await view(stored));
      return found;
    },
    async open(asset: string, threads?: number) {
      const { source, fingerprint } = await known(asset);
      return await openSource(source, {
        ...sourceOptions(),
        ...(threads === undefined ? {} : { threads }),
        fingerprint,
      });
    },
    resume: () => resumeRegistrations(ports()),
    watch(changed: (asset: string) => void) {
      watchers.add(changed);
      return () => void watchers.delete(changed);
    },
  });
}

function judgedPolicy(asset: string, value: unknown): { policy: Policy | undefined; problems: AssetError["problems"] } {
  const parsed = parsePolicy(value);
  if (!parsed.ok) return { policy: undefined, problems: parsed.problems };
  if (parsed.policy.target === asset) return { policy: parsed.policy, problems: [] };
  const parameters = { wanted: asset, got: parsed.policy.target };
  return { policy: undefined, problems: [{ field: "/target", code: "policy-target", parameters }] };
}

/** A source that cannot be opened does not hide what else is wrong. */
function withOthers(error: unknown, others: readonly Problem[]): unknown {
  if (!(error instanceof SourceError) || others.length === 0) return error;
  const { code, message } = error;
  const faults = error.problems.length > 0 ? error.problems : [{ field: "source", code, detail: message }];
  return new CatalogError("ERR_CATALOG_INVALID", "the asset cannot be registered", [...faults, ...others]);
}

const isUnchanged = (error: unknown): boolean =>
  error instanceof CatalogError && error.code === "ERR_CATALOG_UNCHANGED";

/** The policy is the same too: then it is the registration that was for nothing. */
const unlessSame = (unchanged: unknown) => (error: unknown) => {
  throw error instanceof AssetError && error.code === "ERR_ASSET_POLICY_UNCHANGED" ? unchanged : error;
};

/** A rejection by the contract is an answer; everything else stays unknown and is thrown. */
async function accepted(submit: () => Promise<unknown>): Promise<Announcement> {
  try {
    await submit();
    return { accepted: true };
  } catch (error) {
    if (error instanceof LedgerError && error.code === "ERR_LEDGER_REJECTED") {
      return { accepted: false, code: error.rejection?.code ?? error.code };
    }
    throw error;
  }
}
