/**
 * The trust file (`sealane trust export`): what an auditor pins before looking at any evidence. Everything in it is
 * taken as true, so it must reach the auditor by a channel of its own. It holds no secret.
 */
import { type Static, Type } from "typebox";
import { Code, Count, closed, KeyId, MemberId, PublicKey, SuiteId } from "../../chaincode/rules/vocabulary.ts";
import { PinnedFabric } from "./fabric-bundle.ts";

/**
 * Brought by the record at `from`; ended by the record at `ended.at`, which it may itself sign. A replaced key still
 * proves what was said with it outside the ledger; a revoked one proves nothing from that record on.
 */
export const PinnedKey = closed({
  key: KeyId,
  suite: SuiteId,
  publicKey: PublicKey,
  from: Count,
  ended: Type.Optional(closed({ at: Count, how: Type.Enum(["replaced", "revoked"]) })),
});

/** Positions between which a member is active: admitted or reinstated at `from`, suspended or expelled at `until`. */
export const ActiveSpan = closed({ from: Count, until: Type.Optional(Count) });

export const PinnedMember = closed({
  id: MemberId,
  /** Its cosignature counts towards the quorum of the embedded ledger while it is active. */
  cosigner: Type.Boolean(),
  keys: Type.Array(PinnedKey, { minItems: 1, maxItems: 256 }),
  active: Type.Array(ActiveSpan, { minItems: 1, maxItems: 256 }),
});

/** Who orders the ledger from the record at `from` on. */
export const PinnedSequencer = closed({ member: MemberId, from: Count });

export const TRUST_FORMAT = "sealane/trust/v1";
export const TrustFile = closed({
  format: Type.Literal(TRUST_FORMAT),
  network: Code,
  /** Origin line of the checkpoints. */
  origin: Type.String({ minLength: 1, maxLength: 200 }),
  /** Ascending by `from`; more than one only after a replacement by vote. */
  sequencers: Type.Array(PinnedSequencer, { minItems: 1, maxItems: 256 }),
  /** Ascending by id. */
  members: Type.Array(PinnedMember, { minItems: 1, maxItems: 10_000 }),
  /**
   * At the height of the export, cosigned by the quorum: a majority of the active cosigners, the sequencer excluded. No
   * checkpoint carries more cosignatures than that, so nobody can ask for more.
   */
  checkpoint: Type.Optional(Type.String({ minLength: 1, maxLength: 1_000_000 })),
  /** In place of a checkpoint where the ledger is a Fabric network. */
  fabric: Type.Optional(PinnedFabric),
});

export type TrustFile = Static<typeof TrustFile>;
export type PinnedMember = Static<typeof PinnedMember>;
export type PinnedKey = Static<typeof PinnedKey>;
