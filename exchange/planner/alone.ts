/** Bytes and processor seconds of what one provider answers by itself: encrypted queries, and joins. */
import { ANSWER_BYTES, QUERY_BYTES, QUERY_KEY_BYTES } from "../../crypto/he/query.ts";
import { POINT_BYTES } from "../../crypto/psi/masking.ts";
import type { DataRequest, JoinOperation } from "../../policies/model/request.ts";
import {
  JOIN_CALL_BYTES,
  JOIN_ITEM_SECONDS,
  JOIN_RUN_SECONDS,
  QUERY_CALL_BYTES,
  QUERY_CALL_SECONDS,
  QUERY_LIST_SECONDS,
} from "./costs.ts";

export const ALONE_KINDS = ["encrypted-query", "intersection", "cardinality", "statistics"] as const;
export type AloneKind = (typeof ALONE_KINDS)[number];

/** Of all figures that may be asked for, one in each call; or of one join with as long a list as was asked for. */
export interface AloneEstimate {
  /** Bodies of messages: what the requester sends, the provider, and both together with what a third one gets. */
  readonly bytes: { readonly requester: number; readonly provider: number; readonly total: number };
  /** Of processors. */
  readonly seconds: number;
}

export interface AlonePlan {
  readonly kind: AloneKind;
  readonly estimate: AloneEstimate;
}

const base64 = (bytes: number): number => Math.ceil((bytes * 4) / 3);

/** Undefined: a computation over a cohort. `rows`: of the table. `speed`: see estimate.ts. */
export function planAlone(request: DataRequest, rows: number, speed: number): AlonePlan | undefined {
  const { encryptedQuery, join, query } = request;
  if (encryptedQuery !== undefined) {
    return { kind: "encrypted-query", estimate: estimateQueries(encryptedQuery.figures, speed) };
  }
  if (join === undefined) return undefined;
  const { items, operation } = join;
  return { kind: operation, estimate: estimateJoin({ items, operation, rows, columns: query.measures.length }, speed) };
}

/** A key is for one call. */
function estimateQueries(figures: number, speed: number): AloneEstimate {
  const requester = figures * (base64(QUERY_KEY_BYTES) + base64(QUERY_BYTES) + QUERY_CALL_BYTES);
  const provider = figures * (base64(ANSWER_BYTES) + QUERY_CALL_BYTES);
  const seconds = speed * figures * (QUERY_CALL_SECONDS + QUERY_LIST_SECONDS);
  return { bytes: { requester, provider, total: requester + provider }, seconds };
}

interface JoinShape {
  readonly operation: JoinOperation;
  readonly items: number;
  readonly rows: number;
  readonly columns: number;
}

/** Each list goes over once masked by its owner and once more by the other side: back to it, or to whoever matches. */
function estimateJoin({ operation, items, rows, columns }: JoinShape, speed: number): AloneEstimate {
  const isSummed = operation === "statistics";
  const requester = POINT_BYTES * (items + rows) + JOIN_CALL_BYTES + (isSummed ? 2 * items : 0);
  const provider = POINT_BYTES * (items + rows) + JOIN_CALL_BYTES + (isSummed ? (2 + 8 * columns) * rows : 0);
  const seconds = speed * (JOIN_RUN_SECONDS + JOIN_ITEM_SECONDS * (items + rows));
  return { bytes: { requester, provider, total: requester + provider }, seconds };
}
