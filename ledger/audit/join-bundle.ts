/**
 * Evidence of the joins of one request: who asked, who agreed under which policy, every run that has begun, and what was told in
 * each, with its ledger records and both sides' signed statements. On disk as `EvidenceBundle`.
 */
import { type Static, Type } from "typebox";
import { Bytes32, Code, Count, closed, Uuid } from "../../chaincode/rules/vocabulary.ts";
import { EvidenceBody, RequestView, recordOf } from "./bundle.ts";
import { JoinMatched, JoinReleased } from "./join-statements.ts";

export const JOIN_EVIDENCE_FORMAT = "sealane/join-evidence/v1";

const { members, assets, submitted, decisions, agreements, checkpoints, fabric } = EvidenceBody.properties;
const one = <T extends { readonly items: object }>(list: T) => ({ ...list, maxItems: 1 });

/** What the asker opened: integers of the layout's common form, which its figures are divided from. */
const OpenedGroup = closed({
  group: Count,
  rows: Count,
  sums: Type.Array(Type.String({ pattern: "^-?(0|[1-9]\\d{0,18})$" }), { maxItems: 64 }),
});

const JoinRunEvidence = closed({
  opened: recordOf("join.open"),
  committed: Type.Optional(recordOf("join.commit")),
  ended: recordOf("join.end"),
  /** As the asker has it; absent where nothing was told, or it did not arrive. */
  release: Type.Optional(JoinReleased),
  sums: Type.Optional(
    closed({ seed: Bytes32, matched: JoinMatched, opened: Type.Array(OpenedGroup, { maxItems: 10_000 }) }),
  ),
});

export const JoinEvidence = closed({
  body: closed({
    format: Type.Literal(JOIN_EVIDENCE_FORMAT),
    network: Code,
    request: Uuid,
    checkpoints,
    fabric,
    members,
    assets: one(assets),
    submitted: closed({
      ...submitted.properties,
      request: closed({
        ...submitted.properties.request.properties,
        document: closed({
          ...submitted.properties.request.properties.document.properties,
          statement: Type.Object({
            ...RequestView.properties,
            join: Type.Object({ operation: Code, items: Type.Integer({ minimum: 1 }) }),
          }),
        }),
      }),
    }),
    decisions: one(decisions),
    agreements: one(agreements),
    /** The policy that was decided under. */
    policies: Type.Array(Type.Unknown(), { minItems: 1, maxItems: 1 }),
    /** All of them, from the first one on. */
    runs: Type.Array(JoinRunEvidence, { minItems: 1, maxItems: 1000 }),
  }),
});
export type JoinEvidence = Static<typeof JoinEvidence>;
export type JoinRunEvidence = Static<typeof JoinRunEvidence>;
