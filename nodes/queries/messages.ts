/** Encrypted queries between two members: schemas and paths of `peer/v1`. */
import { type Static, Type } from "typebox";
import { closed } from "../../chaincode/rules/vocabulary.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import { AnsweredQuery, AskedQuery, MOST_LISTS } from "../../ledger/audit/query-statements.ts";

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

/** What both sides know a query by before it is made: its key's second polynomial follows from it. */
export const seedOf = ({ agreement, number }: Pick<AskedQuery["statement"], "agreement" | "number">): Uint8Array =>
  fromBase64url(digestOf({ queryKey: { agreement, number } }), "seed");

export const queryPath = (request: string): string => `/peer/v1/requests/${request}/queries`;
/** The key, four lists and what is around them, in base64url. */
export const QUERY_CALL_BYTES = 8 * 2 ** 20;
