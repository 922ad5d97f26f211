/**
 * What a data request says of itself besides the query (数据申请表): the groups of fields that public data forms ask for.
 * Everything may be absent here; what a complete form holds is in `formProblems`.
 */
import { type Static, Type } from "typebox";
import { Bytes32, Code, closed, literals, Text } from "./vocabulary.ts";

/** How the data are used. Requests are for the first two; records leave by transfers. */
export const USAGES = [
  "aggregate-statistics",
  "ciphertext-computation",
  "verification",
  "masked-records",
  "interface",
  "bulk",
] as const;
export const FREQUENCIES = ["once", "monthly", "quarterly", "yearly", "on-demand"] as const;
export const DESTRUCTIONS = ["delete", "overwrite", "crypto-erase"] as const;

const Short = Type.String({ minLength: 1, maxLength: 200 });
const Involved = closed({
  involved: Type.Optional(Type.Boolean()),
  /** Number of the impact or risk assessment. */
  assessment: Type.Optional(Short),
});

export const RequestForm = closed({
  applicant: Type.Optional(
    closed({
      /** Unified social credit code, GB 32100-2015. */
      creditCode: Type.Optional(Short),
      person: Type.Optional(Short),
      phone: Type.Optional(Short),
      email: Type.Optional(Short),
    }),
  ),
  /** What the scenario is, in words. */
  scenario: Type.Optional(Text),
  /** Why each data element is needed, by element. */
  necessity: Type.Optional(Type.Record(Code, Text, { additionalProperties: false, maxProperties: 500 })),
  /** Absent: aggregate-statistics. */
  usage: Type.Optional(literals(USAGES)),
  frequency: Type.Optional(literals(FREQUENCIES)),
  /** Most computations. */
  calls: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
  /** Where the results are kept and used. */
  deployment: Type.Optional(Text),
  /** Whether results leave the country. */
  leavesCountry: Type.Optional(closed({ leaves: Type.Optional(Type.Boolean()), assessment: Type.Optional(Short) })),
  /** Whether results are handed on. */
  onwardSharing: Type.Optional(Type.Boolean()),
  personalInformation: Type.Optional(Involved),
  importantData: Type.Optional(Involved),
  destruction: Type.Optional(literals(DESTRUCTIONS)),
  attachments: Type.Optional(Type.Array(closed({ name: Short, digest: Bytes32 }), { maxItems: 32 })),
  commitments: Type.Optional(
    closed({ confidentiality: Type.Optional(Type.Boolean()), agreement: Type.Optional(Type.Boolean()) }),
  ),
});
export type RequestForm = Static<typeof RequestForm>;
