/**
 * Evidence of the encrypted queries of one request: who asked, who agreed under which policy, and every answer that was
 * given, each with its ledger record and both sides' signed statements. On disk as `EvidenceBundle`.
 */
import { type Static, Type } from "typebox";
import { Code, closed, Uuid } from "../../chaincode/rules/vocabulary.ts";
import { EvidenceBody, RequestView, recordOf } from "./bundle.ts";
import { AnsweredQuery, AskedQuery } from "./query-statements.ts";

export const QUERY_EVIDENCE_FORMAT = "sealane/query-evidence/v1";

const { members, assets, submitted, decisions, agreements, checkpoints, fabric } = EvidenceBody.properties;
const one = <T extends { readonly items: object }>(list: T) => ({ ...list, maxItems: 1 });

export const QueryEvidence = closed({
  body: closed({
    format: Type.Literal(QUERY_EVIDENCE_FORMAT),
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
            encryptedQuery: Type.Object({ figures: Type.Integer({ minimum: 1 }) }),
          }),
        }),
      }),
    }),
    decisions: one(decisions),
    agreements: one(agreements),
    /** The policy that was decided under. */
    policies: Type.Array(Type.Unknown(), { minItems: 1, maxItems: 1 }),
    /** All of them, from the first one on. */
    answers: Type.Array(closed({ record: recordOf("query.answer"), query: AskedQuery, answer: AnsweredQuery }), {
      minItems: 1,
      maxItems: 1000,
    }),
  }),
});
export type QueryEvidence = Static<typeof QueryEvidence>;
