/**
 * Registration of an asset: described, checked against its source, announced on the ledger, kept. Until the ledger has
 * it the record says `registering` and nothing else uses it; a crash in between is finished or undone by `resume`.
 */
import { digestOf, SALT_BYTES, saltedDigest } from "../../crypto/suites/digest.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import type { Asset } from "../../policies/model/asset.ts";
import type { Problem } from "../../policies/model/problem.ts";
import type { RecordStore } from "../requests/ports.ts";
import type { Source } from "../statistics/source.ts";
import { checkDescription } from "./check-description.ts";
import { checkSource } from "./check-source.ts";
import type { AssetDescription } from "./description.ts";
import { CatalogError, type CatalogProblem } from "./errors.ts";

/** Stays inside the node: it says where the table lies and what its bytes were. `D` describes the source. */
export interface AssetRecord<D> {
  readonly state: "registering" | "registered" | "withdrawn";
  readonly asset: Asset;
  readonly source: D;
  /** SHA-256 of the source bytes at registration. */
  readonly fingerprint: string;
  /** base64url; opens `asset.sourceDigest`. */
  readonly salt: string;
  /** The version before, until the ledger has this one. */
  readonly previous?: AssetRecord<D>;
}

/** What the ledger said: a rejection is final, an exception means unknown. */
export type Announcement = { readonly accepted: true } | { readonly accepted: false; readonly code: string };

export interface LedgerVersion {
  readonly version: number;
  readonly state: "active" | "withdrawn";
}

export interface RegistrationPorts<D> {
  readonly member: string;
  /** By asset id. */
  readonly store: RecordStore<AssetRecord<D>>;
  readonly random: (bytes: number) => Uint8Array;
  /** The latest on the ledger; a store that was lost does not know of it. */
  readonly onLedger: (asset: string) => Promise<LedgerVersion | undefined>;
  /** Puts the version on the ledger; repeating it for the same asset and version must be harmless. */
  readonly announce: (asset: Asset) => Promise<Announcement>;
}

const SOURCE_CHANGING: CatalogProblem = { field: "source", code: "source-changing", parameters: {} };

export interface PreparedAsset {
  readonly asset: Asset;
  readonly fingerprint: string;
  readonly salt: string;
}

/**
 * Checks everything and changes nothing. Throws ERR_CATALOG_INVALID with every problem at once, `known` ones included
 * (what is wrong with what comes along with the description).
 */
export async function prepareAsset(
  member: string,
  description: unknown,
  source: Source,
  options: {
    readonly version: number;
    readonly random: (bytes: number) => Uint8Array;
    readonly known?: readonly Problem[];
  },
): Promise<PreparedAsset> {
  const checked = checkDescription(description, member, source.columns);
  const before = await source.fingerprint();
  const read = await checkSource(checked, source);
  const fingerprint = await source.fingerprint();
  const changing = fingerprint === before ? [] : [SOURCE_CHANGING];
  const problems = [...checked.problems, ...(options.known ?? []), ...read.problems, ...changing];
  if (problems.length > 0) {
    const { id } = (description ?? {}) as { id?: unknown };
    throw new CatalogError("ERR_CATALOG_INVALID", `asset ${String(id)} cannot be registered`, problems);
  }
  const described = description as AssetDescription;
  const salt = options.random(SALT_BYTES);
  return {
    asset: {
      ...described,
      version: options.version,
      provider: member,
      quality: read.quality,
      sourceDigest: saltedDigest(salt, { sha256: fingerprint }),
    },
    fingerprint,
    salt: toBase64url(salt),
  };
}

