/** What a provider knows when it decides, besides the documents. Facts come from its own replica and clock. */
import { type Static, Type } from "typebox";
import { REQUESTER_KINDS } from "./operands.ts";
import { Code, closed, Instant, literals, MemberId, Text } from "./vocabulary.ts";

/** The part of a ledger member record that rules read (a MemberRecord, or a member's state, is accepted as it is). */
export const MemberFacts = Type.Object({
  id: MemberId,
  kind: literals(REQUESTER_KINDS),
  holdingGroup: Code,
  /** Of the registry; `clearance` is what `sealane:clearance` reads. */
  attributes: Type.Optional(Type.Record(Code, Code, { additionalProperties: false })),
});

export const DecisionContext = closed({
  provider: MemberFacts,
  /** Absent: not an active member of the ledger; every rule that needs the member refuses. */
  requester: Type.Optional(MemberFacts),
  receiver: Type.Optional(MemberFacts),
  coordinator: Type.Optional(MemberFacts),
  sequencer: Type.Optional(MemberFacts),
  now: Instant,
  /** Computations of this asset that already count against the policy's use limit. */
  usesSoFar: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  /** Of the asset's privacy account that has least left, in billionths of ρ. Absent: it has none. */
  privacyLeft: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
  /** The request that this one appeals for. Absent: it appeals for none, or for one that the ledger does not have. */
  appealed: Type.Optional(
    closed({
      requester: MemberId,
      /** When the appeal was filed. */
      filedAt: Instant,
      /** Last instant to file it, after the latest refusal. Absent: nobody refused. */
      until: Type.Optional(Instant),
    }),
  ),
  /** Code tables of the registry attributes, as `network.found` declares them. */
  attributes: Type.Record(Code, Type.Array(Code, { maxItems: 10_000 }), { additionalProperties: false }),
  /** Unit -> quantity of the declared exact conversion factors; absent: only equal units are accepted. */
  quantities: Type.Optional(Type.Record(Code, Type.String(), { additionalProperties: false })),
  /** What the steward has said about this request and asset, if anything. */
  approval: Type.Optional(
    closed({ outcome: Type.Union([Type.Literal("approved"), Type.Literal("refused")]), by: Text, at: Instant }),
  ),
});

export type MemberFacts = Static<typeof MemberFacts>;
export type DecisionContext = Static<typeof DecisionContext>;
