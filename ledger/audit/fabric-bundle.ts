/** What a bundle carries of a Fabric network: whole blocks, each as several organisations' peers stated it, and where a record stands. */
import { type Static, Type } from "typebox";
import { Count, closed } from "../../chaincode/rules/vocabulary.ts";

/** base64url, unpadded. */
const Bytes = Type.String({ pattern: "^[A-Za-z0-9_-]*$", maxLength: 134_217_728 });
const Hash = Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" });
const Name = Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,248}$" });

/**
 * A peer's endorsed answer of qscc. What it signed is `before`, then the block's data as protobuf, then `after`: the data
 * are the same in all of a block's statements and stand once.
 */
const FabricStatement = closed({
  proposal: Bytes,
  before: Bytes,
  after: Bytes,
  /** Index into `identities`. */
  endorser: Count,
  signature: Bytes,
});

const FabricBlock = closed({
  /** Envelopes, in order. */
  data: Type.Array(Bytes, { maxItems: 100_000 }),
  statements: Type.Array(FabricStatement, { minItems: 1, maxItems: 100 }),
});

/** Header of a block between two that are carried whole. */
const FabricHeader = closed({ number: Count, previous: Hash, data: Hash });

export const FabricPart = closed({
  channel: Name,
  chaincode: Name,
  /** SerializedIdentity of the peers. */
  identities: Type.Array(Bytes, { maxItems: 1_000 }),
  /** Ascending: every configuration block from the pinned one on, and every block that holds a record. */
  blocks: Type.Array(FabricBlock, { minItems: 1, maxItems: 100_000 }),
  /** Ascending. */
  headers: Type.Array(FabricHeader, { maxItems: 1_000_000 }),
});

export const FabricPlace = closed({
  kind: Type.Literal("fabric"),
  /** Number of the block. */
  block: Count,
  /** Index in the block. */
  transaction: Count,
  /** Index among the records of the transaction. */
  record: Count,
});

/** In the trust file. */
export const PinnedFabric = closed({
  channel: Name,
  chaincode: Name,
  /** The configuration block that everything starts from, and the hash of its header. */
  config: closed({ block: Count, hash: Hash }),
  /** ApplicationPolicy of the chaincode: whose endorsements a transaction needs. */
  policy: Bytes,
  /** Organisations whose peers must agree on the validity of what is shown. */
  statements: Type.Integer({ minimum: 2, maximum: 100 }),
});

/** LedgerProof of kind `fabric`: one record's part of a bundle. */
export interface FabricProof {
  readonly place: Omit<FabricPlace, "kind">;
  readonly part: FabricPart;
  /** ApplicationPolicy of the chaincode as the prover's own peer gives it, base64url: what a trust file pins. */
  readonly policy: string;
}

export type FabricPart = Static<typeof FabricPart>;
export type FabricPlace = Static<typeof FabricPlace>;
export type FabricBlock = Static<typeof FabricBlock>;
export type FabricStatement = Static<typeof FabricStatement>;
export type FabricHeader = Static<typeof FabricHeader>;
export type PinnedFabric = Static<typeof PinnedFabric>;