/** Registers a new asset, or the next version of a known one. */
export async function registerAsset<D>(
  ports: RegistrationPorts<D>,
  input: {
    readonly description: unknown;
    readonly location: D;
    readonly source: Source;
    /** What is wrong with what comes along with the description; listed with its own problems. */
    readonly known?: readonly Problem[];
  },
): Promise<Asset> {
  const id = (input.description as { id?: unknown } | null)?.id;
  const known = typeof id === "string" ? await settled(ports, id) : undefined;
  const onLedger = typeof id === "string" ? await ports.onLedger(id) : undefined;
  if (known?.state === "withdrawn" || onLedger?.state === "withdrawn") {
    throw new CatalogError("ERR_CATALOG_WITHDRAWN", `asset ${id} was withdrawn for good; register it under another id`);
  }
  const prepared = await prepareAsset(ports.member, input.description, input.source, {
    version: Math.max(known?.asset.version ?? 0, onLedger?.version ?? 0) + 1,
    random: ports.random,
    known: input.known ?? [],
  });
  if (known?.state === "registered" && unchanged(known, prepared)) {
    throw new CatalogError(
      "ERR_CATALOG_UNCHANGED",
      `asset ${known.asset.id} version ${known.asset.version} is the same`,
    );
  }
  const record: AssetRecord<D> = {
    state: "registering",
    ...prepared,
    source: input.location,
    ...(known === undefined ? {} : { previous: known }),
  };
  await ports.store.put(record.asset.id, record);
  return (await finish(ports, record)).asset;
}

/** Finishes or undoes what a crash or an unreachable ledger left `registering`; call at start. */
export async function resumeRegistrations<D>(ports: RegistrationPorts<D>): Promise<void> {
  const open: AssetRecord<D>[] = [];
  for await (const [, record] of ports.store.entries()) if (record.state === "registering") open.push(record);
  for (const record of open) {
    await finish(ports, record).catch((error: unknown) => {
      if (!(error instanceof CatalogError)) throw error;
    });
  }
}

/** `announce` puts the withdrawal on the ledger. The record stays, so that the id is not used again. */
export async function withdrawAsset<D>(
  ports: Pick<RegistrationPorts<D>, "store"> & { readonly announce: (asset: Asset) => Promise<Announcement> },
  id: string,
): Promise<Asset> {
  const record = await ports.store.get(id);
  if (record === undefined) throw new CatalogError("ERR_CATALOG_UNKNOWN", `asset ${id} is not registered here`);
  if (record.state !== "registered") throw new CatalogError("ERR_CATALOG_WITHDRAWN", `asset ${id} is ${record.state}`);
  const answer = await ports.announce(record.asset);
  if (!answer.accepted) throw new CatalogError("ERR_CATALOG_REJECTED", `the ledger refused: ${answer.code}`);
  await ports.store.put(id, { ...record, state: "withdrawn" });
  return record.asset;
}

async function settled<D>(ports: RegistrationPorts<D>, id: string): Promise<AssetRecord<D> | undefined> {
  const record = await ports.store.get(id);
  return record?.state === "registering" ? finish(ports, record) : record;
}

async function finish<D>(ports: RegistrationPorts<D>, record: AssetRecord<D>): Promise<AssetRecord<D>> {
  const { id, version } = record.asset;
  const answer = await ports.announce(record.asset);
  if (answer.accepted) {
    const { previous: _previous, ...rest } = record;
    const registered: AssetRecord<D> = { ...rest, state: "registered" };
    await ports.store.put(id, registered);
    return registered;
  }
  if (record.previous === undefined) await ports.store.delete(id);
  else await ports.store.put(id, record.previous);
  throw new CatalogError("ERR_CATALOG_REJECTED", `the ledger refused asset ${id} version ${version}: ${answer.code}`);
}

/** The salt, the version and what follows from them aside, is it the same asset over the same bytes? */
function unchanged<D>(known: AssetRecord<D>, prepared: PreparedAsset): boolean {
  const core = ({ version: _version, sourceDigest: _digest, ...rest }: Asset): string => digestOf(rest);
  return known.fingerprint === prepared.fingerprint && core(known.asset) === core(prepared.asset);
}
