/** Encrypted queries between two members: schemas and paths of `peer/v1`. */
import { type Static, Type } from "typebox";
import { Code, Count, closed, Digest, Instant, signed, Uuid } from "../../chaincode/rules/vocabulary.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";

/** Lists of one call: four megabytes of ciphertexts. */
export const MOST_LISTS = 4;

export const AskedQuery = signed(
  closed({
    request: Uuid,
    agreement: Uuid,
    /** Counted from 1, under this agreement. */
    number: Type.Integer({ minimum: 1, maximum: 1000 }),
    parameters: Code,
    /** SHA-256 of the bytes of its first polynomial. */
    publicKey: Digest,
    lists: Type.Array(Digest, { minItems: 1, maxItems: MOST_LISTS }),
    at: Instant,
  }),
);
export const AnsweredQuery = signed(
  closed({
    request: Uuid,
    agreement: Uuid,
    number: Type.Integer({ minimum: 1, maximum: 1000 }),
    /** Digest of the signed query. */
    query: Digest,
    answers: Type.Array(Digest, { minItems: 1, maxItems: MOST_LISTS }),
    /** Cells that stood in it as zero: too few units. */
    leftOut: Type.Array(Count, { maxItems: 8192 }),
    /** Figures under this agreement, with these. */
    figures: Count,
    at: Instant,
  }),
);

const Blob = Type.String({ pattern: "^[A-Za-z0-9_-]+$", maxLength: 2_000_000 });
export const QueryCall = closed({
  query: AskedQuery,
  publicKey: Blob,
  lists: Type.Array(Blob, { minItems: 1, maxItems: MOST_LISTS }),
});
export const QueryReply = closed({
  answer: AnsweredQuery,
  answers: Type.Array(Blob, { minItems: 1, maxItems: MOST_LISTS }),
});
export type QueryCall = Static<typeof QueryCall>;
export type QueryReply = Static<typeof QueryReply>;
export type AskedQuery = Static<typeof AskedQuery>;
export type AnsweredQuery = Static<typeof AnsweredQuery>;

/** What both sides know a query by before it is made: its key's second polynomial follows from it. */
export const seedOf = ({ agreement, number }: Pick<AskedQuery["statement"], "agreement" | "number">): Uint8Array =>
  fromBase64url(digestOf({ queryKey: { agreement, number } }), "seed");

export const queryPath = (request: string): string => `/peer/v1/requests/${request}/queries`;
/** The key, four lists and what is around them, in base64url. */
export const QUERY_CALL_BYTES = 8 * 2 ** 20;
