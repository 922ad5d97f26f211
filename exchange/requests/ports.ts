/** What the request use cases need from a node: small stores, the ledger, an identity, a clock and randomness. */
import type { Signed, SigningIdentity } from "../../crypto/suites/signed.ts";
import type { Ledger } from "../../ledger/port.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import type { RequestLife } from "./life.ts";

/** Keyed JSON records; a put is durable when it resolves. */
export interface RecordStore<V> {
  get(id: string): Promise<V | undefined>;
  put(id: string, value: V): Promise<void>;
  delete(id: string): Promise<void>;
  entries(prefix?: string): AsyncIterable<readonly [id: string, value: V]>;
}

/** A signed document with the salt of its ledger digest: what others pull and check. */
export interface SaltedDocument<S> {
  readonly document: Signed<S>;
  /** 32 bytes, base64url. */
  readonly salt: string;
}

export type RequestDocument = SaltedDocument<DataRequest>;

/** A request as far as the ledger has moved it. Written by submission once, then only by whoever follows the ledger. */
export interface LifeRecord {
  readonly life: RequestLife;
  /** Ledger position up to which `life` has been moved; -1 for a draft. */
  readonly position: number;
}

/** Three stores, so that no two writers share a record. */
export interface RequestStores {
  readonly lives: RecordStore<LifeRecord>;
  /** Signed documents with their salts: own ones, and verified ones of others. */
  readonly documents: RecordStore<RequestDocument>;
  /** Own verdicts, by `explanationKey`. */
  readonly explanations: RecordStore<Explanation>;
}

/** A provider's full reasons, kept at home; the ledger holds `saltedDigest(salt, explanation)`. */
export interface Explanation {
  readonly salt: string;
  readonly asset: string;
  readonly outcome: "permit" | "refuse" | "wait";
  readonly reasons: readonly string[];
  readonly policyDigest: string;
  readonly policyVersion: number;
  readonly decidedBy?: string;
  readonly at: string;
  /** Verdicts of the rules as the policy engine gave them. */
  readonly verdicts: readonly unknown[];
}

export interface Party {
  readonly network: string;
  readonly identity: SigningIdentity;
  readonly ledger: Ledger;
  /** UTC with Z. */
  readonly now: () => string;
  readonly random: (bytes: number) => Uint8Array;
}

/** A member by this node's own replica. */
export interface DirectoryMember {
  readonly id: string;
  readonly active: boolean;
  readonly kind: "government" | "enterprise" | "industry";
  readonly holdingGroup: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly endpoint?: string;
}

export interface DirectoryAsset {
  readonly id: string;
  readonly version: number;
  readonly withdrawn: boolean;
  readonly metadataDigest: string;
  readonly policyDigest: string;
  readonly policyVersion: number;
  readonly unitDomain: string;
}

/** Facts of the ledger that use cases ask for; answered from this node's own verified replica only. */
export interface Directory {
  member(id: string): Promise<DirectoryMember | undefined>;
  asset(id: string): Promise<DirectoryAsset | undefined>;
  sequencer(): Promise<string>;
  /** Code tables of the registry attributes. */
  attributes(): Promise<Readonly<Record<string, readonly string[]>>>;
  /** A request that was filed; `refusedAt`: the latest refusal by a provider. */
  request(
    id: string,
  ): Promise<{ readonly requester: string; readonly filedAt: string; readonly refusedAt?: string } | undefined>;
  /** Of the asset's privacy account that has least left, in billionths of ρ; undefined where it has none. */
  privacyLeft(asset: string): Promise<number | undefined>;
  /** Raw public key of an active member's key that is not revoked; undefined for all others. */
  publicKey(member: string, key: string): Promise<Uint8Array | undefined>;
}
