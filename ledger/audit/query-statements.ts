/** What the two sides of an encrypted query sign (domain "query"): kept as it was sent, and checked by whoever audits. */
import { type Static, Type } from "typebox";
import { Count, closed, Digest, Instant, signed, Uuid } from "../../chaincode/rules/vocabulary.ts";

/** The one set of parameters there is (crypto/he/query.ts). */
export const QUERY_PARAMETERS_ID = "bfv-16384-300-59" as const;

/** Lists of one call: four megabytes of ciphertexts. */
export const MOST_LISTS = 4;

const Lists = Type.Array(Digest, { minItems: 1, maxItems: MOST_LISTS });
const ABOUT = {
  request: Uuid,
  agreement: Uuid,
  /** Counted from 1, under this agreement. */
  number: Type.Integer({ minimum: 1, maximum: 1000 }),
};

export const AskedQuery = signed(
  closed({
    ...ABOUT,
    parameters: Type.Literal(QUERY_PARAMETERS_ID),
    /** SHA-256 of the bytes of its first polynomial. */
    publicKey: Digest,
    /** SHA-256 of each encrypted list. */
    lists: Lists,
    at: Instant,
  }),
);
export const AnsweredQuery = signed(
  closed({
    ...ABOUT,
    /** Digest of the signed query. */
    query: Digest,
    answers: Lists,
    /** Salted digest of the cells that were answered with: the same for every answer of an agreement. */
    cells: Digest,
    /** Cells that stood in it as zero: too few units. */
    leftOut: Type.Array(Count, { maxItems: 8192 }),
    /** Figures under this agreement, with these. */
    figures: Count,
    at: Instant,
  }),
);
export type AskedQuery = Static<typeof AskedQuery>;
export type AnsweredQuery = Static<typeof AnsweredQuery>;
