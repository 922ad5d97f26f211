/**
 * The chain of contexts that masks and statements are bound to (secure-aggregation.md section 3), written apart from
 * the nodes' own code: ctx0 = H(opened), ctx1 = H(ctx0, U, V), ctx2 = H(ctx1, close-1, bitmap).
 */
import type { TransactionBody } from "../../chaincode/rules/transactions.ts";
import { digestOf } from "../../crypto/suites/digest.ts";

const LABELS: Readonly<Record<string, string>> = {
  intl: "sealane/secagg/x25519-hkdf-sha256-aes256ctr/v1",
  gm: "sealane/secagg/sm2-hkdf-sm3-sm4ctr/v1",
  "intl-pq": "sealane/secagg/xwing-hkdf-sha256-aes256ctr/v1",
};
/** In contexts that follow from the first one. */
export const SUITE = LABELS["intl"];

interface MemberSet {
  readonly members: readonly string[];
  readonly root: string;
}

export const openingContext = (opened: TransactionBody<"computation.open">): string =>
  digestOf({ suite: LABELS[opened.suite ?? "intl"], context: 0, opened });

/** `graph`: what the graph was drawn from, or null where it is complete. */
export const maskContext = (previous: string, keyset: MemberSet, maskset: MemberSet, graph: string | null): string =>
  digestOf({
    suite: SUITE,
    context: 1,
    previous,
    keyset: { members: keyset.members, root: keyset.root },
    maskset: { members: maskset.members, root: maskset.root },
    ...(graph === null ? {} : { graph }),
  });

/** `closing` is the digest of close-1, or null in registry mode. */
export const valueContext = (previous: string, closing: string | null, bitmap: string): string =>
  digestOf({ suite: SUITE, context: 2, previous, closing, bitmap });

/** What views sign. */
export const closingDigest = (close: TransactionBody<"computation.close">): string => {
  const { computation, phase, headers, root, sum } = close;
  return digestOf({ computation, phase, headers, root, ...(sum === undefined ? {} : { sum }) });
};
