/** Ways in which a transfer runs: labels of catalogue, request and policy. */

/** The consumer fetches. */
export const PULL = "HttpData-PULL";
/** The provider sends. */
export const PUSH = "HttpData-PUSH";
/** No record moves: what a data request asks for is computed (docs/protocol.md §4). */
export const SECURE_AGGREGATION = "Sealane-SecureAggregation";
